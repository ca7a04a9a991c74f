# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-playbook for the demo with its own settings and shortened output, and end it with the demo."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

_ROLE = "backhaul.sftp.backup_relay : "
# Internal tasks of the role; their failures are shown.
_SILENT = ("Validating", "Forget", "Require", "Make the report", "Write the report", "Hand the report")
_CALLBACKS = Path(__file__).parents[1] / "integration" / "callback"
_STOP_SECONDS = 10


class Run(t.NamedTuple):
    """The result of a run: exit status, number of changed tasks, and the role's report."""

    status: int
    changed: int
    report: dict[str, t.Any]

    @property
    def destination(self) -> dict[str, t.Any]:
        """The entry of the only destination."""
        (entry,) = self.report["destinations"]
        return t.cast("dict[str, t.Any]", entry)


def play(playbook: str, inventory: Path, work: Path, *, show: t.Callable[[str], None]) -> Run:
    """Run a playbook; ``show`` is called with each important line during the run."""
    results = work / "results"
    results.unlink(missing_ok=True)
    show(f"$ ansible-playbook -i {inventory.name} {playbook}")
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [sys.executable, str(program), "-i", str(inventory), playbook]
    trimmed = _Trimmed(show)
    with _running(command, work) as process:
        assert process.stdout is not None
        for line in process.stdout:
            trimmed.add(line.rstrip())
        status = process.wait()
    return Run(status, trimmed.changed, _report(results))


def _report(results: Path) -> dict[str, t.Any]:
    """Return the fact that the role sets; empty if it was not set."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    for record in map(json.loads, lines):
        if record["task"] == f"{_ROLE}Make the report":
            return t.cast("dict[str, t.Any]", record["result"]["ansible_facts"]["backup_relay_report"])
    return {}


@contextlib.contextmanager
def _running(command: t.Sequence[str], work: Path) -> t.Iterator[subprocess.Popen[str]]:
    """Run a program in a session of its own, so that it and its descendants can be ended."""
    process = subprocess.Popen(
        command,
        cwd=work,
        env=_environment(work),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)


def _environment(work: Path) -> dict[str, str]:
    """Return an environment without the user's settings in which files are written below ``work`` only."""
    settings = work / "ansible.cfg"
    settings.touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SSH_"))}
    return {
        **kept,
        "HOME": str(work),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_HOME": str(work / "ansible"),
        "ANSIBLE_REMOTE_TMP": str(work / "ansible" / "tmp"),
        "ANSIBLE_COLLECTIONS_PATH": str(work / "collections"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "results_file",
        "RESULTS_FILE": str(work / "results"),
    }


class _Trimmed:
    """Filters the lines of ansible-playbook's output that concern backups."""

    def __init__(self, show: t.Callable[[str], None]) -> None:
        self._show = show
        self._silent = False
        self.changed = -1

    def add(self, line: str) -> None:
        """Show a line or drop it."""
        line = re.sub(r" \*{3,}$", "", line).replace(_ROLE, "")
        heading = re.match(r"(?:TASK|PLAY) \[(.*)\]$", line)
        if heading:
            self._silent = heading.group(1).startswith(_SILENT)
        elif line.startswith(("fatal:", "failed:", "[ERROR]", "PLAY RECAP")):
            self._silent = False
        recap = re.match(r"localhost +:.* changed=(\d+) ", line)
        if recap:
            self.changed = int(recap.group(1))
            line = re.sub(r" +", " ", line)
        if line and not self._silent:
            self._show(line)
