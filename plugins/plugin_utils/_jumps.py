# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Parse jumps in ssh arguments: ``ProxyJump``, and its older form ``ProxyCommand ssh -W``."""

from __future__ import annotations

import os
import re
import shlex
import typing as t
from dataclasses import dataclass

_HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:@/]+)(?::(?P<port>\d+))?/?\Z")
# The flags of ssh(1) with a value. Any other flag may share a word with the next flag, as in -qJ.
_FLAGS_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
# In a ProxyCommand: the flags that define host, user and configuration of the jump, and those without effect on it.
_FLAGS_OF_JUMPS = frozenset("FiJlop")
_IGNORED_FLAGS = "46AaCKkNnqTvXxY"
_SPECIAL = re.compile(r"[%$`;&|<>(){}*?!#\\\n]")


@dataclass(frozen=True)
class Hop:
    """One jump. ``port`` is None and ``user`` is empty when the arguments do not state them.

    ``arguments`` are the further arguments of the ssh that makes the jump.
    """

    host: str
    port: int | None = None
    user: str = ""
    arguments: tuple[str, ...] = ()


def read_proxy_jump(value: str, *, config_file: str = "") -> tuple[Hop, ...] | None:
    """Return the hops of ``ProxyJump`` (ssh_config(5)), nearest first; None when it cannot be parsed.

    ssh passes only ``-F config_file`` of its arguments to the jumps (ssh(1), -J).
    """
    arguments = ("-F", config_file) if config_file else ()
    hops = [_hop(part.strip(), arguments) for part in value.split(",")]
    return tuple(hop for hop in hops if hop is not None) if all(hops) else None


def read_proxy_command(value: str) -> tuple[Hop, ...] | None:
    """Return the hop of ``ssh [options] -W %h:%p [user@]host``; None for any other command.

    A word with a special character gives None: ssh would expand tokens in it and pass it to a shell.
    """
    try:
        words = shlex.split(value)
    except ValueError:
        return None
    flags = list(split_flags(words[1:]))
    names = [text for flag, text in flags if not flag]
    targets = [text for flag, text in flags if flag == "W"]
    others = [(flag, text) for flag, text in flags if flag and flag not in "W" + _IGNORED_FLAGS]
    is_plain = not _SPECIAL.search(" ".join([*names, *(text for _flag, text in others)]))
    is_jump = targets in (["%h:%p"], ["[%h]:%p"]) and len(names) == 1
    if not words or words[0].rsplit("/", 1)[-1] != "ssh" or not (is_plain and is_jump):
        return None
    hop = _hop(names[0])
    if hop is None or not {flag for flag, _text in others} <= _FLAGS_OF_JUMPS:
        return None
    given = dict(reversed(others))  # ssh uses the first of several values
    port = int(given["p"]) if given.get("p", "").isdigit() else hop.port
    rest = [(flag, os.path.expanduser(text) if flag == "F" else text) for flag, text in others if flag not in "pl"]
    return (Hop(hop.host, port, given.get("l") or hop.user, tuple(f"-{flag}{text}" for flag, text in rest)),)


def split_flags(words: t.Iterable[str]) -> t.Iterator[tuple[str, str]]:
    """Yield each flag of ssh with its value or an empty text; a word that is no flag has an empty flag."""
    remaining = iter(words)
    for word in remaining:
        if not word.startswith("-"):
            yield "", word
            continue
        for position, flag in enumerate(word[1:], start=2):
            if flag in _FLAGS_WITH_VALUE:
                yield flag, word[position:] or next(remaining, "")
                break
            yield flag, ""


def _hop(text: str, arguments: tuple[str, ...] = ()) -> Hop | None:
    found = _HOP.match(text)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    return Hop(found["host"].strip("[]"), port, found["user"] or "", arguments)
