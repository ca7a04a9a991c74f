# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Options that name a server, and the paths on it (documentation: the fragment ``_endpoint``)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._errors import InputError
from .._model import KNOWN_AUTHENTICATIONS, Credentials, Endpoint, Timeouts, Trust
from .values import Params, Spec, given, invalid

_LONGEST_SECONDS = 7 * 24 * 3600.0


def endpoint_spec() -> Spec:
    """Return the spec of the option ``endpoint``."""
    return {"endpoint": {"type": "dict", "default": {}, "options": endpoint_suboptions()}}


def source_spec() -> Spec:
    """Return the spec of the option ``source``: an endpoint, and one path or a list of paths."""
    which = {"path": {"type": "str"}, "paths": {"type": "list", "elements": "str"}}
    return {"source": {"type": "dict", "required": True, "options": {**endpoint_suboptions(), **which}}}


def destinations_spec() -> Spec:
    """Return the spec of the option ``destinations``: a list of endpoints, each with a path."""
    path = {"path": {"type": "str", "required": True}}
    return {
        "destinations": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {**endpoint_suboptions(), **path},
        }
    }


def endpoint_suboptions() -> Spec:
    """Return the spec of an endpoint's suboptions."""
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
    """Return the suboptions that an endpoint and a jump share: how to reach one server, trust it and log in."""
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


def read_endpoint(params: Params, *, role: str) -> Endpoint:
    """Return the endpoint that suboptions describe. Raises ``InputError`` ``invalid_input``.

    A blank text means "not given": AWX sends one for each form field that was left empty.
    """
    if params["local"]:
        return Endpoint(role=role, local=True, name=given(params["inventory_host"]) or "localhost")
    return replace(
        _read_hop(params, role=role),
        remote_checksum=params["remote_checksum"],
        server_command=given(params["server_command"]) or "",
        jump=tuple(_read_hop(hop, role=role) for hop in params["jump"]),
    )


def _read_hop(params: Params, *, role: str) -> Endpoint:
    host = given(params["host"])
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
        name=given(params["inventory_host"]) or host,
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
        known_hosts=given(joined_lines(params["known_hosts"])) or "",
        known_hosts_files=_file_names(params["known_hosts_files"]),
        host_key_alias=given(params["host_key_alias"]) or "",
        revoked_host_keys=given(params["revoked_host_keys"]) or "",
    )


def joined_lines(value: object) -> str:
    """Return one text with line feeds as line ends, from a text or a list of texts; None becomes an empty text.

    Form fields deliver CR, LF or CRLF.
    """
    texts = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    return "\n".join(str(text) for text in texts).replace("\r\n", "\n").replace("\r", "\n")


def _file_names(values: t.Sequence[object] | None) -> tuple[str, ...] | None:
    """Return the names that are not blank; None ("not given") for None and for a list of blanks alone.

    An empty list stays empty: it means "read no files".
    """
    names = tuple(str(value) for value in values or () if given(value))
    return None if values is None or (values and not names) else names


def _credentials(params: Params) -> Credentials:
    return Credentials(
        user=given(params["user"]) or "",
        password=given(params["password"]),
        private_key=given(params["private_key"]),
        private_key_file=given(params["private_key_file"]) or "",
        private_key_passphrase=given(params["private_key_passphrase"]),
        certificate=given(params["certificate"]) or "",
        use_agent=params["use_agent"],
        authentications=tuple(params["authentications"]),
    )


def _timeouts(params: Params, role: str) -> Timeouts:
    for option in ("connect_timeout", "operation_timeout", "stall_timeout"):
        if not 0 < params[option] <= _LONGEST_SECONDS:
            raise invalid(option, params[option], "a number of seconds from above 0 to a week", role)
    if not 0 <= params["keepalive"] <= _LONGEST_SECONDS:
        raise invalid("keepalive", params["keepalive"], "a number of seconds, 0 for never", role)
    return Timeouts(
        connect_seconds=float(params["connect_timeout"]),
        operation_seconds=float(params["operation_timeout"]),
        stall_seconds=float(params["stall_timeout"]),
        keepalive_seconds=float(params["keepalive"]),
    )


def _port(value: int | None, role: str) -> int:
    port = 22 if value is None else int(value)
    if not 0 < port < 65536:
        raise invalid("port", port, "a number from 1 to 65535", role)
    return port
