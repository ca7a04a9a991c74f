# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Jumps as ssh arguments describe them: ``ProxyJump``, and the ``ProxyCommand ssh -W`` that stood for it before."""

from __future__ import annotations

import re
import shlex
import typing as t
from dataclasses import dataclass

_HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:@/]+)(?::(?P<port>\d+))?/?\Z")
# Those of ssh(1); any other flag may share its word with the next one, as in -qJ.
_FLAGS_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")


@dataclass(frozen=True)
class Hop:
    """One server on the way; ``port`` and ``user`` are None and empty where the arguments leave them open."""

    host: str
    port: int | None = None
    user: str = ""


def read_proxy_jump(value: str) -> tuple[Hop, ...] | None:
    """Return the hops of ``ProxyJump`` (ssh_config(5)), nearest first; None when it cannot be understood."""
    hops = [_hop(part.strip()) for part in value.split(",")]
    return tuple(hop for hop in hops if hop is not None) if all(hops) else None


def read_proxy_command(value: str) -> tuple[Hop, ...] | None:
    """Return the one hop of ``ssh [-q] [-p port] [-l user] -W %h:%p [user@]host``; None for any other command.

    A key that it names with ``-i`` is not among what can be followed, since the hop would log in with another one.
    """
    try:
        words = shlex.split(value)
    except ValueError:
        return None
    flags: dict[str, str] = {}
    names: list[str] = []
    for flag, text in taken_apart(words[1:]):
        if flag:
            flags.setdefault(flag, text)
        else:
            names.append(text)
    understood = set(flags) <= {"W", "p", "l", "q"} and flags.get("W") == "%h:%p" and len(names) == 1
    if not words or words[0].rsplit("/", 1)[-1] != "ssh" or not understood:
        return None
    hop = _hop(names[0])
    if hop is None:
        return None
    port = int(flags["p"]) if flags.get("p", "").isdigit() else hop.port
    return (Hop(hop.host, port, flags.get("l") or hop.user),)


def taken_apart(words: t.Iterable[str]) -> t.Iterator[tuple[str, str]]:
    """Yield ssh's flags one by one, each with its value or empty text; what is no flag comes under an empty one."""
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("-"):
            yield "", word
            continue
        for position, flag in enumerate(word[1:], start=2):
            if flag in _FLAGS_WITH_VALUE:
                yield flag, word[position:] or next(waiting, "")
                break
            yield flag, ""


def _hop(text: str) -> Hop | None:
    found = _HOP.match(text)
    if found is None:
        return None
    return Hop(found["host"].strip("[]"), int(found["port"]) if found["port"] else None, found["user"] or "")
