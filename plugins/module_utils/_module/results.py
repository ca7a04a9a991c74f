# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The plain JSON of results, made of the values of ``_model``."""

from __future__ import annotations

import base64
import re
import typing as t
from dataclasses import asdict

from .._errors import printable
from .._model import Attributes, ConnectionReport, Digest, Endpoint, Outcome, RemoteFile, Source
from .._selection.model import Selected, Skipped
from .._units import utc_text

Json = t.Dict[str, t.Any]


# What Ansible's JSON hands to a terminal as it is, and what can forge a line or the order of letters there: DEL, C1,
# the separators of lines and paragraphs, and what embeds, overrides or isolates a direction of writing. Also bytes that
# are not UTF-8 (PEP 383).
_FORGING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\udc80-\udcff]")


def path_fields(path: bytes, *, key: str = "path") -> Json:
    """Return a path as text, exact for later tasks.

    A path that is not UTF-8, or has characters that must not reach a terminal, is escaped and also given in base64.
    """
    text = path.decode("utf-8", "surrogateescape")
    if not _FORGING.search(text):
        return {key: text}
    return {key: printable(path), f"{key}_base64": base64.b64encode(path).decode("ascii")}


def source_fields(path: bytes, source: Source | None = None, digest: Digest | None = None) -> Json:
    """Return the fields of the file to relay; null where they are not known."""
    return {
        **path_fields(path),
        "size": source.size if source else None,
        "mtime": source.mtime if source else None,
        "mtime_utc": utc_text(source.mtime) if source else None,
        "sha256": digest.hexdigest if digest else None,
        "digest_by": digest.method if digest else None,
    }


def attribute_fields(found: Attributes) -> Json:
    """Return attributes under the names that Ansible's ``stat`` and ``find`` use."""
    permissions = found.permissions
    return {
        "size": found.size,
        "mtime": found.mtime,
        "mtime_utc": utc_text(found.mtime),
        "mode": None if permissions is None else f"{permissions:04o}",
        "uid": found.uid,
        "gid": found.gid,
        "type": found.kind,
    }


def file_fields(file: RemoteFile) -> Json:
    """Return a file that was found."""
    return {**path_fields(file.path), **path_fields(file.name, key="name"), **attribute_fields(file.attributes)}


def skipped_fields(skipped: Skipped) -> Json:
    """Return a file that was not selected, and why."""
    fields = {**path_fields(skipped.path), "reason": skipped.reason, "message": printable(skipped.text)}
    return fields if skipped.count == 1 else {**fields, "count": skipped.count}


def selected_fields(selected: Selected) -> Json:
    """Return the fields of a selection without its files."""
    tied = selected.tied_with
    return {
        "matched": selected.qualified,
        "examined": selected.examined,
        # Not "skipped": Ansible takes a result with that key for a task that was not run.
        "passed_over": [skipped_fields(entry) for entry in selected.skipped],
        "skipped_counts": dict(sorted(selected.skipped_counts.items())),
        "latest_time": selected.latest_time,
        "latest_time_utc": utc_text(selected.latest_time),
        "tied_with": None if tied is None else path_fields(tied.path)["path"],
    }


def connection_fields(report: ConnectionReport) -> Json:
    """Return how a server was reached and proven."""
    return {
        "name": report.name,
        "host": report.host,
        "port": report.port,
        "address": report.address,
        "user": report.user,
        "server_version": report.server_version,
        "host_key": {
            "type": report.host_key_type,
            "fingerprint": report.host_key_fingerprint,
            "algorithm": report.host_key_algorithm,
        },
        "trusted_by": report.trusted_by,
        "trust_origin": report.trust_origin,
        "authenticated_by": report.authenticated_by,
        "algorithms": {
            "kex": report.kex,
            "cipher": report.cipher,
            "mac": report.mac,
            "strict_kex": report.strict_kex,
        },
        "jumps": list(report.jumps),
    }


def in_order(reports: t.Iterable[ConnectionReport], endpoints: t.Sequence[Endpoint]) -> list[ConnectionReport]:
    """Return the reports in the order of their endpoints."""
    places = {(end.host, end.port): number for number, end in reversed(list(enumerate(endpoints)))}
    return sorted(reports, key=lambda report: places.get((report.host, report.port), len(places)))


def connection_warnings(reports: t.Iterable[ConnectionReport]) -> tuple[str, ...]:
    """Return the warnings about host keys proven by SHA-1 and about requests at which servers ended a session."""
    reports = list(reports)
    noted = dict.fromkeys(f"{report.name}: {note}" for report in reports for note in report.notes)
    weak = tuple(
        f"{report.name} proved its host key with SHA-1 (ssh-rsa), which 'algorithms: legacy' allows and which can be"
        " forged with enough effort"
        for report in reports
        if report.host_key_algorithm == "ssh-rsa"
    )
    return (*weak, *noted)


def outcome_fields(endpoint: Endpoint, outcome: Outcome) -> Json:
    """Return the entry of a destination for its outcome."""
    rate = outcome.bytes_sent / outcome.seconds if outcome.seconds else 0
    return {
        "host": endpoint.label,
        **path_fields(outcome.path),
        "state": outcome.state,
        "changed": outcome.changed,
        "compared_by": outcome.compared_by,
        "verified_by": outcome.verified_by or None,
        "sha256": outcome.sha256 or None,
        "bytes_sent": outcome.bytes_sent,
        "bytes_resumed": outcome.bytes_resumed,
        "seconds": outcome.seconds,
        "bytes_per_second": int(rate),
        "attempts": outcome.attempts,
        "retried": [asdict(attempt) for attempt in outcome.retried],
        "attributes_changed": list(outcome.attributes_changed),
        "not_applied": list(outcome.not_applied),
        "error": None,
    }


def diff_entry(label: str, path: bytes, *, before: t.Mapping[str, t.Any] | None, after: t.Mapping[str, t.Any]) -> Json:
    """Return an entry of Ansible's ``diff``; ``before`` is None where there is no file."""
    header = f"{label}:{printable(path)}"
    return {
        "before_header": header,
        "after_header": header,
        "before": _lines(before),
        "after": _lines(after),
    }


def _lines(values: t.Mapping[str, t.Any] | None) -> str:
    if values is None:
        return "absent\n"
    return "".join(f"{name}: {value}\n" for name, value in values.items() if value is not None)
