# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The options that modules share: what may be typed (spec factories), and what it means (the only parsing)."""

from __future__ import annotations

import datetime
import time
import typing as t
import zoneinfo
from dataclasses import replace

from .. import _paths, _units
from .._errors import InputError
from .._model import KNOWN_AUTHENTICATIONS, Credentials, Endpoint, RelayOptions, Resources, Timeouts, Trust
from .._retry import RetryPolicy
from .._selection.model import FILE_TYPES, FUTURE_POLICIES, ORDERS, Selection
from .._selection.name_time import WallClock, fixed_wall_clock, in_zone

Spec = t.Dict[str, t.Any]
Params = t.Mapping[str, t.Any]

_MOST_STREAMS = 16
_LEAST_MEMORY_BYTES = 8 * 1024 * 1024


def endpoint_suboptions() -> Spec:
    """Spec of an endpoint (documentation: the fragment ``_endpoint``)."""
    return {
        **hop_suboptions(),
        "jump": {"type": "list", "elements": "dict", "default": [], "options": hop_suboptions()},
        "remote_checksum": {
            "type": "str",
            "choices": ["auto", "extension", "command", "never"],
            "default": "auto",
        },
        "server_command": {"type": "str"},
        "local": {"type": "bool", "default": False},
    }


def hop_suboptions() -> Spec:
    """Spec of how one server is reached, trusted and logged in to: an endpoint, or a jump on the way to one."""
    return {
        "inventory_host": {"type": "str"},
        "host": {"type": "str"},
        "ssh_config": {"type": "bool", "default": False},
        "port": {"type": "int"},
        "user": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "private_key": {"type": "str", "no_log": True},
        "private_key_file": {"type": "path", "no_log": False},
        "private_key_passphrase": {"type": "str", "no_log": True},
        "certificate": {"type": "str"},
        "use_agent": {"type": "bool", "default": True},
        "authentications": {
            "type": "list",
            "elements": "str",
            "choices": list(KNOWN_AUTHENTICATIONS),
            "default": list(KNOWN_AUTHENTICATIONS),
        },
        "known_hosts": {"type": "raw"},
        "known_hosts_files": {"type": "list", "elements": "path"},
        "host_keys": {"type": "list", "elements": "str", "no_log": False},
        "host_key_alias": {"type": "str", "no_log": False},
        "revoked_host_keys": {"type": "str", "no_log": False},
        "algorithms": {"type": "str", "choices": ["default", "legacy", "post_quantum"], "default": "default"},
        "connect_timeout": {"type": "float", "default": 20},
        "operation_timeout": {"type": "float", "default": 60},
        "stall_timeout": {"type": "float", "default": 60},
        "keepalive": {"type": "float", "default": 15},
        "compression": {"type": "bool", "default": False},
    }


def log_spec() -> Spec:
    """Spec of the audit record (documentation: the fragment ``_attributes``)."""
    return {
        "log_file": {"type": "path"},
        "log_level": {"type": "str", "choices": ["info", "debug"], "default": "info"},
    }


def endpoint_spec() -> Spec:
    """Spec of the option ``endpoint``."""
    return {"endpoint": {"type": "dict", "default": {}, "options": endpoint_suboptions()}}


def source_spec() -> Spec:
    """Spec of the option ``source``: an endpoint, and a path or a list of them."""
    which = {"path": {"type": "str"}, "paths": {"type": "list", "elements": "str"}}
    return {"source": {"type": "dict", "required": True, "options": {**endpoint_suboptions(), **which}}}


def destinations_spec() -> Spec:
    """Spec of the option ``destinations``: endpoints and paths."""
    path = {"path": {"type": "str", "required": True}}
    return {
        "destinations": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {**endpoint_suboptions(), **path},
        }
    }


def get_spec() -> Spec:
    """Spec of ``sftp_get``."""
    return {
        **endpoint_spec(),
        "src": {"type": "str"},
        "paths": {"type": "list", "elements": "str"},
        "dest": {"type": "path", "required": True},
        "owner": {"type": "str"},
        "group": {"type": "str"},
        **transfer_spec(),
    }


