# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Select the newest good files from a stream of files, in constant memory when there is a limit.

The caller reads the directories, to the depth that it decides, and requests attributes that are missing. This file
decides which files are good backups, and which error to raise when there is none.
"""

from __future__ import annotations

import collections
import heapq
import typing as t

from .._model import Attributes, RemoteFile
from .._names import SeenNames
from .checks import (
    attributes_missing,
    is_future,
    listed_twice,
    listing,
    no_match,
    require_fresh,
    require_not_shrunk,
    require_plausible,
    too_many_repeats,
    unstable_error,
)
from .model import Candidate, Selected, Selection, Skipped
from .name_rules import Refusal

__all__ = ["SKIPPED_LISTED", "Selected", "Selection", "Selector", "Skipped", "unstable_error"]

# All skipped files are counted. At most this many are listed, because a directory may hold a million.
SKIPPED_LISTED = 1000
_MAX_REPEATS = 1000
# The upper bounds of the files in a result and of the bytes of their paths. Each file adds about 2 KiB of JSON.
MOST_FILES = 100_000
MOST_PATHS_BYTES = 32 * 1024 * 1024


class Selector:
    """Receives files one by one, then returns the newest good ones.

    ``now`` is the current time in seconds since 1970, on the clock by which ages are measured.
    """

    def __init__(self, selection: Selection, *, now: float) -> None:
        self._selection = selection
        self._now = now
        self._name_rules = selection.name_rules()
        self._name_time = selection.name_time()
        self._seen = SeenNames()
        self._repeated: set[bytes] = set()
        self._kept: list[Candidate] = []
        self._kept_bytes = 0
        # At least two files are kept: ties and shrinking compare the newest with the second.
        self._most = max(2, min(selection.limit or MOST_FILES, MOST_FILES))
        self._older: Candidate | None = None
        self._unclear: tuple[RemoteFile, tuple[str, ...]] | None = None
        self._skipped: list[Skipped] = []
        self._counts: collections.Counter[str] = collections.Counter()
        self._examined = 0
        self._qualified = 0

    def missing_attributes(self, file: RemoteFile) -> tuple[str, ...]:
        """Return the names of the needed attributes that the listing left out. The caller reads them by LSTAT first.

        The result is empty for a file whose name is not accepted, so that no request is wasted.
        """
        missing = self._missing(file.attributes, kind=file.attributes.kind)
        return () if missing and self._name_rules.refusal(file.name) else missing

    def skip(self, path: bytes, reason: str, text: str) -> None:
        """Record an entry that the caller left out, such as a name that must not be joined to a path."""
        self._examined += 1
        self._note(path, reason, text)

    def offer(self, file: RemoteFile) -> None:
        """Keep one file as a candidate, or record why it is skipped."""
        self._examined += 1
        kind = file.attributes.kind
        refusal = (
            self._name_rules.refusal(file.name)
            or self._refusal_as_repeated(file)
            or self._refusal_as_unclear(file, kind=kind)
            or self._refusal_by_kind(kind)
        )
        if refusal is None:
            self._add_by_time_and_size(file, kind=kind)
        else:
            self._note(file.path, *refusal)

    def result(self) -> Selected:
        """Return the selected files. Raises ``SelectionError`` ``no_match``, ``stale`` or ``suspicious``."""
        ordered = sorted(self._kept, reverse=True)
        self._require_good(ordered)
        tied = len(ordered) > 1 and self._are_tied(ordered[0], ordered[1])
        return Selected(
            latest=ordered[0].file if ordered else None,
            latest_time=ordered[0].time if ordered else None,
            files=tuple(candidate.file for candidate in ordered[: self._selection.limit]),
            tied_with=ordered[1].file if tied else None,
            qualified=self._qualified,
            examined=self._examined,
            skipped=tuple(self._skipped),
            skipped_counts=dict(self._counts),
            is_cut=len(ordered) < min(self._selection.limit or self._qualified, self._qualified),
        )

    def _require_good(self, ordered: t.Sequence[Candidate]) -> None:
        if len(self._repeated) > _MAX_REPEATS:
            raise too_many_repeats(_MAX_REPEATS)
        if self._unclear is not None:
            raise attributes_missing(*self._unclear)
        if not ordered:
            if self._selection.when_none == "fail":
                raise no_match(self._examined, self._counts)
            return
        if ordered[0].file.path in self._repeated:
            raise listed_twice(ordered[0].file.path)
        before = ordered[1] if len(ordered) > 1 else self._older
        require_plausible(ordered[0], selection=self._selection, now=self._now)
        require_not_shrunk(ordered[0], before=before, selection=self._selection)
        require_fresh(ordered[0], selection=self._selection, now=self._now)

    def _missing(self, attributes: Attributes, *, kind: str) -> tuple[str, ...]:
        if kind == "unknown":
            return ("mode",)
        if self._selection.file_type not in ("any", kind):
            return ()
        size = ("size",) if kind == "file" and attributes.size is None else ()
        return size if attributes.mtime is not None else (*size, "mtime")

    def _refusal_as_repeated(self, file: RemoteFile) -> Refusal:
        if not self._seen.seen_before(file.path):
            return None
        if len(self._repeated) <= _MAX_REPEATS:
            self._repeated.add(file.path)
        return "suspicious_name", "the server listed this name twice"

    def _refusal_as_unclear(self, file: RemoteFile, *, kind: str) -> Refusal:
        missing = self._missing(file.attributes, kind=kind)
        if not missing:
            return None
        self._unclear = self._unclear or (file, missing)
        return "attributes_missing", f"the server does not tell its {listing(missing)}"

    def _refusal_by_kind(self, kind: str) -> Refusal:
        wanted = self._selection.file_type
        if wanted in ("any", kind):
            return None
        return f"not_a_{wanted}", "it is a device, pipe or socket" if kind == "other" else f"it is a {kind}"

    def _add_by_time_and_size(self, file: RemoteFile, *, kind: str) -> None:
        mtime = file.attributes.mtime or 0
        time = mtime if self._name_time is None else self._name_time.find(file.name)
        if time is None:
            self._note(file.path, "no_time_in_name", f"its name has no time like {self._selection.time_format}")
            return
        refusal = self._refusal_by_size(file.attributes.size, kind=kind) or self._refusal_by_time(time, mtime)
        key = self._key(file, time)
        if refusal is None:
            self._qualified += 1
            self._keep(key, time, file)
            return
        candidate = Candidate(key, -self._examined, time, file)
        self._note(file.path, *refusal)
        if refusal[0] == "too_old" and (self._older is None or candidate > self._older):
            # It is not selected, but the newest file is compared with it to detect shrinking.
            self._older = candidate

    def _refusal_by_size(self, size: int | None, *, kind: str) -> Refusal:
        rules = self._selection
        if size is None or kind != "file":
            return None
        if size < rules.min_size_bytes:
            return "too_small", f"{size} bytes are less than {rules.min_size_bytes}"
        if rules.max_size_bytes is not None and size > rules.max_size_bytes:
            return "too_big", f"{size} bytes are more than {rules.max_size_bytes}"
        return None

    def _refusal_by_time(self, time: int, mtime: int) -> Refusal:
        rules, age = self._selection, self._now - time
        if self._is_future(time) and rules.future != "allow":
            # With "refuse" the file stays a candidate. If it were skipped as too new, the error would not be raised.
            return ("future", f"its time is {-age:.0f} seconds ahead") if rules.future == "skip" else None
        if rules.min_age_seconds is not None and self._now - mtime < rules.min_age_seconds:
            return "too_new", f"written {self._now - mtime:.0f} seconds ago, wanted at least {rules.min_age_seconds}"
        if rules.max_age_seconds is not None and age > rules.max_age_seconds:
            return "too_old", f"{age:.0f} seconds old, wanted at most {rules.max_age_seconds}"
        return None

    def _is_future(self, time: int) -> bool:
        return is_future(time, selection=self._selection, now=self._now)

    def _key(self, file: RemoteFile, time: int) -> tuple[int, bytes, bytes]:
        order_by = self._selection.order_by
        number = 0 if order_by == "name" else (file.attributes.size or 0) if order_by == "size" else time
        return number, file.name, file.path

    def _are_tied(self, first: Candidate, second: Candidate) -> bool:
        length = 2 if self._selection.order_by == "name" else 1
        return first.key[:length] == second.key[:length]

    def _keep(self, key: tuple[int, bytes, bytes], time: int, file: RemoteFile) -> None:
        if len(self._kept) >= self._most and key <= self._kept[0].key:  # of two equal files the first is kept
            return
        heapq.heappush(self._kept, Candidate(key, -self._examined, time, file))
        self._kept_bytes += len(file.path)
        while len(self._kept) > self._most or (self._kept_bytes > MOST_PATHS_BYTES and len(self._kept) > 2):
            self._kept_bytes -= len(heapq.heappop(self._kept).file.path)

    def _note(self, path: bytes, reason: str, text: str) -> None:
        self._counts[reason] += 1
        if reason != "not_matched" and len(self._skipped) < SKIPPED_LISTED:
            self._skipped.append(Skipped(path, reason, text))
