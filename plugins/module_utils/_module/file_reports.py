# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Reports of one file at one destination: planned, done or failed."""

from __future__ import annotations

import random
import secrets
import typing as t
from dataclasses import dataclass

from .._cancellation import sleep
from .._errors import BackhaulError
from .._model import Attributes, Outcome, Source, Step
from .._transfer.destination import Destination, Runtime
from . import results

RUNTIME = Runtime(token=lambda: secrets.token_hex(8), random=random.random, sleep=sleep)

NOTHING_DONE: t.Mapping[str, t.Any] = {
    "changed": False,
    "compared_by": None,
    "verified_by": None,
    "sha256": None,
    "bytes_sent": 0,
    "bytes_resumed": 0,
    "seconds": 0.0,
    "bytes_per_second": 0,
    "attempts": 1,
    "retried": [],
    "attributes_changed": [],
    "not_applied": [],
    "error": None,
}


@dataclass(frozen=True)
class Report:
    """The entry of one file at one destination in the result, its diff, and the error if it failed.

    ``warnings`` are for the task as a whole.
    """

    entry: results.Json
    diff: results.Json | None = None
    error: BackhaulError | None = None
    warnings: tuple[str, ...] = ()


def planned(destination: Destination, step: Step, source: Source) -> Report:
    """Return the report of a step in check mode."""
    digest = step.comparison.digest
    entry = {
        **NOTHING_DONE,
        "host": destination.endpoint.label,
        **results.path_fields(step.path),
        "state": "planned" if step.changes else {"keep": "unchanged", "skip": "skipped"}[step.action],
        "action": step.action,
        "changed": step.changes,
        "compared_by": step.comparison.compared_by,
        "sha256": digest.hexdigest if digest else None,
    }
    return Report(entry, diff=difference(destination, step, source))


def done(destination: Destination, step: Step, outcome: Outcome, source: Source) -> Report:
    """Return the report of a step that was carried out."""
    diff = difference(destination, step, source) if outcome.changed else None
    entry = results.outcome_fields(destination.endpoint, outcome)
    return Report(entry, diff=diff, warnings=_on(destination, outcome.warnings))


def failed(destination: Destination, error: BackhaulError) -> Report:
    """Return the report of a copy that failed."""
    entry = {
        **NOTHING_DONE,
        "host": destination.endpoint.label,
        **results.path_fields(destination.path),
        "state": "failed",
        "attempts": error.details.get("attempts", 1),
        "retried": error.details.get("retried", []),
        "bytes_sent": error.details.get("bytes_sent", 0),
        "seconds": error.details.get("seconds", 0.0),
        "error": error.to_dict(),
    }
    return Report(entry, error=error, warnings=_on(destination, t.cast("list[str]", error.details.get("warnings", []))))


def _on(destination: Destination, warnings: t.Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{destination.endpoint.label}: {text}" for text in warnings)


def difference(destination: Destination, step: Step, source: Source) -> results.Json | None:
    """Return an entry for Ansible's ``diff``, or None where nothing changes."""
    if not step.changes:
        return None
    before = None if step.before is None else _facts(step.before)
    after = dict(before or {})
    after.update({"size": source.size} if step.transfers else {})
    after.update({key: value for key, value in _facts(step.adjust).items() if value is not None})
    owners = {"owner": step.ownership.uid, "group": step.ownership.gid}
    if before is not None and step.before is not None:
        current = {"owner": step.before.uid, "group": step.before.gid}
        before.update({key: current[key] for key, value in owners.items() if value is not None})
    after.update({key: value for key, value in owners.items() if value is not None})
    return results.diff_entry(destination.endpoint.label, step.path, before=before, after=after)


def _facts(found: Attributes) -> results.Json:
    fields = results.attribute_fields(found)
    return {"size": fields["size"], "mtime": fields["mtime_utc"], "mode": fields["mode"]}
