# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module is killed at every step: there is never a broken file, and the next run ends right.

The steps are those that an undisturbed run sends (see :mod:`module_process`), so new requests are tested too.
"""

from __future__ import annotations

import concurrent.futures
import os
import random
import shutil
import signal
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.tests.actors.forking_host import ForkingHost, ModuleExit
from ansible_collections.backhaul.sftp.tests.actors.module_process import KillPoint, Params
from ansible_collections.backhaul.sftp.tests.lab import Server, SharedLab
from ansible_collections.backhaul.sftp.tests.lab.openssh import sftp_server
from ansible_collections.backhaul.sftp.tests.relay.conftest import Placed
from ansible_collections.backhaul.sftp.tests.relay.scene import Place
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import endpoint_of

pytestmark = pytest.mark.integration
SEED = 20260723
KIB, MIB = 1024, 1024 * 1024
# More than there are processors: a run that finds a partial file watches it for a second.
AT_ONCE = 16
# Steps that move content: their number grows with the file, so only a few of them are tried.
BULK = ("READ", "WRITE")
BULK_STEPS = 6
MTIME = 1_700_000_000
OLD = b"what was there before" * 500


@dataclass(frozen=True)
class Scenario:
    """A run that is killed: the files before it, and the extensions that the destinations' server lacks.

    ``module`` is the module that runs; an upload reads and a download writes a file of this machine.
    The relay creates ``folder``. With ``resumes`` an earlier run has left a partial file.
    """

    name: str
    old: bytes | None = None
    destinations: int = 1
    folder: str = ""
    size: int = 300 * KIB + 77
    denied: tuple[str, ...] = ()
    resumes: bool = False
    module: str = "sftp_relay"
    options: Params = field(default_factory=dict)

    @property
    def final_name(self) -> str:
        """The file name of the copy."""
        name = "copy-20231114T221320Z.bin" if self.options.get("if_exists") == "version" else "copy.bin"
        return self.folder + name


SCENARIOS = (
    Scenario("create", folder="new/inner/", options={"create_directories": True}),
    Scenario("replace", old=OLD),
    Scenario("replace without posix-rename", old=OLD, denied=("posix-rename", "fsync", "limits")),
    Scenario("two destinations", old=OLD, destinations=2, size=100 * KIB),
    Scenario("resume", old=OLD, size=2 * MIB + 345, resumes=True),
    Scenario("version", old=OLD, options={"if_exists": "version"}),
    Scenario("upload", old=OLD, module="sftp_put"),
    Scenario("download", old=OLD, module="sftp_get"),
)
# Steps that each module must send, so that the kill points are not empty.
STEPS = {
    "sftp_relay": {"OPEN", "READ", "WRITE", "CLOSE", "COMMAND"},
    "sftp_put": {"OPEN", "WRITE", "CLOSE", "COMMAND"},
    "sftp_get": {"OPEN", "READ", "CLOSE"},
}


class Stage:
    """The folders of one scenario: one source for all runs, and destinations for each run."""

    def __init__(self, scenario: Scenario, folder: Path, forking_host: ForkingHost) -> None:
        self.scenario = scenario
        self._folder = folder
        self.content = random.Random(SEED).randbytes(scenario.size)
        self._source = folder / "backup"
        self._source.write_bytes(self.content)
        os.utime(self._source, (MTIME, MTIME))
        program = sftp_server()
        denied = ["-P", ",".join(scenario.denied)] if scenario.denied else []
        self._forking_host = forking_host
        self._programs = {"source": [program, "-e"], "store": [program, "-e", *denied]}
        self._template = folder / "template"
        self._prepare()

    def _prepare(self) -> None:
        for number in range(self.scenario.destinations):
            (self._template / str(number)).mkdir(parents=True)
            if self.scenario.old is not None:
                (self._template / str(number) / "copy.bin").write_bytes(self.scenario.old)
        if not self.scenario.resumes:
            return
        steps = self.run(self._template, "counting").steps
        shutil.rmtree(self._template)
        writes = [number for number, name in enumerate(steps, 1) if name == "WRITE"]
        (self._template / "0").mkdir(parents=True)
        (self._template / "0" / "copy.bin").write_bytes(OLD)
        self.run(self._template, "interrupted", KillPoint(writes[len(writes) * 3 // 4]))
        (partial,) = (self._template / "0").glob(".backhaul-*")
        assert MIB <= partial.stat().st_size < self.scenario.size
        os.utime(partial, (MTIME, MTIME))

    def run(self, place: Path, name: str, kill_at: KillPoint | None = None) -> ModuleExit:
        """Relay into the folders of ``place``."""
        params = self._params(place)
        module = self.scenario.module
        return self._forking_host.run(self._folder / name, module, params, programs=self._programs, kill_at=kill_at)

    def _params(self, place: Path) -> Params:
        if self.scenario.module != "sftp_relay":
            host = {"sftp_put": "store", "sftp_get": "source"}[self.scenario.module]
            local = {"src": str(self._source), "dest": f"{place}/0/copy.bin"}
            return {"endpoint": {"host": host}, **local, "retries": 0, **self.scenario.options}
        ends = [
            {"host": "store", "path": f"{place}/{number}/{self.scenario.folder}copy.bin"}
            for number in range(self.scenario.destinations)
        ]
        return {
            "source": {"host": "source", "path": str(self._source)},
            "destinations": ends,
            "retries": 0,
            **self.scenario.options,
        }

    def place(self, name: str) -> Path:
        """Make destinations in the state before a run."""
        return Path(shutil.copytree(self._template, self._folder / name, copy_function=shutil.copy2))


def broken(stage: Stage, place: Path) -> list[str]:
    """Return what is wrong with the visible files after a killed run."""
    scenario, found = stage.scenario, []
    for folder in sorted(place.iterdir()):
        files = [path for path in folder.rglob("*") if path.is_file()]
        contents = {str(path.relative_to(folder)): path.read_bytes() for path in files}
        hidden = {name: contents.pop(name) for name in list(contents) if ".backhaul-" in name}
        final = contents.pop(scenario.final_name, None)
        plain = contents.pop("copy.bin", scenario.old) if scenario.final_name != "copy.bin" else scenario.old
        allowed = [stage.content, scenario.old if scenario.final_name == "copy.bin" else None]
        in_backup = "posix-rename" in scenario.denied and final is None and scenario.old in hidden.values()
        if contents or plain != scenario.old or not (final in allowed or in_backup):
            found.append(f"{folder.name}: final of {final and len(final)} bytes, others {[*contents, *hidden]}")
    return found


def left_files(place: Path) -> list[str]:
    """Return what is left beside the copies: temporary files and empty directories."""
    hidden = [path.name for path in place.rglob(".backhaul-*")]
    return hidden + [path.name for path in place.glob("*/*") if path.is_dir() and not any(path.rglob("*.bin"))]


def wrong_at_last(stage: Stage, place: Path, ended: ModuleExit) -> list[str]:
    """Return what is wrong after an undisturbed run."""
    if ended.status != 0 or ended.result.get("failed"):
        return [f"the next run fails with {ended.status}: {ended.output}"]
    copies = [(folder / stage.scenario.final_name).read_bytes() == stage.content for folder in place.iterdir()]
    return [*([] if all(copies) else ["the copy is wrong"]), *left_files(place)]


def tried(stage: Stage, kill_at: KillPoint) -> list[str]:
    """Kill a run at a step and run again; return all that is wrong."""
    name = f"{kill_at.step}-{kill_at.signal}-{kill_at.is_sent}"
    place = stage.place(f"place-{name}")
    first = stage.run(place, f"first-{name}", kill_at)
    wrong = broken(stage, place)
    if first.status not in (-signal.SIGKILL, 128 + signal.SIGTERM, 0):
        wrong.append(f"ended with {first.status}: {first.output}")
    if first.status == 128 + signal.SIGTERM and not stage.scenario.resumes and left_files(place):
        wrong.append(f"a cancelled job leaves {left_files(place)}")
    wrong += wrong_at_last(stage, place, stage.run(place, f"next-{name}"))
    step = first.steps[kill_at.step - 1] if kill_at.step <= len(first.steps) else "?"
    return [f"step {kill_at.step} ({step}) {kill_at}: {what}" for what in wrong]


def steps_to_try(steps: t.Sequence[str]) -> list[int]:
    """Return every step but those that move content, and a few of these."""
    bulk = [number for number, name in enumerate(steps, 1) if name in BULK]
    chosen = random.Random(SEED).sample(bulk, min(BULK_STEPS, len(bulk)))
    return sorted({*chosen, *(number for number, name in enumerate(steps, 1) if name not in BULK)})


def kill_points_at(step: int, name: str) -> list[KillPoint]:
    """Return the kill points of a step: killed before or after it is sent, or cancelled after."""
    killed = KillPoint(step, signal.SIGKILL)
    return (
        [killed]
        if name in BULK
        else [KillPoint(step, signal.SIGKILL, is_sent=False), killed, KillPoint(step, signal.SIGTERM)]
    )


@pytest.mark.fault("concurrency.killed")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_killed_at_any_step_it_leaves_the_old_file_or_the_new(
    scenario: Scenario, tmp_path: Path, forking_host: ForkingHost
) -> None:
    stage = Stage(scenario, tmp_path, forking_host)
    alone = stage.place("alone")
    ended = stage.run(alone, "alone")
    assert wrong_at_last(stage, alone, ended) == []
    assert STEPS[scenario.module] <= set(ended.steps)
    tries = [point for step in steps_to_try(ended.steps) for point in kill_points_at(step, ended.steps[step - 1])]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [what for found in pool.map(lambda point: tried(stage, point), tries) for what in found]
    print(f"{len(ended.steps)} steps, {len(tries)} ends")
    assert not wrong, "\n".join(wrong)


SERVERS: dict[str, t.Callable[[SharedLab], Server]] = {
    "openssh": lambda lab: lab.openssh(variant="internal"),
    "proftpd": lambda lab: lab.proftpd(),
    "asyncssh": lambda lab: lab.asyncssh(shell=True),
}


@pytest.mark.fault("concurrency.killed")
@pytest.mark.parametrize("kind", SERVERS)
def test_killed_while_it_speaks_ssh_it_leaves_the_old_file_or_the_new(
    kind: str, lab: SharedLab, placed: Placed, source: Place, forking_host: ForkingHost, tmp_path: Path
) -> None:
    """The same over SSH, at a few steps: servers differ in what they do with requests of a closed connection."""
    content = random.Random(SEED).randbytes(MIB // 2)
    (source.folder / "backup").write_bytes(content)
    os.utime(source.folder / "backup", (1_700_000_000, 1_700_000_000))  # a file written just now takes further steps
    target = placed(SERVERS[kind](lab))

    def run(name: str, folder: str, kill_at: KillPoint | None = None) -> ModuleExit:
        path = target.server.remote_path(target.folder / folder / "copy")
        params = {
            "source": endpoint_of(source.server, path=source.server.remote_path(source.folder / "backup")),
            "destinations": [endpoint_of(target.server, path=path)],
            "retries": 4,
        }
        return forking_host.run(tmp_path / name, "sftp_relay", params, kill_at=kill_at)

    def place(name: str) -> Path:
        (target.folder / name).mkdir()
        (target.folder / name / "copy").write_bytes(OLD)
        return target.folder / name

    place("alone")
    steps = run("alone", "alone").steps
    chosen = random.Random(SEED).sample(range(1, len(steps) + 1), 8)

    def tried(step: int) -> list[bytes]:
        folder = place(f"{step}")
        killed = run(f"killed-{step}", folder.name, KillPoint(step))
        # The number of reads depends on how fast replies come, so a run may end before a late step.
        assert killed.status == -signal.SIGKILL or (killed.status == 0 and len(killed.steps) < step)
        seen = (folder / "copy").read_bytes()
        ended = run(f"next-{step}", folder.name)
        assert ended.status == 0, f"after step {step} ({steps[step - 1]}): {ended.output}"
        assert [path.name for path in folder.iterdir()] == ["copy"], f"step {step} ({steps[step - 1]})"
        return [seen, (folder / "copy").read_bytes()]

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for seen, last in pool.map(tried, chosen):
            assert seen in (OLD, content)
            assert last == content
