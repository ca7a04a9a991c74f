# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of connections: in the named file only, one line for each record."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import audit
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.lab import SharedLab


def test_a_connection_is_recorded_with_its_proof_and_no_secret(lab: SharedLab, tmp_path: Path) -> None:
    server = lab.asyncssh()
    file = tmp_path / "audit.log"
    with audit.recording(str(file), "debug"), connect(server.endpoint("source")) as connection:
        report = connection.report
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for fact in (report.host_key_fingerprint, report.kex, report.cipher, server.user, report.trusted_by):
        assert fact in text
    assert not any(line in text for line in server.client_key.text.splitlines()[1:-1])


def test_a_refusal_is_recorded_on_one_printable_line(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    with audit.recording(str(file), "info"):
        audit.refused(TrustError("host_key_unknown", "who\x1b[2J is it", remedy="pin\nit"))
    (line,) = file.read_text().splitlines()
    assert "host_key_unknown" in line
    assert "\x1b" not in line


def test_without_a_file_nothing_is_recorded_and_after_the_block_nothing_more(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    with audit.recording("", "info"):
        audit.refused(TrustError("host_key_unknown", "one"))
    with audit.recording(str(file), "info"):
        pass
    audit.refused(TrustError("host_key_unknown", "two"))
    assert file.read_text() == ""


def test_records_of_others_are_cut_off_and_ours_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_FOREIGN_RECORDS", 10)
    file = tmp_path / "audit.log"
    with audit.recording(str(file), "debug"):
        for number in range(50):
            logging.getLogger("paramiko.transport").debug("noise %d", number)
        audit.refused(TrustError("host_key_unknown", "ours"))
    lines = file.read_text().splitlines()
    assert len(lines) == 11
    assert "host_key_unknown" in lines[-1]


def test_a_file_that_cannot_be_written_is_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught, audit.recording(str(tmp_path / "no" / "audit.log"), "info"):
        pass
    assert caught.value.code == "invalid_input"


def planted(folder: Path, kind: str) -> Path:
    """Return the path of a log file that another user created, to read it or to have another file changed."""
    file, victim = folder / "audit.log", folder / "victim"
    victim.write_text("victim's\n")
    victim.chmod(0o600)
    if kind == "link":
        file.symlink_to(victim)
    elif kind == "dangling link":
        file.symlink_to(folder / "not-there-yet")
    elif kind == "hard link":
        os.link(victim, file)
    elif kind == "writable by others":
        file.touch()
        file.chmod(0o622)
    else:
        file.touch()
        os.chown(file, 12345, -1)
    return file


KINDS = {
    "link": "is a link",
    "dangling link": "is a link",
    "hard link": "has another name",
    "writable by others": "mode 0622",
    "another user's": "uid 12345",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_file_that_another_user_created_is_refused_and_not_written_to(tmp_path: Path, kind: str) -> None:
    if kind == "another user's" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    file = planted(tmp_path, kind)
    with pytest.raises(InputError) as caught, audit.recording(str(file), "info"):
        audit.refused(TrustError("host_key_unknown", "who is it"))
    assert caught.value.code == "unsafe_path"
    assert KINDS[kind] in caught.value.message
    assert (tmp_path / "victim").read_text() == "victim's\n"
    assert not (tmp_path / "not-there-yet").exists()
    assert kind.endswith("link") or file.read_text() == ""


def test_a_log_file_of_ours_that_others_may_read_is_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.touch()
    file.chmod(0o644)
    with audit.recording(str(file), "info"):
        audit.refused(TrustError("host_key_unknown", "who is it"))
    assert "host_key_unknown" in file.read_text()
