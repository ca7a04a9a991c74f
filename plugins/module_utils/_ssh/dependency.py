# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The one import of paramiko: guarded, so that a module without it can still say what is missing."""

from __future__ import annotations

import logging
import traceback
import typing as t

from .._errors import InputError

try:
    import paramiko as paramiko  # noqa: PLC0414 - the rest of this folder has it from here

    IMPORT_FAILURE = ""
    TransportBase: t.Any = paramiko.transport.ServiceRequestingTransport
    PacketizerBase: t.Any = paramiko.packet.Packetizer
    AuthHandlerBase: t.Any = paramiko.auth_handler.AuthOnlyHandler
    SSHException: type[Exception] = paramiko.SSHException
except Exception:  # noqa: BLE001 - a broken cryptography raises more than ImportError, down to a panic of its native half
    IMPORT_FAILURE = traceback.format_exc()
    TransportBase = object
    PacketizerBase = object
    AuthHandlerBase = object
    SSHException = Exception

# Without a handler, the logging module prints paramiko's warnings to standard error, beside the module's result.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

OLDEST = (3, 5)
# Every name of paramiko's that its documentation does not promise and that we rely on, with the reason. Without one of
# the first kind trust or liveness could not be kept, and the module refuses to start.
REQUIRED = {
    "_verify_key": "to decide trust inside every key exchange",
    "_parse_kex_init": "to name both sides' algorithms when they have none in common",
    "_key_info": "to parse host keys, certificates included",
    "_kex_info": "to know what is installed, and which was agreed on",
    "_cipher_info": "to know what is installed",
    "_mac_info": "to know what is installed",
    "_send_message": "to ask for the authentication service, and to authenticate without losing the answer",
    "_parse_service_accept": "to wait for that service without polling for ever",
    "ensure_session": "for the same",
    "get_auth_handler": "to authenticate without losing the answer",
    "preferred_keys": "to offer certificates before plain keys",
}
# Without one of these the public path is taken, and what is lost is said.
OPTIONAL = {
    "_channel_handler_table": "to end a connection whose peer ignores the channel window (else memory is unbounded)",
}


def has_optional(name: str) -> bool:
    """Say whether the installed paramiko has one of the OPTIONAL names."""
    return name in OPTIONAL and hasattr(TransportBase, name)


def require_paramiko() -> None:
    """Return when paramiko is here and is what this collection is built on; ``dependency_missing`` otherwise."""
    if IMPORT_FAILURE:
        raise InputError(
            "dependency_missing",
            "the Python library paramiko cannot be imported: " + IMPORT_FAILURE.strip().rsplit("\n", 1)[-1],
            remedy="Install it for the Python that runs this module (python -m pip install 'paramiko>=3.5').",
        )
    installed = tuple(int(part) for part in paramiko.__version__.split(".")[:2] if part.isdigit())
    missing = [name for name in REQUIRED if not hasattr(TransportBase, name)]
    if installed < OLDEST or missing:
        lacks = f" (it lacks {', '.join(missing)})" if missing else ""
        raise InputError(
            "dependency_missing",
            f"paramiko {paramiko.__version__} cannot be used{lacks}",
            remedy="Install a version from 3.5 on that this collection's documentation lists.",
        )
