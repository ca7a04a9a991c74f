# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipes of docs/security.md are run on a real sshd, and its tables are compared with the tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import LinkError, TrustError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._options.endpoint import endpoint_suboptions
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.plugins.module_utils._trust.pins import read_pins
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.trust import differences
from ansible_collections.backhaul.sftp.tests.trust.material import Certificate, Key, Workshop

from .meeting import refusal, report_of, trusting
from .sshd import sshd

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[2] / "docs" / "security.md"
TEXT = PAGE.read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return the text of the page below a heading."""
    return re.split(r"^##+ ", TEXT.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language, dedented."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)
    return ["\n".join(line[len(indent) :] for line in block.split("\n")) for indent, block in found]


def endpoints(text: str) -> list[dict[str, t.Any]]:
    """Return the endpoints in the YAML of a text."""
    loaded = [yaml.safe_load(block) for block in blocks(text, "yaml")]
    return [block["endpoint"] for block in loaded if isinstance(block, dict)]


def run(command: str, folder: Path) -> None:
    """Run a recipe's commands in a folder, without a terminal; new keys have no passphrase."""
    unattended = command.replace("ssh-keygen -q -t ed25519 -C", 'ssh-keygen -q -N "" -t ed25519 -C')
    ran = subprocess.run(
        ["/bin/sh", "-e", "-c", unattended], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_every_endpoint_has_existing_options_and_readable_keys() -> None:
    found = endpoints(TEXT)
    assert len(found) >= 4
    for endpoint in found:
        assert set(endpoint) <= set(endpoint_suboptions())
        read_pins(endpoint.get("host_keys", []))


def test_the_playbooks_are_valid(tmp_path: Path) -> None:
    playbooks = [block for block in blocks(TEXT, "yaml") if block.startswith("- name:")]
    assert len(playbooks) == 3
    for number, content in enumerate(playbooks):
        (tmp_path / f"{number}.yml").write_text(content, encoding="utf-8")
    program = Path(sys.executable).with_name("ansible-playbook")
    checked = subprocess.run(
        [sys.executable, str(program), "--syntax-check", *(f"{number}.yml" for number in range(3))],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_table_of_differences_is_equal_to_that_of_the_tests() -> None:
    rows = re.findall(r"^\| (.*?) \| .*? \|$", section("What differs from ssh"), flags=re.MULTILINE)
    named = [row for row in rows if row not in ("difference", "---")]
    assert named == [*differences.STRICTER, *differences.WIDER]


@pytest.fixture
def signed(workshop: Workshop, tmp_path: Path) -> tuple[Path, Certificate]:
    """A folder in which the recipe for an authority was run, and the resulting certificate."""
    key = workshop.key("ed25519", "host")
    (tmp_path / "ssh_host_ed25519_key").write_bytes(key.path.read_bytes())
    (tmp_path / "ssh_host_ed25519_key").chmod(0o600)
    (tmp_path / "ssh_host_ed25519_key.pub").write_bytes(key.public_path.read_bytes())
    make, sign = blocks(section("Use a certificate authority"), "sh")
    run(make, tmp_path)
    run(sign, tmp_path)
    authority = Key("ed25519", tmp_path / "host_ca", *(tmp_path / "host_ca.pub").read_text().split()[:2])
    return tmp_path, Certificate(key, authority, tmp_path / "ssh_host_ed25519_key-cert.pub", b"")


def endpoint_of_the_page(server: Server, certificate: Certificate) -> Endpoint:
    """Return the endpoint of the recipe, with this authority's key; the name is looked up as an alias."""
    (written,) = endpoints(section("Use a certificate authority"))
    known = re.sub(r"ssh-ed25519 \S+", certificate.authority.line, written["known_hosts"])
    return trusting(server.endpoint(), known_hosts=known, host_key_alias=written["host"])


def test_the_recipe_for_an_authority(workshop: Workshop, signed: tuple[Path, Certificate]) -> None:
    _folder, certificate = signed
    with sshd(workshop, certificates=[certificate]) as server:
        endpoint = endpoint_of_the_page(server, certificate)
        assert report_of(endpoint).trusted_by == "certificate"
        elsewhere = replace(endpoint, trust=replace(endpoint.trust, host_key_alias="backup02.example.com"))
        refusal(elsewhere, TrustError, "host_certificate_invalid")
        outside = replace(endpoint, trust=replace(endpoint.trust, host_key_alias="192.0.2.11"))
        refusal(outside, TrustError, "host_key_unknown")


def test_the_recipe_for_a_krl(workshop: Workshop, signed: tuple[Path, Certificate]) -> None:
    folder, certificate = signed
    stolen = workshop.key("ed25519", "stranger")
    (folder / "stolen_key.pub").write_bytes(stolen.public_path.read_bytes())
    (commands,) = blocks(section("Revoke a key"), "sh")
    first, *rest = commands.strip().split("\n")
    krl = str(folder / "revoked.krl")
    with sshd(workshop, certificates=[certificate]) as server:
        endpoint = endpoint_of_the_page(server, certificate)
        endpoint = replace(endpoint, trust=replace(endpoint.trust, revoked_host_keys=krl))
        run(first, folder)
        assert report_of(endpoint).trusted_by == "certificate"
        run("\n".join(rest), folder)
        assert "serial" in refusal(endpoint, TrustError, "host_key_revoked").message
    with sshd(workshop, keys=[stolen]) as server:
        pinned = trusting(server.endpoint(), host_keys=(stolen.line,), revoked_host_keys=krl)
        refusal(pinned, TrustError, "host_key_revoked")


def test_the_recipe_for_a_line(workshop: Workshop, tmp_path: Path) -> None:
    (line,) = re.findall(r"^@revoked .*\n", section("Revoke a key"), flags=re.MULTILINE)
    key = workshop.key("ed25519", "host")
    with sshd(workshop) as server:
        file = tmp_path / "known_hosts"
        file.write_text(server.known_hosts())
        endpoint = trusting(server.endpoint(), known_hosts_files=(str(file),))
        report_of(endpoint)
        file.write_text(server.known_hosts() + re.sub(r"ssh-ed25519 \S+", key.line, line))
        refusal(endpoint, TrustError, "host_key_revoked")


def test_the_recipe_for_a_rotation(workshop: Workshop, tmp_path: Path) -> None:
    """An open connection survives the change, and the next one reports the new key."""
    (command,) = re.findall(r"`(ssh-keygen -q -t ed25519[^`]*)`", section("Rotate a key without downtime"))
    run(command, tmp_path)
    new = tmp_path / "ssh_host_ed25519_key.new"
    old = workshop.key("ed25519", "host")
    new_line = " ".join(Path(f"{new}.pub").read_text().split()[:2])
    (written,) = endpoints(section("Rotate a key without downtime"))
    assert len(written["host_keys"]) == 2
    key_path = tmp_path / "host_key"
    key_path.write_bytes(old.path.read_bytes())
    key_path.chmod(0o600)
    served = Key("ed25519", key_path, *old.line.split())
    with sshd(workshop, "RekeyLimit 1M", keys=[served]) as server:
        endpoint = trusting(server.endpoint(), host_keys=(old.line, new_line))
        assert report_of(endpoint).trust_origin == "host_keys[0]"
        (tmp_path / "backup").write_bytes(os.urandom(5_000_000))
        with connect(endpoint) as connection, connection.file_system() as files:
            key_path.write_bytes(new.read_bytes())
            os.kill(server.pid, signal.SIGHUP)
            assert eventually(lambda: trusted_by_pin(endpoint) == "host_keys[1]")
            with files.open_reader(os.fsencode(tmp_path / "backup")) as reader:
                assert b"".join(map(bytes, reader.blocks())) == (tmp_path / "backup").read_bytes()
            assert connection.report.trust_origin == "host_keys[0]"


def trusted_by_pin(endpoint: Endpoint) -> str:
    """Return the pin by which a server was trusted; an empty text while it does not listen, as during a reload."""
    try:
        return report_of(endpoint).trust_origin
    except LinkError:
        return ""


def eventually(condition: t.Callable[[], bool]) -> bool:
    """Wait for a condition; return whether it came true in time."""
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()