def put_spec() -> Spec:
    """Spec of ``sftp_put``."""
    return {
        **endpoint_spec(),
        "src": {"type": "path"},
        "paths": {"type": "list", "elements": "path"},
        "content": {"type": "str", "no_log": True},
        "dest": {"type": "str", "required": True},
        "decrypt": {"type": "bool", "default": True},
        **transfer_spec(),
    }


def selection_spec() -> Spec:
    """Spec of what to look for (documentation: the fragment ``_selection``)."""
    return {
        "patterns": {"type": "list", "elements": "str", "default": []},
        "excludes": {"type": "list", "elements": "str", "default": []},
        "use_regex": {"type": "bool", "default": False},
        "recurse": {"type": "bool", "default": False},
        "depth": {"type": "int"},
        "file_type": {"type": "str", "choices": sorted(FILE_TYPES), "default": "file"},
        "hidden": {"type": "bool", "default": False},
        "ignore_temporary": {"type": "bool", "default": True},
        "order_by": {"type": "str", "choices": sorted(ORDERS), "default": "mtime"},
        "time_format": {"type": "str"},
        "time_zone": {"type": "str", "default": "utc"},
        "limit": {"type": "int"},
        "min_age": {"type": "str"},
        "max_age": {"type": "str"},
        "min_size": {"type": "str", "default": "1"},
        "max_size": {"type": "str"},
        "stable_for": {"type": "str"},
        "shrink_limit": {"type": "str"},
        "future": {"type": "str", "choices": sorted(FUTURE_POLICIES), "default": "refuse"},
        "future_tolerance": {"type": "str", "default": "5m"},
        "fresh_within": {"type": "str"},
        "checksum": {"type": "str", "choices": ["none", "sha256", "sha512"], "default": "none"},
        "when_none": {"type": "str", "choices": ["fail", "ok"], "default": "fail"},
    }


def transfer_spec() -> Spec:
    """Spec of how to transfer (documentation: the fragment ``_transfer``)."""
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
    """Spec of where the work runs (documentation: the fragment ``_transfer.route``)."""
    return {"route": {"type": "str", "choices": ["controller", "destination", "source"], "default": "controller"}}


def read_endpoint(params: Params, *, role: str) -> Endpoint:
    """Return the endpoint that suboptions describe; blanks mean "not given" (AWX fills fields left empty with them)."""
    if params["local"]:
        return Endpoint(role=role, local=True, name=_given(params["inventory_host"]) or "localhost")
    return replace(
        _read_hop(params, role=role),
        remote_checksum=params["remote_checksum"],
        server_command=_given(params["server_command"]) or "",
        jump=tuple(_read_hop(hop, role=role) for hop in params["jump"]),
    )


def _read_hop(params: Params, *, role: str) -> Endpoint:
    host = _given(params["host"])
    if host is None:
        raise InputError(
            "invalid_input",
            f"{role} names no server",
            remedy="Give 'inventory_host', or 'host', or 'local: true'; without any of them it is the play's host.",
            role=role,
        )
    return Endpoint(
        role=role,
        host=host,
        port=_port(params["port"], role),
        name=_given(params["inventory_host"]) or host,
        trust=_trust(params, role),
        credentials=_credentials(params),
        timeouts=_timeouts(params, role),
        compression=params["compression"],
        algorithms=params["algorithms"],
    )


def _trust(params: Params, role: str) -> Trust:
    lines = [line.strip() for line in joined_lines(params["host_keys"]).split("\n")]
    pins = tuple(line for line in lines if line and not line.startswith("#"))
    if params["host_keys"] and not pins:
        raise InputError(
            "invalid_input",
            "host_keys holds nothing but blanks and comments",
            remedy="Leave it out to trust what known_hosts vouches for, or give the host's keys.",
            role=role,
            details={"option": "host_keys"},
        )
    return Trust(
        host_keys=pins,
        known_hosts=_given(joined_lines(params["known_hosts"])) or "",
        known_hosts_files=_file_names(params["known_hosts_files"]),
        host_key_alias=_given(params["host_key_alias"]) or "",
        revoked_host_keys=_given(params["revoked_host_keys"]) or "",
    )


