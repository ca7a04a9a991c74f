# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of the demo: a few kinds of lines, in colour on a terminal only."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
import typing as t

_BOLD, _DIM, _GREEN, _RED, _CYAN = "1", "2", "32", "31", "36"
# https://no-color.org: any value but an empty one turns colours off.
_COLOURS = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
_WIDTH = min(shutil.get_terminal_size((100, 24)).columns, 100)
_MARK = "\u2713" if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else "*"


def title(text: str) -> None:
    """Show the title."""
    _print(f"\n{_painted(text, _BOLD)}\n{'=' * len(text)}")


def heading(number: int, text: str) -> None:
    """Begin a chapter; 0 has no number."""
    _print("\n" + _painted(f"{number}. {text}" if number else text, f"{_BOLD};{_CYAN}"))


def paragraph(text: str) -> None:
    """Show a sentence."""
    _print("\n" + textwrap.fill(text, _WIDTH))


def row(text: str, note: str) -> None:
    """Show a line of a table with a note beside it."""
    _print(f"    {text}   {_painted(note, _CYAN)}".rstrip())


def notice(text: str, *more: str) -> None:
    """Show a promise that was checked."""
    _print(f"  {_painted(_MARK, _GREEN)} {text}")
    for line in more:
        _print(f"    {_painted(line, _DIM)}")


def failure(text: str) -> None:
    """Show the error of the demo."""
    _print("\n" + _painted(text, f"{_BOLD};{_RED}"))


@contextlib.contextmanager
def indented_output() -> t.Iterator[t.Callable[[str], None]]:
    """Yield a function that shows one line of another program."""
    _print("")
    yield lambda line: _print(f"    {_painted('|', _DIM)} {line}")
    _print("")


def size(count: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def age(seconds: float) -> str:
    """Return how long ago something was, for people."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h" if hours else f"{minutes} min"


def _painted(text: str, codes: str) -> str:
    return f"\x1b[{codes}m{text}\x1b[0m" if _COLOURS and text else text


def _print(text: str) -> None:
    print(text, flush=True)
