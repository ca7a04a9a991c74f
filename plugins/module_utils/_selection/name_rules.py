# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Decide which base names a selection accepts: patterns, excludes, hidden and temporary files."""

from __future__ import annotations

import fnmatch
import re
import typing as t

from .._errors import InputError
from .._names import LONGEST_NAME_BYTES, as_text, is_temporary, suspicion

Refusal = t.Optional[t.Tuple[str, str]]


class NameRules:
    """Matches base names with patterns; without patterns every name matches.

    Patterns are globs (``*``, ``?``, ``[...]``; dots and slashes have no special meaning), or regular expressions with
    ``use_regex``. They match the whole name and are case-sensitive. They match characters where a name is UTF-8, else
    bytes. Regular expressions are not applied to names of more than 255 characters, because their time grows with a
    power of the length; nearly no file system has such names.
    Raises ``InputError`` ``invalid_input`` for an invalid expression.
    """

    def __init__(
        self,
        *,
        patterns: t.Sequence[str] = (),
        excludes: t.Sequence[str] = (),
        use_regex: bool = False,
        hidden: bool = False,
        ignore_temporary: bool = True,
    ) -> None:
        self._patterns = [_compiled(pattern, use_regex=use_regex, option="patterns") for pattern in patterns]
        self._excludes = [_compiled(pattern, use_regex=use_regex, option="excludes") for pattern in excludes]
        self._longest = LONGEST_NAME_BYTES if use_regex and (patterns or excludes) else None
        self._hidden = hidden
        self._ignore_temporary = ignore_temporary

    def refusal(self, name: bytes) -> Refusal:
        """Return why the name is not accepted, as a reason code and a text, or None when it is accepted."""
        problem = suspicion(name)
        if problem:
            return "suspicious_name", f"its name is suspicious: {problem}"
        text = as_text(name)
        if self._longest is not None and len(text) > self._longest:
            return "name_too_long", f"its name has more than {self._longest} characters, too many for use_regex"
        if self._patterns and not _matches(self._patterns, text):
            return "not_matched", "no pattern matches its name"
        if _matches(self._excludes, text):
            return "excluded", "its name is excluded"
        if self._ignore_temporary and is_temporary(name):
            return "temporary", "its name says that it is not finished"
        if not self._hidden and name.startswith(b"."):
            return "hidden", "it is hidden"
        return None


def _matches(patterns: t.Sequence[t.Pattern[str]], text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in patterns)


def _compiled(pattern: str, *, use_regex: bool, option: str) -> t.Pattern[str]:
    try:
        return re.compile(str(pattern) if use_regex else fnmatch.translate(str(pattern)))
    except (re.error, OverflowError, RecursionError) as exc:
        cut = str(pattern)[:64]
        raise InputError(
            "invalid_input",
            f"{option}: {cut!r} is not a {'regular expression' if use_regex else 'glob'}: {exc}",
            remedy="Correct it; globs such as *.tar.gz need no 'use_regex'.",
            details={"option": option, "value": cut},
        ) from exc