def joined_lines(given: object) -> str:
    """Return a text of lines, or a list of such texts, as one text whose lines end in a line feed, as form fields may
    deliver either; None is empty.
    """
    texts = given if isinstance(given, (list, tuple)) else [] if given is None else [given]
    return "\n".join(str(text) for text in texts).replace("\r\n", "\n").replace("\r", "\n")


def _file_names(given: t.Sequence[object] | None) -> tuple[str, ...] | None:
    """Return the names that are not blank; an empty list stands for no files, one of blanks alone was not given."""
    names = tuple(str(name) for name in given or () if _given(name))
    return None if given is None or (given and not names) else names


def _credentials(params: Params) -> Credentials:
    return Credentials(
        user=_given(params["user"]) or "",
        password=_given(params["password"]),
        private_key=_given(params["private_key"]),
        private_key_file=_given(params["private_key_file"]) or "",
        private_key_passphrase=_given(params["private_key_passphrase"]),
        certificate=_given(params["certificate"]) or "",
        use_agent=params["use_agent"],
        authentications=tuple(params["authentications"]),
    )


def _timeouts(params: Params, role: str) -> Timeouts:
    for option in ("connect_timeout", "operation_timeout", "stall_timeout"):
        if not 0 < params[option] <= _LONGEST_SECONDS:
            raise _invalid(option, params[option], "a number of seconds from above 0 to a week", role)
    if not 0 <= params["keepalive"] <= _LONGEST_SECONDS:
        raise _invalid("keepalive", params["keepalive"], "a number of seconds, 0 for never", role)
    return Timeouts(
        connect_seconds=float(params["connect_timeout"]),
        operation_seconds=float(params["operation_timeout"]),
        stall_seconds=float(params["stall_timeout"]),
        keepalive_seconds=float(params["keepalive"]),
    )


_LONGEST_SECONDS = 7 * 24 * 3600.0


def _port(value: int | None, role: str) -> int:
    port = 22 if value is None else int(value)
    if not 0 < port < 65536:
        raise _invalid("port", port, "a number from 1 to 65535", role)
    return port


def _given(value: object) -> str | None:
    """Return a plain str, or None for what is blank; a secret keeps its inner and outer spaces."""
    return None if value is None or not str(value).strip() else str(value)


def _invalid(option: str, value: object, expected: str, role: str = "") -> InputError:
    return InputError(
        "invalid_input", f"{option} is {value!r}, and must be {expected}", role=role, details={"option": option}
    )


def read_path(value: str, *, option: str) -> bytes:
    """Return a path option in bytes; ``unsafe_path`` when it is empty or has a NUL."""
    return _paths.require_safe(_paths.encode(str(value), option=option), what=option)


def read_sources(params: Params, *, single: str = "src", within: str = "") -> tuple[bytes, ...]:
    """Return what the option ``single`` or ``paths`` names; ``invalid_input`` unless it is exactly one of them.

    ``within`` is the option that they are suboptions of.
    """
    prefix = f"{within}." if within else ""
    alone, listed = params[single], params["paths"]
    if (alone is None) == (listed is None):
        raise InputError(
            "invalid_input",
            f"give either '{prefix}{single}' or '{prefix}paths'",
            remedy=f"'{single}' is one file or one directory, 'paths' a list of files.",
            details={"option": f"{prefix}{single}"},
        )
    if alone is not None:
        return (read_path(alone, option=f"{prefix}{single}"),)
    return tuple(read_path(path, option=f"{prefix}paths[{index}]") for index, path in enumerate(listed))


