# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The only import of paramiko: guarded, so that a module can report that paramiko is missing."""

from __future__ import annotations

import logging
import sys
import traceback
import typing as t

from .._errors import InputError


class _Invoke:
    """Imports the library ``invoke`` when one of its attributes is used."""

    def __getattr__(self, attribute: str) -> t.Any:
        import invoke

        return getattr(invoke, attribute)


def _import_paramiko() -> t.Any:
    """Import paramiko without ``invoke``.

    ``invoke`` imports asyncio and unittest, which doubles the time. paramiko uses it only for ``Match exec`` in
    configuration files; ``_Invoke`` imports it there.
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
except Exception:  # noqa: BLE001 - a broken cryptography raises other errors than ImportError, even a panic of its native code
    IMPORT_FAILURE = traceback.format_exc()
    paramiko = None
    TransportBase = object
    PacketizerBase = object
    AuthHandlerBase = object
    MessageBase = object
    AgentBase = object
    GroupExchangeBase = object
    SSHException = Exception

# Without a handler, the logging module prints paramiko's warnings to standard error, where the module's result is due.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

OLDEST = (3, 5)
OWNERS = {
    "Transport": TransportBase,
    "Packetizer": PacketizerBase,
    "AuthHandler": AuthHandlerBase,
    "Agent": AgentBase,
}
# Every undocumented name of paramiko's that is used here, with the reason. Without one of the required names, trust or
# liveness cannot be kept, and the module refuses to start.
REQUIRED = {
    "Transport._verify_key": "to decide trust inside every key exchange",
    "Transport._parse_kex_init": "to name both sides' algorithms when they have none in common",
    "Transport._key_info": "to parse host keys, certificates included",
    "Transport._kex_info": "to know what is installed, and which was agreed on",
    "Transport._cipher_info": "to know what is installed",
    "Transport._mac_info": "to know what is installed",
    "Transport._send_message": "to ask for the authentication service, and to authenticate without losing the answer",
    "Transport._parse_service_accept": "to wait for that service without polling endlessly",
    "Transport.ensure_session": "for the same",
    "Transport.get_auth_handler": "to authenticate without losing the answer",
    "Transport.preferred_keys": "to offer certificates before plain keys",
    "AuthHandler.send_auth_request": "to authenticate without losing the answer",
    "Packetizer.read_all": "to bound what one packet may hold",
    "Packetizer.read_message": "to limit how often a server may repeat a message",
    "Packetizer.send_message": "to send each packet as a whole when the job is cancelled",
}
# Without one of these, the public interface is used, with the loss that is named here.
OPTIONAL = {
    "Transport._channel_handler_table": "to receive channel data directly, and to end a connection whose peer ignores"
    " the channel window (else data comes through paramiko's buffer, and memory is unbounded)",
    "Transport._send_user_message": "to adjust the window for channel data that was received directly",
    "Transport._parse_disconnect": "to tell a server that ends the connection from a link that breaks (else a login"
    " that is cut off over a key is always tried again)",
    "Packetizer._read_timeout": "to end a connection that sends endless text instead of the SSH version (else"
    " only the deadline ends it)",
    "Packetizer.set_inbound_compressor": "to bound what one compressed packet may hold (else compression is refused)",
    "AuthHandler._parse_userauth_info_request": "to say that a password has expired (else the connection just ends)",
    "Agent._connect": "to ask an ssh-agent over a socket that has a deadline (else no agent is used)",
}


def has_optional(name: str) -> bool:
    """Return whether ``name`` is one of OPTIONAL and the installed paramiko has it."""
    return name in OPTIONAL and _has(name)


def can_receive_directly() -> bool:
    """Return whether channel data can be received directly; otherwise it comes through paramiko's buffer."""
    return has_optional("Transport._channel_handler_table") and has_optional("Transport._send_user_message")


def _has(name: str) -> bool:
    owner, _dot, attribute = name.partition(".")
    return hasattr(OWNERS[owner], attribute)


def require_paramiko() -> None:
    """Raise ``dependency_missing`` unless a paramiko is installed that has all REQUIRED names."""
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
