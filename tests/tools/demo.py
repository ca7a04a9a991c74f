# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relay a backup three times between two temporary SFTP servers and check every promise.

DEMO_SERVER=asyncssh selects asyncssh even if OpenSSH's server is installed.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import demo_screen as screen
from demo_ansible import Run, play

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import open_file_system
from ansible_collections.backhaul.sftp.tests.lab import Server, UnavailableError, start_asyncssh, start_openssh

MIB = 1024 * 1024
NEWEST_BYTES = 64 * MIB
HOUR = 3600
DAY = 24 * HOUR


class BrokenPromiseError(Exception):
    """A check of the demo failed."""


class Sites(t.NamedTuple):
    """The two servers, the backup to relay, and the work folder."""

    source: Server
    destination: Server
    newest: Path
    work: Path

    @property
    def copy(self) -> Path:
        """The path of the copy."""
        return self.destination.root / self.newest.name


def main() -> int:
    """Run the demo and return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    started = time.monotonic()
    try:
        with _sites() as sites:
            _introduce(sites)
            _first_run(sites)
            _second_run(sites)
            _third_run(sites)
        _say_goodbye(time.monotonic() - started)
    except BrokenPromiseError as exc:
        screen.failure(f"This is not as promised: {exc}")
        return 1
    except KeyboardInterrupt:
        screen.paragraph("Stopped. The servers and their files are gone.")
        return 130
    return 0


def _on_signal(_number: int, _frame: object) -> t.NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _sites() -> t.Iterator[Sites]:
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="backhaul-demo-")))
        source, destination = (_start(stack) for _server in range(2))
        newest = _fill(source.root)
        yield Sites(source, destination, newest, work)


def _start(stack: contextlib.ExitStack) -> Server:
    if os.environ.get("DEMO_SERVER") != "asyncssh":
        with contextlib.suppress(UnavailableError):
            server = stack.enter_context(start_openssh())
            if _lets_us_in(server):
                return server
    return stack.enter_context(start_asyncssh(shell=True))


def _lets_us_in(server: Server) -> bool:
    """Try a login: sshd refuses locked accounts and those without a shell, with any key."""
    try:
        with open_file_system(server.endpoint()):
            return True
    except BackhaulError:
        return False


def _fill(folder: Path) -> Path:
    """Make a week of backups and two files that must not be relayed; return the newest good one."""
    now = time.time()
    for days in range(7, 0, -1):
        newest = folder / f"db-{_date(now - days * DAY)}.tar.gz"
        with newest.open("wb") as file:
            # The older files are never read, so they are sparse.
            file.truncate(NEWEST_BYTES - (days - 1) * MIB)
        os.utime(newest, (now - days * DAY + 4 * HOUR,) * 2)
    before = newest.stat()
    with newest.open("wb") as file:
        for _mebibyte in range(NEWEST_BYTES // MIB):
            file.write(os.urandom(MIB))
    os.utime(newest, (before.st_atime, before.st_mtime))
    empty = folder / f"db-{_date(now)}.tar.gz"
    empty.touch()
    os.utime(empty, (now - HOUR,) * 2)
    unfinished = folder / f"db-{_date(now)}-again.tar.gz.part"
    unfinished.write_bytes(os.urandom(9 * MIB))
    os.utime(unfinished, (now - 60,) * 2)
    return newest


def _date(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")


def _introduce(sites: Sites) -> None:
    screen.title("backhaul.sftp: the newest backup travels from site-a to site-b")
    screen.paragraph(
        f"Two SFTP servers run on this machine for the next half minute ({_program(sites.source)}), each with its own "
        "host keys, login key and folder. site-a holds a week of backups, and two files that only look like backups:"
    )
    notes = {
        0: "empty: last night's job found its disk full",
        9 * MIB: "still being uploaded",
        NEWEST_BYTES: "the newest good one",
    }
    for path in sorted(sites.source.root.iterdir(), key=lambda path: path.stat().st_mtime):
        status = path.stat()
        age = screen.age(time.time() - status.st_mtime)
        screen.row(f"{path.name:<33}{screen.size(status.st_size):>10}{age:>12}", notes.get(status.st_size, ""))
    screen.paragraph(
        "site-b is empty. The playbook is playbooks/demo.yml, one role and its variables. Its inventory names the two "
        "servers and a known_hosts file with their host keys: a server with any other key would get no login."
    )


def _program(server: Server) -> str:
    return {"openssh": "OpenSSH", "asyncssh": "asyncssh"}[server.kind]


def _first_run(sites: Sites) -> None:
    screen.heading(1, "The first run finds the newest good backup, relays it and verifies it")
    run = _play(sites)
    there = run.destination
    _require(run.report["newest"]["name"] == sites.newest.name, f"the newest backup is {sites.newest.name}", run)
    _require(there["state"] == "created" and there["bytes_sent"] == NEWEST_BYTES, "the whole file was sent, once", run)
    passed_over = {Path(entry["path"]).name: entry["message"] for entry in run.report["passed_over"]}
    _require(len(passed_over) == 2, "two files were passed over", run)
    sent, seconds = screen.size(there["bytes_sent"]), there["seconds"]
    screen.notice(f"{sent} sent and verified in {seconds:.1f} s, with no file in between.")
    for name, message in sorted(passed_over.items()):
        screen.notice(f"Passed over: {name}: {message}.")
    _require_equal(sites)
    screen.notice(f"The copy got its name only after its SHA-256 was proven by {_prover(there['proof'])}.")
    screen.notice("Hashed here once more, by this script: both files are equal.", f"sha256 {_sha256(sites.copy)}")


def _second_run(sites: Sites) -> None:
    screen.heading(2, "The second run has nothing to do, and can prove it")
    run = _play(sites)
    _require(run.changed == 0, "the second run reports changed=0", run)
    _require(run.destination["state"] == "unchanged", "the destination is unchanged", run)
    _require(
        run.destination["bytes_sent"] == 0 and run.report["bytes_read"] == 0, "no byte of content was transferred", run
    )
    screen.notice(f"changed=0, and 0 bytes of content were read or sent: {_comparer(run.destination['proof'])}.")


def _third_run(sites: Sites) -> None:
    offset = NEWEST_BYTES // 3
    screen.heading(3, "Now one byte of the copy goes bad, and the third run repairs it")
    _flip(sites.copy, offset)
    _require(_sha256(sites.copy) != _sha256(sites.newest), "the copy is damaged")
    screen.paragraph(
        f"This script has just changed byte {offset:,} of the copy on site-b, and put its time back. Size and time are "
        "as they were, so a look at the directory shows nothing. The same playbook once more:"
    )
    run = _play(sites)
    _require(run.changed == 1 and run.destination["state"] == "replaced", "the damaged copy was replaced", run)
    _require_equal(sites)
    screen.notice("The digests differed, so the copy was sent again, verified, and put in place in one step.")
    screen.notice("Hashed here once more, by this script: both files are equal again.", f"sha256 {_sha256(sites.copy)}")


def _play(sites: Sites) -> Run:
    with screen.indented_output() as show:
        run = play("backhaul.sftp.demo", _inventory(sites), sites.work, show=show)
    if run.status != 0 or not run.report:
        raise BrokenPromiseError(f"ansible-playbook ended with status {run.status}; its output is above.")
    return run


def _inventory(sites: Sites) -> Path:
    """Write the inventory as a user would, with the host keys in a known_hosts file."""
    known_hosts = sites.work / "known_hosts"
    known_hosts.write_text(sites.source.known_hosts() + sites.destination.known_hosts(), encoding="ascii")
    known_hosts.chmod(0o600)
    hosts = {
        name: {
            "ansible_host": server.host,
            "ansible_port": server.port,
            "ansible_user": server.user,
            "ansible_ssh_private_key_file": str(server.client_key.path),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known_hosts}",
            "backups": os.fsdecode(server.visible_root),
        }
        for name, server in (("site-a", sites.source), ("site-b", sites.destination))
    }
    inventory = sites.work / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    return inventory


def _require(holds: bool, promise: str, run: Run | None = None) -> None:
    if not holds:
        told = f"\nThe report says: {json.dumps(run.report, indent=2)}" if run else ""
        raise BrokenPromiseError(f"{promise}.{told}")


def _require_equal(sites: Sites) -> None:
    _require(os.listdir(sites.destination.root) == [sites.newest.name], "site-b holds the copy and nothing else")
    _require(_sha256(sites.copy) == _sha256(sites.newest), "the copy is byte for byte the source's file")


def _prover(proof: str) -> str:
    if proof in ("command", "check-file"):
        return "site-b's server itself"
    return "reading it back"


def _comparer(proof: str) -> str:
    if proof in ("command", "check-file"):
        return "each server hashed its own file, and the digests are equal"
    return "both files were hashed, and the digests are equal"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flip(path: Path, offset: int) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _say_goodbye(seconds: float) -> None:
    screen.heading(0, f"All as promised, in {seconds:.0f} seconds")
    screen.paragraph(
        "Both servers are stopped and their files are gone. To use it with your own servers, begin with README.md; "
        "docs/guide.md explains endpoints, trust and results. `make test` tries nastier things than a flipped byte."
    )


if __name__ == "__main__":
    sys.exit(main())
