# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The one import of paramiko: guarded, so that a module without it can still say what is missing."""

from __future__ import annotations

import logging
import sys
import traceback
import typing as t

from .._errors import InputError


class _Invoke:
    """Stands for the library ``invoke``, which is imported when an attribute of it is used."""

    def __getattr__(self, attribute: str) -> t.Any:
        import invoke

        return getattr(invoke, attribute)


def _import_paramiko() -> t.Any:
    """Import paramiko without ``invoke``, which takes as long as all the rest: it imports asyncio and unittest.

    paramiko uses it for ``Match exec`` in configuration files only, and still can.
    """
    imported_before = {"paramiko", "invoke"} & set(sys.modules)
    if not imported_before:
        sys.modules["invoke"] = t.cast(t.Any, None)
    try:
        import paramiko as imported
    finally:
        if not imported_before:
            del sys.modules["invoke"]
    if not imported_before:
        imported.config.invoke = _Invoke()
    return imported


try:
    paramiko: t.Any = _import_paramiko()
    IMPORT_FAILURE = ""
    TransportBase: t.Any = paramiko.transport.ServiceRequestingTransport
    PacketizerBase: t.Any = paramiko.packet.Packetizer
    AuthHandlerBase: t.Any = paramiko.auth_handler.AuthOnlyHandler
    MessageBase: t.Any = paramiko.Message
    AgentBase: t.Any = paramiko.agent.AgentSSH
    GroupExchangeBase: t.Any = TransportBase._kex_info.get("diffie-hellman-group-exchange-sha256", object)
    SSHException: type[Exception] = paramiko.SSHException
except Exception:  # noqa: BLE001 - a broken cryptography raises more than ImportError, down to a panic of its native half
    IMPORT_FAILURE = traceback.format_exc()
    paramiko = None
    TransportBase = object
    PacketizerBase = object
    AuthHandlerBase = object
    MessageBase = object
    AgentBase = object
    GroupExchangeBase = object
    SSHException = Exception

# Without a handler, the logging module prints paramiko's warnings to standard error, beside the module's result.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

OLDEST = (3, 5)
OWNERS = {
    "Transport": TransportBase,
    "Packetizer": PacketizerBase,
    "AuthHandler": AuthHandlerBase,
    "Agent": AgentBase,
}
# Every name of paramiko's that its documentation does not promise and that we rely on, with the reason. Without one of
# the first kind trust or liveness could not be kept, and the module refuses to start.
REQUIRED = {
    "Transport._verify_key": "to decide trust inside every key exchange",
    "Transport._parse_kex_init": "to name both sides' algorithms when they have none in common",
    "Transport._key_info": "to parse host keys, certificates included",
    "Transport._kex_info": "to know what is installed, and which was agreed on",
    "Transport._cipher_info": "to know what is installed",
    "Transport._mac_info": "to know what is installed",
    "Transport._send_message": "to ask for the authentication service, and to authenticate without losing the answer",
    "Transport._parse_service_accept": "to wait for that service without polling for ever",
    "Transport.ensure_session": "for the same",
    "Transport.get_auth_handler": "to authenticate without losing the answer",
    "Transport.preferred_keys": "to offer certificates before plain keys",
    "AuthHandler.send_auth_request": "to authenticate without losing the answer",
    "Packetizer.read_all": "to bound what one packet may hold",
    "Packetizer.read_message": "to bound what a server may repeat without an end",
    "Packetizer.send_message": "to never leave half a packet behind when the job is cancelled",
}
# Without one of these the public path is taken, and what is lost is said.
OPTIONAL = {
    "Transport._channel_handler_table": "to feed channel data directly, and to end a connection whose peer ignores the"
    " channel window (else it comes through paramiko's buffer, and memory is unbounded)",
    "Transport._send_user_message": "to open the window again for channel data that was fed directly",
    "Transport._parse_disconnect": "to tell a server that ends the connection from a link that breaks (else a login"
    " that is cut off over a key is always tried again)",
    "Packetizer._read_timeout": "to end a connection that sends text without an end instead of the SSH version (else"
    " only the deadline ends it)",
    "Packetizer.set_inbound_compressor": "to bound what one compressed packet may hold (else compression is refused)",
    "AuthHandler._parse_userauth_info_request": "to say that a password has expired (else the connection just ends)",
    "Agent._connect": "to ask an ssh-agent over a socket that has a deadline (else no agent is used)",
}


def has_optional(name: str) -> bool:
    """Say whether the installed paramiko has one of the OPTIONAL names."""
    return name in OPTIONAL and _has(name)


def can_feed() -> bool:
    """Say whether channel data can be fed directly; otherwise it comes through paramiko's buffer."""
    return has_optional("Transport._channel_handler_table") and has_optional("Transport._send_user_message")


def _has(name: str) -> bool:
    owner, _dot, attribute = name.partition(".")
    return hasattr(OWNERS[owner], attribute)


def require_paramiko() -> None:
    """Return when paramiko is here and is what this collection is built on; ``dependency_missing`` otherwise."""
    if IMPORT_FAILURE:
        raise InputError(
            "dependency_missing",
            "the Python library paramiko cannot be imported: " + IMPORT_FAILURE.strip().rsplit("\n", 1)[-1],
            remedy="Install it for the Python that runs this module (python -m pip install 'paramiko>=3.5').",
        )
    installed = tuple(int(part) for part in paramiko.__version__.split(".")[:2] if part.isdigit())
    missing = [name for name in REQUIRED if not _has(name)]
    if installed < OLDEST or missing:
        lacks = f" (it lacks {', '.join(missing)})" if missing else ""
        raise InputError(
            "dependency_missing",
            f"paramiko {paramiko.__version__} cannot be used{lacks}",
            remedy="Install a version from 3.5 on that this collection's documentation lists.",
        )
