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
# Overridden on purpose; without them trust could not be decided inside the key exchange.
OVERRIDDEN = ("_verify_key", "ensure_session", "get_auth_handler", "_parse_service_accept", "preferred_keys")


def require_paramiko() -> None:
    """Return when paramiko is here and is what this collection is built on; ``dependency_missing`` otherwise."""
    if IMPORT_FAILURE:
        raise InputError(
            "dependency_missing",
            "the Python library paramiko cannot be imported: " + IMPORT_FAILURE.strip().rsplit("\n", 1)[-1],
            remedy="Install it for the Python that runs this module (python -m pip install 'paramiko>=3.5').",
        )
    installed = tuple(int(part) for part in paramiko.__version__.split(".")[:2] if part.isdigit())
    missing = [name for name in OVERRIDDEN if not hasattr(TransportBase, name)]
    if installed < OLDEST or missing:
        lacks = f" (it lacks {', '.join(missing)})" if missing else ""
        raise InputError(
            "dependency_missing",
            f"paramiko {paramiko.__version__} cannot be used{lacks}",
            remedy="Install a version from 3.5 on that this collection's documentation lists.",
        )