def read_selection(params: Params) -> Selection:
    """Return what to look for."""
    return Selection(
        patterns=tuple(str(pattern) for pattern in params["patterns"]),
        excludes=tuple(str(pattern) for pattern in params["excludes"]),
        use_regex=params["use_regex"],
        file_type=params["file_type"],
        hidden=params["hidden"],
        ignore_temporary=params["ignore_temporary"],
        order_by=params["order_by"],
        time_format=_given(params["time_format"]) or "",
        wall_clock=_wall_clock(params["time_zone"]),
        limit=params["limit"],
        min_age_seconds=_duration(params, "min_age"),
        max_age_seconds=_duration(params, "max_age"),
        min_size_bytes=_units.size(params["min_size"], option="min_size"),
        max_size_bytes=_size(params, "max_size"),
        shrink_limit=_share(params, "shrink_limit"),
        future=params["future"],
        future_tolerance_seconds=_units.duration(params["future_tolerance"], option="future_tolerance"),
        fresh_within_seconds=_duration(params, "fresh_within"),
        when_none=params["when_none"],
    )


def read_stable_seconds(params: Params) -> _units.Number | None:
    """Return how long a selected file must stay as it is, or None."""
    return _duration(params, "stable_for")


def _duration(params: Params, option: str) -> _units.Number | None:
    value = _given(params[option])
    return None if value is None else _units.duration(value, option=option)


def _size(params: Params, option: str) -> int | None:
    value = _given(params[option])
    return None if value is None else _units.size(value, option=option)


def _share(params: Params, option: str) -> float | None:
    value = _given(params[option])
    return None if value is None else _units.share(value, option=option)


def _wall_clock(zone: str) -> WallClock:
    """Return how to read the times in names: ``utc``, an offset, ``local``, or the name of a zone."""
    fixed = fixed_wall_clock(str(zone))
    if fixed is not None:
        return fixed
    if zone == "local":
        return lambda wall: time.mktime(wall.timetuple())
    try:
        return in_zone(zoneinfo.ZoneInfo(str(zone)))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise _invalid("time_zone", zone, "'utc', 'local', an offset such as '+02:00' or a known zone") from exc


def read_relay_options(params: Params) -> RelayOptions:
    """Return how to relay."""
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
    """Return permission bits; as with Ansible's own modules a number means what YAML made of it, so quotes are best."""
    if value is None or value in ("", "preserve"):
        return None
    try:
        bits = int(value) if isinstance(value, int) else int(str(value), 8)
    except ValueError:
        bits = -1
    if isinstance(value, bool) or not 0 <= bits <= 0o7777:
        raise _invalid("mode", value, "octal permission bits in quotes, such as '0640', or 'preserve'")
    return bits


def read_rate_limit(params: Params) -> float:
    """Return the bytes per second that a transfer may take at most; 0 for no limit."""
    value = _given(params["rate_limit"])
    return 0 if value is None else _units.size(value, option="rate_limit")


def read_resources(params: Params, *, destinations: int = 1) -> Resources:
    """Return what each end may use, when so many destinations share the memory.

    Under a limit of the rate little is asked for in advance, so that the limit is one of the network, too.
    """
    streams, memory = params["streams"], _units.size(params["max_memory"], option="max_memory")
    if streams is not None and not 1 <= streams <= _MOST_STREAMS:
        raise _invalid("streams", streams, f"from 1 to {_MOST_STREAMS}")
    if memory < _LEAST_MEMORY_BYTES:
        raise _invalid("max_memory", params["max_memory"], "8MiB or more")
    rate = read_rate_limit(params)
    paced = memory if not rate else min(memory, max(_LEAST_MEMORY_BYTES // 2, int(rate) * 2))
    return Resources(streams, paced // destinations)


def read_retries(params: Params) -> RetryPolicy:
    """Return how often to try again."""
    if params["retries"] < 0:
        raise _invalid("retries", params["retries"], "0 or more")
    return RetryPolicy(
        retries=params["retries"], base_seconds=_units.duration(params["retry_delay"], option="retry_delay")
    )


def utc_text(seconds: int | None) -> str | None:
    """Return a time as ISO 8601 in UTC, for people; None stays None and what no calendar has becomes None."""
    if seconds is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(seconds, tz=datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return None
