# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From nouns to plain JSON."""

from __future__ import annotations

import json
import stat

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    Attributes,
    ConnectionReport,
    Endpoint,
    Outcome,
    RemoteFile,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._module import results


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (b"/a", {"path": "/a"}),
        ("/ü\n".encode(), {"path": "/ü\n"}),
        ("/\u200c\u3000\ufe0f\x1b".encode(), {"path": "/\u200c\u3000\ufe0f\x1b"}),
        (b"/\xff\x1b", {"path": "/\\xff\\x1b", "path_base64": "L/8b"}),
        (b"/\x7f", {"path": "/\\x7f", "path_base64": "L38="}),
        ("/\u009b1m".encode(), {"path": "/\\x9b1m", "path_base64": "L8KbMW0="}),
        ("/\u0085\u2028".encode(), {"path": "/\\x85\\u2028", "path_base64": "L8KF4oCo"}),
        ("/\u202e".encode(), {"path": "/\\u202e", "path_base64": "L+KArg=="}),
        ("/\u2066".encode(), {"path": "/\\u2066", "path_base64": "L+KBpg=="}),
    ],
)
def test_a_path_is_exact_or_shown_with_its_bytes_beside_it(path: bytes, fields: dict[str, str]) -> None:
    assert results.path_fields(path) == fields


def test_attributes_go_by_the_names_of_stat() -> None:
    found = Attributes(size=1, mode=stat.S_IFREG | 0o640, uid=2, gid=3, atime=4, mtime=5)
    assert results.attribute_fields(found) == {
        "size": 1,
        "mtime": 5,
        "mtime_utc": "1970-01-01T00:00:05Z",
        "mode": "0640",
        "uid": 2,
        "gid": 3,
        "type": "file",
    }
    assert set(results.attribute_fields(Attributes()).values()) == {None, "unknown"}


def test_a_file_has_path_and_name() -> None:
    fields = results.file_fields(RemoteFile(b"/d/a", Attributes()))
    assert (fields["path"], fields["name"]) == ("/d/a", "a")


REPORT = ConnectionReport(
    name="n",
    host="h",
    port=22,
    user="u",
    address="1.2.3.4",
    server_version="SSH-2.0-x",
    host_key_type="ssh-rsa",
    host_key_algorithm="rsa-sha2-512",
    host_key_fingerprint="SHA256:x",
    trusted_by="pin",
    trust_origin="host_keys",
    kex="k",
    cipher="c",
    mac="",
    strict_kex=True,
    authenticated_by="password",
)


def test_a_connection_is_plain_json_with_its_proof() -> None:
    fields = json.loads(json.dumps(results.connection_fields(REPORT)))
    assert fields["host_key"]["fingerprint"] == "SHA256:x"
    assert (fields["trusted_by"], fields["algorithms"]["strict_kex"]) == ("pin", True)


def test_an_outcome_is_plain_json_with_a_rate() -> None:
    outcome = Outcome(
        state="created",
        path=b"/a",
        changed=True,
        compared_by="nothing",
        verified_by="check-file",
        bytes_sent=100,
        seconds=2.0,
    )
    fields = json.loads(json.dumps(results.outcome_fields(Endpoint(role="destination", host="h"), outcome)))
    assert (fields["host"], fields["state"], fields["bytes_per_second"], fields["sha256"]) == ("h", "created", 50, None)
    assert (
        results.outcome_fields(Endpoint(role="destination", host="h"), Outcome("unchanged", b"/a"))["bytes_per_second"]
        == 0
    )


def test_a_diff_shows_both_states_line_by_line() -> None:
    entry = results.diff_entry("h", b"/a\n", before=None, after={"size": 1, "mode": None})
    assert entry == {"before_header": "h:/a\\n", "after_header": "h:/a\\n", "before": "absent\n", "after": "size: 1\n"}
