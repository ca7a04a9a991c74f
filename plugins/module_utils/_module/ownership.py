# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The owner and the group of copies on this machine."""

from __future__ import annotations

import base64
import grp
import pwd
import typing as t
from dataclasses import dataclass, replace

from .._errors import BackhaulError, InputError, RemoteError
from .._filesystem import AttributesHandle, FileSystem
from .._model import Attributes
from .._transfer.attributes import opened_as_seen
from . import results
from .file_reports import Report, failed
from .file_set import FileJob


def read_ownership(owner: str | None, group: str | None) -> Attributes:
    """Return the ids of an account and a group, given by name or number; ``invalid_input`` for unknown ones."""
    uid = _number("owner", owner, lambda name: pwd.getpwnam(name).pw_uid)
    return Attributes(uid=uid, gid=_number("group", group, lambda name: grp.getgrnam(name).gr_gid))


def _number(option: str, given: str | None, look_up: t.Callable[[str], int]) -> int | None:
    if given is None or not str(given).strip():
        return None
    try:
        return int(given) if str(given).isdecimal() else look_up(str(given))
    except KeyError:
        raise InputError(
            "invalid_input",
            f"{option} is {str(given)!r}, which this machine does not know",
            remedy="Give the name of one that exists here, or its number.",
            details={"option": option},
        ) from None


@dataclass(frozen=True)
class Ownership:
    """Gives each copy its owner and group; what the system does not permit is noted in ``not_applied``."""

    files: FileSystem
    wanted: Attributes
    check_mode: bool

    def finish(self, job: FileJob, report: Report) -> Report:
        """Set owner and group of a copy, or plan to, and return its report with that."""
        is_there = (
            report.error is None and report.entry["state"] != "skipped" and report.entry.get("action") != "create"
        )
        try:
            return self._owned(report, job.options.mode) if is_there else report
        except BackhaulError as exc:
            here = job.destination.endpoint
            return failed(job.destination, exc.with_location(role=here.role, host=here.label))

    def _owned(self, report: Report, mode: int | None) -> Report:
        path = _path(report.entry)
        found = self.files.attributes(path, follow=False)
        drift = {name: now for name, now in self._pairs(found).items() if now[1] not in (None, now[0])}
        if not drift:
            return report
        refused = [] if self.check_mode else self._refused(path, found, drift, mode)
        changed = [name for name in drift if name not in refused]
        entry = dict(report.entry)
        if self.check_mode:
            entry.update(state="planned", action="adjust" if entry["action"] == "keep" else entry["action"])
        elif entry["state"] == "unchanged":
            entry["attributes_changed"] = [*entry["attributes_changed"], *changed]
        entry.update(changed=entry["changed"] or bool(changed), not_applied=[*entry["not_applied"], *refused])
        return replace(report, entry=entry, diff=report.diff or (_diff(entry, path, drift) if changed else None))

    def _pairs(self, found: Attributes) -> dict[str, tuple[int | None, int | None]]:
        return {"owner": (found.uid, self.wanted.uid), "group": (found.gid, self.wanted.gid)}

    def _refused(self, path: bytes, found: Attributes, drift: t.Iterable[str], mode: int | None) -> list[str]:
        """Set what differs, through a handle of the file that was found; return the names of what is not permitted.

        Changing the owner clears the set-id bits (chown(2)). Those that the task states are set again, and no others.
        """
        parts = {"owner": Attributes(uid=self.wanted.uid), "group": Attributes(gid=self.wanted.gid)}
        try:
            with opened_as_seen(self.files, path, found) as handle:
                return [name for name in drift if not _accepted(handle, replace(parts[name], mode=mode))]
        except RemoteError as exc:
            if exc.code != "permission_denied":
                raise
            return list(drift)


def _accepted(handle: AttributesHandle, part: Attributes) -> bool:
    try:
        handle.set_attributes(part)
    except RemoteError as exc:
        if exc.code != "permission_denied":
            raise
        return False
    return True


def _path(entry: t.Mapping[str, t.Any]) -> bytes:
    exact = entry.get("path_base64")
    return base64.b64decode(exact) if exact else t.cast(str, entry["path"]).encode("utf-8")


def _diff(
    entry: t.Mapping[str, t.Any], path: bytes, drift: t.Mapping[str, tuple[int | None, int | None]]
) -> results.Json:
    before, after = ({name: pair[side] for name, pair in drift.items()} for side in (0, 1))
    return results.diff_entry(entry["host"], path, before=before, after=after)
