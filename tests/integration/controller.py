# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller of one test: an inventory, and runs of ``ansible-playbook`` with it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.backhaul.sftp.tests.lab import Proxy, Server

Vars = t.Dict[str, t.Any]
_HERE = Path(__file__).parent
_LONGEST_RUN_SECONDS = 150
_LONGEST_WAIT_SECONDS = 60
_folder_numbers = itertools.count()


def relay(name: str, *, source: Vars, destinations: t.Sequence[Vars], **options: t.Any) -> Vars:
    """Return a task of sftp_relay; its failure does not end the play."""
    return _task(name, "sftp_relay", {"source": source, "destinations": list(destinations), **options})


def find(name: str, **options: t.Any) -> Vars:
    """Return a task of sftp_find; its failure does not end the play."""
    return _task(name, "sftp_find", options)


def info(name: str, **options: t.Any) -> Vars:
    """Return a task of sftp_info; its failure does not end the play."""
    return _task(name, "sftp_info", options)


def get(name: str, **options: t.Any) -> Vars:
    """Return a task of sftp_get; its failure does not end the play."""
    return _task(name, "sftp_get", options)


def put(name: str, **options: t.Any) -> Vars:
    """Return a task of sftp_put; its failure does not end the play."""
    return _task(name, "sftp_put", options)


def _task(name: str, module: str, options: Vars) -> Vars:
    return {"name": name, f"backhaul.sftp.{module}": options, "ignore_errors": True}


def eventually(true: t.Callable[[], object]) -> None:
    """Wait until the condition holds; fail after a time limit."""
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@dataclass(frozen=True)
class Place:
    """The server of an inventory host, with a folder for one test."""

    name: str
    server: Server
    folder: Path

    def path(self, name: str | bytes = b"") -> str:
        """Return the server's path of a name in the folder, or the folder's path with a slash."""
        return self.server.remote_path(self.folder) + "/" + os.fsdecode(name)

    def end(self, name: str | bytes = b"", **suboptions: t.Any) -> Vars:
        """Return an endpoint's suboptions for this host and a path in the folder."""
        return {"inventory_host": self.name, "path": self.path(name), **suboptions}

    def local(self, name: str | bytes) -> Path:
        """Return the local path of a name in the folder."""
        return self.folder / os.fsdecode(name)

    def put(self, name: str | bytes, content: bytes, *, mtime: int = 1_700_000_000, mode: int = 0o644) -> str:
        """Make a file without SFTP; return the server's path of it."""
        self.local(name).write_bytes(content)
        self.local(name).chmod(mode)
        os.utime(self.local(name), (mtime, mtime))
        return self.path(name)

    def content(self, name: str | bytes) -> bytes:
        """Read a file without SFTP."""
        return self.local(name).read_bytes()

    def names(self) -> set[str]:
        """List the folder without SFTP, hidden files included."""
        return set(os.listdir(self.folder))


@dataclass(frozen=True)
class Run:
    """The output, exit status and task results of a playbook run."""

    status: int
    output: str
    records: t.Sequence[Vars]

    def __getitem__(self, task: str) -> Vars:
        """Return the result of a task that ran once."""
        return self.on(None, task)

    def on(self, host: str | None, task: str) -> Vars:
        """Return the result of a task on one host; ``status`` is its outcome."""
        found = [entry for entry in self.records if entry["task"] == task and host in (None, entry["host"])]
        assert len(found) == 1, f"{task!r} has {len(found)} results:\n{self.output}"
        return {**found[0]["result"], "status": found[0]["status"]}

    def succeeded(self, task: str) -> Vars:
        """Return the result of a task; fail unless it succeeded."""
        result = self[task]
        assert result["status"] == "ok", f"{task}: {result['status']}: {result.get('msg')}\n{self.output}"
        return result

    def failure(self, task: str) -> Vars:
        """Return the ``error`` of a failed task; fail unless it has one."""
        result = self[task]
        assert result["status"] == "failed", f"{task}: {result['status']}:\n{self.output}"
        assert "error" in result, f"{task}: {result.get('msg')}\n{self.output}"
        return t.cast(Vars, result["error"])

    def states(self, task: str) -> list[str]:
        """Return the state of each destination of a relay."""
        result = self[task]
        assert "destinations" in result, f"{task}: {result.get('msg')}\n{self.output}"
        return [entry["state"] for entry in result["destinations"]]


