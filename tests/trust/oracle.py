# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expected decisions, from OpenSSH's own programs: matching lines, revoked keys, accepted servers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_FOUND = re.compile(rb"^# Host .* found: line (\d+)\s*(CA|REVOKED)?\s*$")
_FINGERPRINT = re.compile(rb" (SHA256:[A-Za-z0-9+/]{43})(?: |$)")
# Enough for a machine under load; a handshake takes less than a second.
_TIMEOUT_SECONDS = 60


def program(name: str) -> str:
    """Return the path of a program of OpenSSH."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} of OpenSSH is not installed")
    return found


def ssh_keygen(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen without a terminal; the caller checks the exit status."""
    command = [program("ssh-keygen"), *map(str, arguments)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False, cwd=cwd
    )


def lines_found(path: Path, name: str) -> set[tuple[int, str, str]]:
    """Return line number, marker (``CA``, ``REVOKED`` or nothing) and fingerprint of each valid line of a host."""
    output = ssh_keygen("-l", "-F", name, "-f", path).stdout.split(b"\n")
    found = set()
    for header, described in zip(output, output[1:]):
        line, key = _FOUND.match(header), _FINGERPRINT.search(described)
        if line is not None:
            assert key is not None, (header, described)
            found.add((int(line[1]), (line[2] or b"").decode(), key[1].decode()))
    return found


def revoked_by(krl: Path, keys: list[Path]) -> dict[Path, bool]:
    """Return whether ``ssh-keygen -Q`` calls each public key or certificate revoked."""
    result = ssh_keygen("-Q", "-f", krl, *keys)
    answers = re.findall(rb": (ok|REVOKED)$", result.stdout, re.MULTILINE)
    assert len(answers) == len(keys), (result.stdout, result.stderr)
    return {key: answer == b"REVOKED" for key, answer in zip(keys, answers)}


@dataclass(frozen=True)
class Handshake:
    """The result of a connection of ssh: whether it accepted the host key, and its debug output."""

    accepted: bool
    transcript: str


def handshake(
    *,
    host: str,
    port: int,
    alias: str,
    known_hosts: list[Path],
    revoked: Path | None,
    host_keys: list[Path],
    certificates: list[Path],
    algorithms: str,
) -> Handshake:
    """Connect ssh to an sshd over a pipe, with any name and port, and stop before the authentication.

    ``algorithms`` are the host key algorithms that ssh offers; empty means its default order.
    """
    options = {
        "BatchMode": "yes",
        "GlobalKnownHostsFile": "/dev/null",
        "IdentityAgent": "none",
        "IdentityFile": "none",
        "KexAlgorithms": "curve25519-sha256",
        "PreferredAuthentications": "none",
        "ProxyCommand": _server(host_keys, certificates),
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": " ".join(str(path) for path in known_hosts),
    }
    if algorithms:
        options["HostKeyAlgorithms"] = algorithms
    if alias:
        options["HostKeyAlias"] = alias
    if revoked is not None:
        options["RevokedHostKeys"] = str(revoked)
    settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    command = [program("ssh"), "-F", "/dev/null", "-v", "-T", *settings, "-p", str(port), "--", f"nobody@{host}"]
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
    )
    return _outcome(result.stderr.decode("utf-8", "replace"))


def _server(host_keys: list[Path], certificates: list[Path]) -> str:
    keys = [f"-o HostKey={path}" for path in host_keys] + [f"-o HostCertificate={path}" for path in certificates]
    return f"{program('sshd')} -i -f /dev/null -o LogLevel=QUIET {' '.join(keys)}"


def _outcome(transcript: str) -> Handshake:
    # ssh lists the authentications of the server only after it accepted the host key.
    accepted = "Authentications that can continue" in transcript
    if not accepted and not re.search(r"verification failed|revoked|Unable to negotiate|parse|invalid", transcript):
        raise AssertionError(f"ssh neither accepted nor refused the host key:\n{transcript}")
    return Handshake(accepted, transcript)


def version() -> tuple[int, int]:
    """Return major and minor version of ssh."""
    shown = subprocess.run([program("ssh"), "-V"], capture_output=True, timeout=_TIMEOUT_SECONDS, check=True).stderr
    found = re.search(rb"OpenSSH_(\d+)\.(\d+)", shown)
    assert found is not None, shown
    return int(found[1]), int(found[2])


def has_dsa() -> bool:
    """Return whether this ssh supports DSA keys, which OpenSSH 10 removed."""
    return version() < (10, 0)


def prepare_sshd() -> None:
    """Make the privilege separation directory of sshd, without which sshd does not start as root."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
