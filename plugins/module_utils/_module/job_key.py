# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The key of the names of partial files, derived from a credential, so that other users cannot compute them."""

from __future__ import annotations

import hashlib
import hmac

from .._model import Credentials, Endpoint
from .._ssh.authenticate import MAX_KEY_FILE_BYTES
from .._ssh.files import read_file

_LABEL = b"backhaul.sftp: names of partial files, 1"
# All users who can list the directory see the names, and could test guessed passwords against them.
_PASSWORD_ROUNDS = 600_000


def derive_job_key(*endpoints: Endpoint) -> bytes:
    """Return a key from the first private key of these endpoints, else from the first password; empty without any.

    The key is the same on every run with this credential. The credential cannot be computed from it. The text of an
    encrypted private key is used as it is, without its passphrase.
    """
    for endpoint in endpoints:
        material = _private_key(endpoint.credentials)
        if material:
            return hmac.new(material, _LABEL, "sha256").digest()
    for endpoint in endpoints:
        password = endpoint.credentials.password
        if password:
            place = f"{endpoint.credentials.user}@{endpoint.host}:{endpoint.port}".encode("utf-8", "surrogateescape")
            secret = password.encode("utf-8", "surrogateescape")
            return hashlib.pbkdf2_hmac("sha256", secret, _LABEL + b"\0" + place, _PASSWORD_ROUNDS)
    return b""


def _private_key(credentials: Credentials) -> bytes:
    """Return the text of the private key, the same whether it came as a text or in a file; empty without one."""
    text = (credentials.private_key or "").encode("utf-8", "surrogateescape").strip()
    if not text and credentials.private_key_file:
        try:
            text = read_file(credentials.private_key_file, limit_bytes=MAX_KEY_FILE_BYTES).strip()
        except OSError:
            return b""  # the login raises the error
    return text.replace(b"\r\n", b"\n")
