# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host keys without logging in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Trust
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.scan import scan_host_keys
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes import listeners


def test_every_host_key_is_listed_once_and_checked_without_a_login(lab: SharedLab) -> None:
    server = lab.openssh(extra=("LogLevel DEBUG1",))
    trust = Trust(known_hosts=server.known_hosts_line(key_type="ecdsa-sha2-nistp256"), known_hosts_files=())
    before = len(server.log.read_text(errors="replace"))
    endpoint = replace(
        server.endpoint(), trust=trust, credentials=Credentials(user="u", password="canary", use_agent=False)
    )
    found = {scanned.key.key_type: scanned for scanned in scan_host_keys(endpoint)}
    assert {scanned.key.line for scanned in found.values()} == set(server.host_keys)
    verdict = found["ecdsa-sha2-nistp256"].verdict
    assert verdict is not None
    assert verdict.trusted_by == "known_hosts"
    refusal = found["ssh-ed25519"].refusal
    assert refusal is not None
    assert refusal.code == "host_key_mismatch"
    assert "userauth" not in server.log.read_text(errors="replace")[before:]


def test_a_server_that_does_not_answer_is_an_error_with_its_name() -> None:
    from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint

    endpoint = Endpoint(
        role="endpoint", host=listeners.HOST, port=listeners.unused_port(), trust=Trust(known_hosts_files=())
    )
    with pytest.raises(BackhaulError) as caught:
        scan_host_keys(endpoint)
    assert (caught.value.code, caught.value.host) == ("connect_failed", listeners.HOST)
