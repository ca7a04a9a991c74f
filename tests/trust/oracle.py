# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSH's own programs as the oracle: which lines match, who is revoked, and whether ssh accepts a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_FOUND = re.compile(rb"^# Host .* found: line (\d+)\s*(CA|REVOKED)?\s*$")
_FINGERPRINT = re.compile(rb" (SHA256:[A-Za-z0-9+/]{43})(?: |$)")
# A generous bound for a machine under load; a handshake takes a fraction of a second.
_PATIENCE_SECONDS = 60


def program(name: str) -> str:
    """Return the path of one of OpenSSH's programs."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} of OpenSSH is not installed")
    return found


def ssh_keygen(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen without a terminal; the caller looks at the exit status."""
    command = [program("ssh-keygen"), *map(str, arguments)]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_SECONDS, check=False, cwd=cwd
    )


def lines_found(path: Path, name: str) -> set[tuple[int, str, str]]:
    """Return line number, marker (``CA``, ``REVOKED`` or nothing) and fingerprint of every usable line about a name."""
    output = ssh_keygen("-l", "-F", name, "-f", path).stdout.split(b"\n")
    found = set()
    for header, described in zip(output, output[1:]):
        line, key = _FOUND.match(header), _FINGERPRINT.search(described)
        if line is not None:
            assert key is not None, (header, described)
            found.add((int(line[1]), (line[2] or b"").decode(), key[1].decode()))
    return found


def revoked_by(krl: Path, keys: list[Path]) -> dict[Path, bool]:
    """Ask ``ssh-keygen -Q`` about each public key or certificate."""
    result = ssh_keygen("-Q", "-f", krl, *keys)
    verdicts = re.findall(rb": (ok|REVOKED)$", result.stdout, re.MULTILINE)
    assert len(verdicts) == len(keys), (result.stdout, result.stderr)
    return {key: verdict == b"REVOKED" for key, verdict in zip(keys, verdicts)}


@dataclass(frozen=True)
class Handshake:
    """How ssh met a server: whether it accepted the host key, and what it said about it."""

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
    """Let ssh meet an sshd of its own over a pipe, with any name and port, and stop where log-in would begin.

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
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_SECONDS, check=False
    )
    return _verdict(result.stderr.decode("utf-8", "replace"))


def _server(host_keys: list[Path], certificates: list[Path]) -> str:
    keys = [f"-o HostKey={path}" for path in host_keys] + [f"-o HostCertificate={path}" for path in certificates]
    return f"{program('sshd')} -i -f /dev/null -o LogLevel=QUIET {' '.join(keys)}"


def _verdict(transcript: str) -> Handshake:
    # ssh says which ways to log in the server has only after it has accepted the host key.
    accepted = "Authentications that can continue" in transcript
    if not accepted and not re.search(r"verification failed|revoked|Unable to negotiate|parse|invalid", transcript):
        raise AssertionError(f"ssh gave no verdict on the host key:\n{transcript}")
    return Handshake(accepted, transcript)


def version() -> tuple[int, int]:
    """Return the version of ssh, as in OpenSSH 9.2."""
    shown = subprocess.run([program("ssh"), "-V"], capture_output=True, timeout=_PATIENCE_SECONDS, check=True).stderr
    found = re.search(rb"OpenSSH_(\d+)\.(\d+)", shown)
    assert found is not None, shown
    return int(found[1]), int(found[2])


def has_dsa() -> bool:
    """Whether this ssh still knows DSA keys; OpenSSH 10 dropped them."""
    return version() < (10, 0)


def ready() -> None:
    """Make sshd's privilege separation folder where it is missing: sshd as root does not start without it."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
