# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Query ssh for the settings of one host: ``ssh -G`` evaluates ssh_config files and arguments, and prints them."""

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

# ``Match exec`` runs a command, and CanonicalizeHostname queries the DNS.
TIMEOUT_SECONDS = 20.0
# The usual output has 5 KiB, and more with -vvv.
MAX_OUTPUT_BYTES = 1024 * 1024

Settings = t.Dict[str, t.List[str]]


@dataclass(frozen=True)
class SshSettings:
    """The settings of ssh for one host; empty or None when a setting is not given.

    ``jumps`` are the servers to pass through, nearest first. ``unsupported_route`` is a setting for a way to the host
    that is not supported, such as ProxyCommand. ``trust_program`` is a setting that runs a program for host keys, which
    is not supported. ``no_agent``: only keys from files are offered. ``known_hosts_files`` is None for ssh's default.

    ``StrictHostKeyChecking`` and ciphers are ignored: host keys are always verified, and the collection has its own
    algorithms.
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
    """Return the path of ssh, or an empty text when there is no ssh that can be queried.

    For a user id without a name, ssh prints "No user exists" and ends.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return ""
    return shutil.which(executable) or ""


def user_config_file() -> str:
    """Return the path of the user's ssh_config file, or an empty text when there is none."""
    path = os.path.join(_home(), ".ssh", "config")
    return path if os.path.exists(path) else ""


def query_ssh(executable: str, arguments: t.Sequence[str], host: str) -> SshSettings:
    """Return the settings with which ``executable`` and these arguments would connect to ``host``.

    Raises InputError when ssh refuses them, or does not end within TIMEOUT_SECONDS.
    """
    # Without an IdentityFile ssh lists its default keys, which no user chose. "none" suppresses them.
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
        no_agent=single("identitiesonly") == "yes" or not _is_agent_of_environment(settings),
        jumps=jumps,
        unsupported_route=unsupported_route,
        trust_program="KnownHostsCommand" if single("knownhostscommand") else "",
    )


def _route(settings: Settings, config_file: str) -> tuple[tuple[Hop, ...], str]:
    """Return the jumps, or the setting that is not supported."""
    jump, command = (settings.get(name, ["none"])[0] for name in ("proxyjump", "proxycommand"))
    if "refuseconnection" in settings:
        return (), f"RefuseConnection {settings['refuseconnection'][0]}"
    if jump.lower() != "none":
        return read_proxy_jump(jump, config_file=config_file) or (), ""
    if command.lower() == "none":
        return (), ""
    hops = None if settings.get("proxyusefdpass") == ["yes"] else read_proxy_command(command)
    return (hops, "") if hops else ((), f"ProxyCommand {command}")


def _is_agent_of_environment(settings: Settings) -> bool:
    """Return whether ssh would use the agent at SSH_AUTH_SOCK, the only one that is used here."""
    named = settings.get("identityagent", ["SSH_AUTH_SOCK"])[0]
    socket_path = os.environ.get("SSH_AUTH_SOCK", "")
    return named in ("SSH_AUTH_SOCK", "$SSH_AUTH_SOCK", "${SSH_AUTH_SOCK}") or (
        bool(socket_path) and named == socket_path
    )


def _file_names(listed: str) -> list[str]:
    """Return the file names in a list that ssh prints without quotes; the name of an existing file may have blanks."""
    words, names = listed.split(" "), []
    while words:
        lengths = range(len(words), 1, -1)
        length = next((count for count in lengths if os.path.isfile(_expanded(" ".join(words[:count])))), 1)
        names.append(_expanded(" ".join(words[:length])))
        del words[:length]
    return [name for name in names if name and name.lower() != "none"]


def _tokens(settings: Settings, host: str) -> dict[str, str]:
    """Return the values of the tokens in ssh_config(5), which ``ssh -G`` does not expand in paths."""
    name, port, user = (settings.get(key, [""])[0] for key in ("hostname", "port", "user"))
    account, machine = pwd.getpwuid(os.getuid()).pw_name, socket.gethostname()
    tokens = {"%": "%", "d": _home(), "h": name, "n": host, "p": port, "r": user, "u": account, "i": str(os.getuid())}
    return {**tokens, "k": settings.get("hostkeyalias", [host])[0], "l": machine, "L": machine.partition(".")[0]}


def _filled_in(path: str, tokens: t.Mapping[str, str]) -> str:
    """Return a path with its tokens replaced. An unknown token stays, so that the path names no file."""
    path = re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), _expanded(path))
    return re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), path)


def _expanded(path: str) -> str:
    """Return a path with its tilde replaced; as in ssh by the account's home directory, not by $HOME."""
    return _home() + path[1:] if path == "~" or path.startswith("~/") else os.path.expanduser(path)


def _home() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")


def _run(command: t.Sequence[str], host: str) -> tuple[int, bytes, bytes]:
    """Run a command without terminal and input; return its status, output and errors. Raises InputError."""
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
