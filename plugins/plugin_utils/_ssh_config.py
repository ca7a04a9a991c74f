# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What ssh would do: ``ssh -G`` evaluates ssh_config files and arguments, and prints the settings for one host."""

from __future__ import annotations

import os
import pwd
import re
import selectors
import shutil
import signal
import socket
import subprocess
import time
import typing as t
from dataclasses import dataclass

from ..module_utils._errors import InputError, printable
from ._jumps import Hop, read_proxy_command, read_proxy_jump, split_flags

# ``Match exec`` runs a command, and CanonicalizeHostname asks the DNS.
TIMEOUT_SECONDS = 20.0
# Usual is 5 KiB, and more with -vvv.
MAX_OUTPUT_BYTES = 1024 * 1024

Settings = t.Dict[str, t.List[str]]


@dataclass(frozen=True)
class SshSettings:
    """The settings of ssh for one host that matter here; empty or None where nothing was said.

    ``jumps`` are the servers to go through, nearest first. ``unsupported_route`` is a setting that leads elsewhere, or
    ``trust_program`` one that decides about host keys, in a way that cannot be followed. ``no_agent`` says that no key
    but those of files is to be offered. ``known_hosts_files`` is None for the files that ssh reads by default.

    ``StrictHostKeyChecking`` and ciphers are not among them: hosts are always verified, and algorithms are ours.
    """

    host: str = ""
    port: int | None = None
    user: str = ""
    identity_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    host_key_alias: str = ""
    known_hosts_files: tuple[str, ...] | None = None
    revoked_host_keys: str = ""
    no_agent: bool = False
    jumps: tuple[Hop, ...] = ()
    unsupported_route: str = ""
    trust_program: str = ""


def find_ssh(executable: str) -> str:
    """Return the path of an ssh that can be asked, empty where there is none.

    To a user without a name ssh only says "No user exists".
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return ""
    return shutil.which(executable) or ""


def user_config_file() -> str:
    """Return the path of the user's own ssh_config file if there is one, else empty text."""
    path = os.path.join(_home(), ".ssh", "config")
    return path if os.path.exists(path) else ""


def query_ssh(executable: str, arguments: t.Sequence[str], host: str) -> SshSettings:
    """Return the settings with which ``executable`` would connect to ``host``, given its arguments.

    Raises InputError when ssh does not accept them, or has no answer in time.
    """
    # Without any IdentityFile ssh lists its default keys, which nobody has chosen. This one names no file.
    command = [executable, "-G", "-T", *arguments, "-o", "IdentityFile=none", "--", host]
    status, output, errors = _run(command, host)
    if status != 0:
        said = "; ".join(printable(line) for line in errors[-2000:].splitlines() if line.strip())
        raise _unusable(host, f"ssh refuses the settings for it: {said or f'status {status}'}")
    settings: Settings = {}
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        name, _blank, value = line.partition(" ")
        if value.strip():
            settings.setdefault(name.lower(), []).append(value.strip())
    if "hostname" not in settings:
        raise _unusable(host, f"{executable} -G does not print its settings")
    return _read(settings, host, config_file=_config_file(arguments))


def _config_file(arguments: t.Sequence[str]) -> str:
    files = [value for flag, value in split_flags(arguments) if flag == "F"]
    return files[-1] if files else ""


def _read(settings: Settings, host: str, *, config_file: str) -> SshSettings:
    def single(name: str) -> str:
        value = settings.get(name, [""])[0]
        return "" if value.lower() == "none" else value

    tokens = _tokens(settings, host)

    def paths(name: str) -> tuple[str, ...]:
        return tuple(_filled_in(value, tokens) for value in settings.get(name, ()) if value.lower() != "none")

    known = [*_file_names(single("userknownhostsfile")), *_file_names(single("globalknownhostsfile"))]
    jumps, unsupported_route = _route(settings, config_file)
    port = single("port")
    return SshSettings(
        host=single("hostname"),
        port=int(port) if port.isdigit() else None,
        user=single("user"),
        identity_files=paths("identityfile"),
        certificate_files=paths("certificatefile"),
        host_key_alias=single("hostkeyalias"),
        known_hosts_files=tuple(known),
        revoked_host_keys=_filled_in(single("revokedhostkeys"), tokens),
        no_agent=single("identitiesonly") == "yes" or not _is_our_agent(settings),
        jumps=jumps,
        unsupported_route=unsupported_route,
        trust_program="KnownHostsCommand" if single("knownhostscommand") else "",
    )


