# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scanning a server's host keys without logging in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.scan import scan_host_keys
from ansible_collections.backhaul.sftp.tests.actors.scripted_ssh_server import listening
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop

from .meeting import refusal, report_of, trusting, with_credentials
from .sshd import sshd

pytestmark = pytest.mark.integration
KINDS = ("rsa2048", "ecdsa384", "ed25519")


def test_every_key_is_found_and_no_user_is_ever_named(workshop: Workshop) -> None:
    keys = {kind: workshop.key(kind, "host") for kind in KINDS}
    with sshd(workshop, keys=list(keys.values())) as server:
        pinned = trusting(server.endpoint(), host_keys=(keys["ecdsa384"].line,))
        found = scan_host_keys(with_credentials(pinned, password="never-sent"))
        log = server.log.read_text()
        assert "userauth" not in log and "Accepted" not in log
        assert [scanned.key.blob for scanned in found] == [keys[kind].blob for kind in reversed(KINDS)]
        checked = {scanned.key.blob: (scanned.verdict, scanned.refusal) for scanned in found}
        verdict, none = checked[keys["ecdsa384"].blob]
        assert verdict is not None and verdict.trusted_by == "pin" and none is None
        for kind in ("rsa2048", "ed25519"):
            verdict, refused = checked[keys[kind].blob]
            assert verdict is None and refused is not None and refused.code == "host_key_mismatch"
        # The same log does show a login.
        report_of(pinned)
        assert "userauth" in server.log.read_text()


def test_keys_are_found_though_nothing_is_known_and_no_login_would_succeed(workshop: Workshop) -> None:
    with sshd(workshop) as server:
        found = scan_host_keys(with_credentials(trusting(server.endpoint())))
    assert [scanned.key.blob for scanned in found] == [workshop.key("ed25519", "host").blob]
    assert found[0].refusal is not None and found[0].refusal.code == "host_key_unknown"


def test_a_scan_goes_through_a_jump(workshop: Workshop) -> None:
    with sshd(workshop, keys=[workshop.key("ed25519", "outer")]) as outer, sshd(workshop) as server:
        through = replace(trusting(server.endpoint()), jump=(outer.endpoint(),))
        found = scan_host_keys(through)
        assert "userauth" not in server.log.read_text() and "Accepted publickey" in outer.log.read_text()
    assert [scanned.key.blob for scanned in found] == [workshop.key("ed25519", "host").blob]


def test_a_server_that_does_not_speak_ssh_is_an_error(workshop: Workshop) -> None:
    def answer_like_a_web_server(connection: object) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # type: ignore[attr-defined]

    with listening(answer_like_a_web_server) as server:
        with pytest.raises(LinkError):
            scan_host_keys(server.endpoint())
        refusal(server.endpoint(), LinkError, "link_lost")
