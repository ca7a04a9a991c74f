# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Options of a transfer, and its route (documentation: the fragment ``_transfer``)."""

from __future__ import annotations

from .. import _units
from .._model import RelayOptions, Resources
from .._retry import RetryPolicy
from .values import Params, Spec, given, invalid

_MOST_STREAMS = 16
_LEAST_MEMORY_BYTES = 8 * 1024 * 1024


def transfer_spec() -> Spec:
    """Return the spec of the transfer options."""
    return {
        "if_exists": {"type": "str", "choices": ["replace", "fail", "skip", "version"], "default": "replace"},
        "compare": {"type": "str", "choices": ["auto", "checksum", "size_mtime"], "default": "auto"},
        "verify": {"type": "str", "choices": ["auto", "server", "readback", "acknowledged"], "default": "auto"},
        "source_digest": {"type": "str", "choices": ["auto", "always"], "default": "auto"},
        "preserve_mtime": {"type": "bool", "default": True},
        "mode": {"type": "raw"},
        "create_directories": {"type": "bool", "default": False},
        "resume": {"type": "bool", "default": True},
        "lock_timeout": {"type": "str", "default": "10m"},
        "streams": {"type": "int"},
        "rate_limit": {"type": "str"},
        "max_memory": {"type": "str", "default": "64MiB"},
        "retries": {"type": "int", "default": 3},
        "retry_delay": {"type": "str", "default": "1s"},
        "heartbeat": {"type": "str", "default": "10s"},
    }


def route_spec() -> Spec:
    """Return the spec of the option ``route`` (documentation: the part ``ROUTE`` of the fragment)."""
    return {"route": {"type": "str", "choices": ["controller", "destination", "source"], "default": "controller"}}


def read_relay_options(params: Params) -> RelayOptions:
    """Return the rules for each copy. Raises ``InputError`` ``invalid_input``."""
    mode = params["mode"]
    return RelayOptions(
        if_exists=params["if_exists"],
        compare=params["compare"],
        verify=params["verify"],
        preserve_mtime=params["preserve_mtime"],
        mode=_mode(mode),
        preserve_mode=mode == "preserve",
        create_directories=params["create_directories"],
        resume=params["resume"],
        lock_timeout_seconds=_units.duration(params["lock_timeout"], option="lock_timeout"),
        source_digest=params["source_digest"],
    )


def _mode(value: object) -> int | None:
    """Return permission bits, or None for ``preserve`` and for no value.

    A text is octal. A number is taken as YAML parsed it, as in Ansible's own modules, so quotes are safer.
    """
    if value is None or value in ("", "preserve"):
        return None
    try:
        bits = int(value) if isinstance(value, int) else int(str(value), 8)
    except ValueError:
        bits = -1
    if isinstance(value, bool) or not 0 <= bits <= 0o7777:
        raise invalid("mode", value, "octal permission bits in quotes, such as '0640', or 'preserve'")
    return bits


def read_rate_limit(params: Params) -> float:
    """Return the limit in bytes per second, 0 for no limit."""
    value = given(params["rate_limit"])
    return 0 if value is None else _units.size(value, option="rate_limit")


def read_resources(params: Params, *, destinations: int = 1) -> Resources:
    """Return the channels and the memory for each of ``destinations``, which share ``max_memory`` equally.

    A rate limit also bounds read-ahead to two seconds of data (at least 4 MiB), so that the network sees the limit.
    """
    streams, memory = params["streams"], _units.size(params["max_memory"], option="max_memory")
    if streams is not None and not 1 <= streams <= _MOST_STREAMS:
        raise invalid("streams", streams, f"from 1 to {_MOST_STREAMS}")
    if memory < _LEAST_MEMORY_BYTES:
        raise invalid("max_memory", params["max_memory"], "8MiB or more")
    rate = read_rate_limit(params)
    paced = memory if not rate else min(memory, max(_LEAST_MEMORY_BYTES // 2, int(rate) * 2))
    return Resources(streams, paced // destinations)


def read_retries(params: Params) -> RetryPolicy:
    """Return the number of retries and the first pause. Raises ``InputError`` ``invalid_input``."""
    if params["retries"] < 0:
        raise invalid("retries", params["retries"], "0 or more")
    return RetryPolicy(
        retries=params["retries"], base_seconds=_units.duration(params["retry_delay"], option="retry_delay")
    )