def _route(settings: Settings, config_file: str) -> tuple[tuple[Hop, ...], str]:
    """Return the jumps, or what cannot be followed."""
    jump, command = (settings.get(name, ["none"])[0] for name in ("proxyjump", "proxycommand"))
    if "refuseconnection" in settings:
        return (), f"RefuseConnection {settings['refuseconnection'][0]}"
    if jump.lower() != "none":
        return read_proxy_jump(jump, config_file=config_file) or (), ""
    if command.lower() == "none":
        return (), ""
    hops = None if settings.get("proxyusefdpass") == ["yes"] else read_proxy_command(command)
    return (hops, "") if hops else ((), f"ProxyCommand {command}")


def _is_our_agent(settings: Settings) -> bool:
    """Tell whether ssh would ask the agent at SSH_AUTH_SOCK, which is the one that can be asked here."""
    named = settings.get("identityagent", ["SSH_AUTH_SOCK"])[0]
    ours = os.environ.get("SSH_AUTH_SOCK", "")
    return named in ("SSH_AUTH_SOCK", "$SSH_AUTH_SOCK", "${SSH_AUTH_SOCK}") or (bool(ours) and named == ours)


def _file_names(listed: str) -> list[str]:
    """Return the names in a list that ssh prints without quotes: one that is a file may have blanks."""
    words, names = listed.split(" "), []
    while words:
        lengths = range(len(words), 1, -1)
        length = next((count for count in lengths if os.path.isfile(_expanded(" ".join(words[:count])))), 1)
        names.append(_expanded(" ".join(words[:length])))
        del words[:length]
    return [name for name in names if name and name.lower() != "none"]


def _tokens(settings: Settings, host: str) -> dict[str, str]:
    """Return what stands for the tokens of ssh_config(5), which ``ssh -G`` leaves in paths."""
    name, port, user = (settings.get(key, [""])[0] for key in ("hostname", "port", "user"))
    account, machine = pwd.getpwuid(os.getuid()).pw_name, socket.gethostname()
    tokens = {"%": "%", "d": _home(), "h": name, "n": host, "p": port, "r": user, "u": account, "i": str(os.getuid())}
    return {**tokens, "k": settings.get("hostkeyalias", [host])[0], "l": machine, "L": machine.partition(".")[0]}


def _filled_in(path: str, tokens: t.Mapping[str, str]) -> str:
    """Return a path with its tokens replaced. One that is not known stays, and names no file."""
    path = re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), _expanded(path))
    return re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), path)


def _expanded(path: str) -> str:
    """Return a path with its tilde replaced; like ssh, by the account's home and not by $HOME."""
    return _home() + path[1:] if path == "~" or path.startswith("~/") else os.path.expanduser(path)


def _home() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")


def _run(command: t.Sequence[str], host: str) -> tuple[int, bytes, bytes]:
    """Run a command without a terminal or input; return its status and what it wrote, up to a limit."""
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        raise _unusable(host, f"{command[0]} cannot be run: {exc}") from exc
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with process:
        try:
            output, errors = _collect(process, host, deadline)
            return process.wait(max(deadline - time.monotonic(), 0)), output, errors
        except subprocess.TimeoutExpired as exc:
            raise _unusable(host, f"ssh -G did not end within {TIMEOUT_SECONDS:g} seconds") from exc
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _collect(process: subprocess.Popen[bytes], host: str, deadline: float) -> tuple[bytes, bytes]:
    found: dict[str, bytearray] = {"output": bytearray(), "errors": bytearray()}
    with selectors.DefaultSelector() as selector:
        for name, stream in (("output", process.stdout), ("errors", process.stderr)):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, name)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, TIMEOUT_SECONDS)
            for key, _events in selector.select(left):
                data = os.read(key.fd, 65536)
                found[key.data] += data
                if not data:
                    selector.unregister(key.fileobj)
                if len(found[key.data]) > MAX_OUTPUT_BYTES:
                    raise _unusable(host, f"ssh -G printed more than {MAX_OUTPUT_BYTES} bytes")
    return bytes(found["output"]), bytes(found["errors"])


def _unusable(host: str, why: str) -> InputError:
    return InputError(
        "invalid_input",
        f"what ssh would do to reach {host} cannot be found out: {why}",
        remedy="Look at it on the controller with: ssh -G and the host's SSH arguments (ansible_ssh_common_args and its"
        " kin). What is wrong there is wrong for every task on that host.",
    )
