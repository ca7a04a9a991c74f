# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SFTP server that says far too much: loaded by the asyncssh server of the lab."""

from __future__ import annotations

import asyncssh

MESSAGE = "said {{ 6 * 7 }} {% raw %} \x1b[2J\x1b]0;owned\x07 \u202e {{ lookup('pipe', 'touch /tmp/owned') }} "


class HostileMessageServer(asyncssh.SFTPServer):
    """Refuse to create a file; the message has as many characters as the number that the file's name ends in."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & asyncssh.FXF_WRITE:
            digits = path.removesuffix(b".part").rpartition(b".")[2]
            count = int(digits) if digits.isdigit() else 1000
            raise asyncssh.SFTPFailure((MESSAGE + "x" * count)[:count])
        return super().open(path, pflags, attrs)
