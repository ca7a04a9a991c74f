# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of connections: complete, private, and without secrets."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import audit
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.audit import recording
from ansible_collections.backhaul.sftp.tests.actors.login_server import login_server
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop
from ansible_collections.backhaul.sftp.tests.trust.oracle import ssh_keygen

from .meeting import refusal, report_of, trusting
from .sshd import sshd

pytestmark = pytest.mark.integration
CANARY = "canary-7f3a91"


def test_a_connection_is_logged_with_its_proofs(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    authority = workshop.key("ed25519", "authority")
    certificate = workshop.certificate(
        workshop.key("ed25519", "host"), authority, "-h", "-I", "x", "-n", "127.0.0.1", "-V", "-1w:+1w"
    )
    before = os.umask(0)
    try:
        with sshd(workshop, certificates=[certificate]) as server, recording(str(log), "info"):
            known = trusting(server.endpoint(), known_hosts=f"@cert-authority * {authority.line}")
            report = report_of(replace(known, name="backup-1"))
    finally:
        os.umask(before)
    assert log.stat().st_mode & 0o777 == 0o600
    (line,) = [line for line in log.read_text().splitlines() if "connected to" in line]
    fingerprint = ssh_keygen("-l", "-f", certificate.key.public_path).stdout.split()[1].decode()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ backhaul\.sftp INFO ", line)
    for part in (
        f"backup-1 (127.0.0.1 port {report.port}, SSH-2.0-OpenSSH_",
        f"as {report.user} by key SHA256:",
        f"host key ssh-ed25519-cert-v01@openssh.com {fingerprint} trusted by certificate (known_hosts:1)",
        report.kex,
        report.cipher,
        "strict kex yes",
    ):
        assert part in line


def test_a_refusal_is_recorded(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    with sshd(workshop) as server, recording(str(log), "info"):
        pinned = trusting(server.endpoint(), host_keys=(workshop.key("ed25519", "stranger").line,))
        refusal(replace(pinned, name="backup-1"), TrustError, "host_key_mismatch")
    (line,) = [line for line in log.read_text().splitlines() if " backhaul.sftp " in line]
    assert "WARNING host_key_mismatch: endpoint backup-1: " in line


def test_no_secret_is_logged_at_the_debug_level(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    encrypted = tmp_path / "key"
    encrypted.write_text(workshop.key("ed25519", "client").path.read_text())
    encrypted.chmod(0o600)
    assert ssh_keygen("-p", "-q", "-N", f"{CANARY}-phrase", "-f", encrypted).returncode == 0
    steps = [["publickey"], ["password"], ["keyboard-interactive"]]
    with recording(str(log), "debug"), login_server(workshop, steps=steps, password=f"{CANARY}-right") as server:
        credentials = {
            "private_key": encrypted.read_text(),
            "private_key_passphrase": f"{CANARY}-phrase",
            "password": f"{CANARY}-right",
        }
        assert report_of(server.endpoint(**credentials)).authenticated_by.endswith("keyboard-interactive")
        for wrong in ("password", "private_key_passphrase"):
            with contextlib.suppress(TrustError, InputError):
                report_of(server.endpoint(**{**credentials, wrong: f"{CANARY}-wrong"}))
        assert server.answers == [[f"{CANARY}-right"]]
    text = log.read_text()
    assert CANARY not in text
    assert not [line for line in encrypted.read_text().splitlines()[1:-1] if line in text]
    assert "DEBUG" in text and "paramiko.transport" in text


def test_text_of_a_server_is_printable_in_the_log(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    banner = tmp_path / "banner"
    banner.write_bytes(b"Beware\x1b[31m\r\n2026-01-01 00:00:00,000 1 backhaul.sftp INFO connected to evil\n\xff")
    with sshd(workshop, f"Banner {banner}") as server, recording(str(log), "debug"):
        report_of(server.endpoint())
    raw = log.read_bytes()
    assert b"Beware\\x1b[31m" in raw
    assert b"\x1b" not in raw and b"\r" not in raw
    assert not [line for line in raw.split(b"\n") if line.startswith(b"2026-01-01 00:00:00,000 1")]


def test_a_server_cannot_fill_the_disk_through_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "audit.log"
    monkeypatch.setattr(audit, "MAX_FOREIGN_RECORDS", 100)
    with recording(str(log), "info"):
        for number in range(105):
            logging.getLogger("paramiko.transport").warning("noise %d", number)
        logging.getLogger("backhaul.sftp").info("connected to one")
    lines = log.read_text().splitlines()
    assert len(lines) == 101
    assert "not recorded" in lines[-2] and lines[-1].endswith("connected to one")


def test_nothing_is_recorded_after_the_run_or_without_a_file(
    workshop: Workshop, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "audit.log"
    with sshd(workshop) as server:
        with recording(str(log), "debug"):
            report_of(server.endpoint())
        size = log.stat().st_size
        with recording("", "debug"):
            report_of(server.endpoint())
    assert log.stat().st_size == size > 0
    assert capfd.readouterr() == ("", "")


def test_a_log_file_is_appended_to(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    with sshd(workshop) as server:
        for _run in range(2):
            with recording(str(log), "info"):
                report_of(server.endpoint())
    assert log.read_text().count("connected to") == 2


@pytest.mark.parametrize("where", ["missing/audit.log", "."])
def test_a_log_file_that_cannot_be_written_is_an_error_before_the_connection(tmp_path: Path, where: str) -> None:
    with pytest.raises(InputError) as caught, recording(str(tmp_path / where), "info"):
        raise AssertionError("the block ran")
    assert caught.value.code == "invalid_input" and "log_file" in caught.value.message


_RUN = """
import json, sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.load(sys.stdin)}).encode()
basic._ANSIBLE_PROFILE = "legacy"
from ansible_collections.backhaul.sftp.plugins.modules.sftp_info import main
main()
"""


def test_no_log_record_and_no_secret_reaches_the_output_of_a_module(workshop: Workshop, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    with sshd(workshop) as server:
        endpoint = server.endpoint()
        options = {
            "endpoint": {
                "host": endpoint.host,
                "port": endpoint.port,
                "user": endpoint.credentials.user,
                "private_key": endpoint.credentials.private_key,
                "password": f"{CANARY}-password",
                "host_keys": list(endpoint.trust.host_keys),
                "known_hosts_files": [],
            },
            "log_file": str(log),
            "log_level": "debug",
        }
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        ran = subprocess.run(
            [sys.executable, "-c", _RUN],
            input=json.dumps(options),
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    result = json.loads(ran.stdout)
    assert result["connection"]["trusted_by"] == "pin"
    assert "connected to" in log.read_text() and "paramiko.transport DEBUG" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    secret = t.cast(str, endpoint.credentials.private_key).splitlines()[2]
    for text in (ran.stdout, log.read_text()):
        assert CANARY not in text and secret not in text
    assert "paramiko.transport" not in ran.stdout