@dataclass
class Site:
    """The folder of one test on the controller; ``hosts`` and ``groups`` become its inventory."""

    folder: Path
    hosts: dict[str, Vars] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The home directory of the user who runs Ansible."""
        return self.folder / "home"

    @property
    def known_hosts(self) -> Path:
        """The known-hosts file that the inventory names."""
        return self.folder / "known_hosts"

    def add(self, name: str, server: Server, **variables: t.Any) -> Place:
        """Add a server under an inventory name; None removes a default variable."""
        self.trust(server)
        usual = {
            "ansible_host": server.host,
            "ansible_port": server.port,
            "ansible_user": server.user,
            "ansible_ssh_private_key_file": str(server.client_key.path),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.known_hosts}",
        }
        given = {**usual, **variables}
        self.hosts[name] = {key: value for key, value in given.items() if value is not None}
        folder = server.root / f"test-{os.getpid()}-{next(_folder_numbers)}"
        folder.mkdir()
        os.chown(folder, server.root.stat().st_uid, server.root.stat().st_gid)
        return Place(name, server, folder)

    def add_behind(self, name: str, server: Server, proxy: Proxy) -> Place:
        """Add a server under an inventory name, reached through a proxy."""
        place = self.add(name, server, ansible_host=proxy.host, ansible_port=proxy.port)
        self.trust(server, port=proxy.port)
        return place

    def trust(self, server: Server, *, port: int = 0) -> None:
        """Add a server's host keys to the known-hosts file, for its own port or for another."""
        with self.known_hosts.open("a", encoding="ascii") as file:
            file.writelines(f"[{server.host}]:{port or server.port} {line}\n" for line in server.host_keys)
        self.known_hosts.chmod(0o600)  # a file that others can write is refused

    def play(
        self,
        *tasks: Vars,
        hosts: str = "localhost",
        arguments: t.Sequence[str] = (),
        env: Vars | None = None,
        **play: t.Any,
    ) -> Run:
        """Run the tasks and wait for the end; ``play`` are further keywords of the play."""
        with self.playing(*tasks, hosts=hosts, arguments=arguments, env=env, **play) as running:
            running.wait()
            eventually(lambda: not self.processes())
        return running.run()

    @contextmanager
    def playing(
        self,
        *tasks: Vars,
        hosts: str = "localhost",
        arguments: t.Sequence[str] = (),
        env: Vars | None = None,
        **play: t.Any,
    ) -> t.Iterator[Playing]:
        """Context manager: run the tasks in the background; the end of the block kills the run."""
        number = next(_folder_numbers)
        book = self.folder / f"play-{number}.json"
        content = [{"name": "Test", "hosts": hosts, "gather_facts": False, "tasks": list(tasks), **play}]
        book.write_text(json.dumps(content), encoding="utf-8")
        results = self.folder / f"results-{number}"
        results.touch()
        program = Path(sys.executable).with_name("ansible-playbook")
        with (self.folder / f"output-{number}").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(program), "-i", str(self._inventory()), *arguments, str(book)],
                cwd=self.folder,
                env={**self._environment(results), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Playing(process, Path(output.name), results)
        try:
            yield running
        finally:
            self._end_processes()
            process.wait()

    def processes(self) -> dict[int, bytes]:
        """Return the running processes of this site's runs, with their command lines (Linux)."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if command and f"HOME={self.home}".encode() in environment:
                found[int(entry.name)] = command.replace(b"\0", b" ")
        return found

    def _end_processes(self) -> None:
        """Kill all processes of this site: workers and modules are not in the run's process group."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _inventory(self) -> Path:
        path = self.folder / "inventory.json"
        groups = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in self.groups.items()}
        path.write_text(json.dumps({"all": {"hosts": self.hosts, "children": groups}}), encoding="utf-8")
        return path

    def _environment(self, results: Path) -> dict[str, str]:
        """Return an environment without the caller's variables for Ansible, SSH and Python."""
        self.home.mkdir(exist_ok=True)
        settings = self.folder / "ansible.cfg"
        settings.touch()
        hidden = ("ANSIBLE_", "SSH_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return {
            **kept,
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.home / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "results_file",
            # Ansible takes the home directory of the password file.
            "ANSIBLE_ASYNC_DIR": str(self.home / ".ansible_async"),
            "ANSIBLE_REMOTE_TEMP": str(self.home / ".ansible" / "tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONUNBUFFERED": "1",  # unbuffered, as on a terminal
            "RESULTS_FILE": str(results),
        }


@dataclass
class Playing:
    """A playbook run in the background."""

    process: subprocess.Popen[bytes]
    output: Path
    results: Path

    @property
    def text(self) -> str:
        """The output so far."""
        return self.output.read_text(encoding="utf-8", errors="surrogateescape")

    def cancel(self, number: signal.Signals) -> None:
        """Send a signal up to three times, because on a busy machine Ansible's worker may miss the first."""
        for _time in range(3):
            self.signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
                return

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the foreground process group, as a terminal does for Ctrl-C."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill the controller process only, as the kernel does when memory is short."""
        self.process.kill()

    def wait(self) -> None:
        """Wait for the end of the run; fail after a time limit."""
        try:
            self.process.wait(_LONGEST_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the run does not end:\n{self.text}") from None

    def run(self) -> Run:
        """Return the results of the ended run."""
        lines = self.results.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        assert self.process.returncode is not None
        return Run(self.process.returncode, self.text, [json.loads(line) for line in lines])
