# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a server must not send, and unusual names that it may send."""

from __future__ import annotations

import base64
import hashlib
import os

import pytest

from ansible_collections.backhaul.sftp.tests.actors import fake_sftp as sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import File, Honest, Request
from ansible_collections.backhaul.sftp.tests.contract.test_naming import AWKWARD_NAMES
from ansible_collections.backhaul.sftp.tests.faults import task
from ansible_collections.backhaul.sftp.tests.faults.conftest import Place
from ansible_collections.backhaul.sftp.tests.faults.places import FakePlace, RealPlace
from ansible_collections.backhaul.sftp.tests.lab import SharedLab

SUSPICIOUS = {
    "parent": b"../x",
    "deep": b"../../../../etc/cron.d/x",
    "below": b"a/b",
    "absolute": b"/etc/x",
    "empty": b"",
    "slash": b"/",
    "trailing slash": b"x/",
    "NUL": b"x\0.tar",
    "backslash": b"..\\x",
}
GOOD = b"good content"


def listing(place: FakePlace, *names: bytes) -> None:
    """Let ``/in`` list a good file and others of these names, newer than it."""
    place.fake.directories.add(b"/in")
    place.fake.files[b"/in/good"] = File(bytearray(GOOD))
    for number, name in enumerate(names, 1):
        place.fake.files[b"/in/" + name] = File(bytearray(b"bad"), mtime=1_700_000_000 + number)


def asked_paths(place: FakePlace) -> set[bytes]:
    """Return every path in the requests to the fake."""
    by_path = (sftp.LSTAT, sftp.STAT, sftp.OPEN, sftp.OPENDIR, sftp.REALPATH)
    found = set()
    for request in (request for request in place.fake.requests if request.kind in by_path):
        request.position = 0
        found.add(request.text())
    return found


@pytest.mark.fault("names.traversal")
@pytest.mark.parametrize("name", SUSPICIOUS.values(), ids=SUSPICIOUS)
def test_a_name_that_leads_elsewhere_is_left_out_of_a_search(origin: FakePlace, name: bytes) -> None:
    listing(origin, name)
    found = task.find(origin.end(b"in"), recurse=True, hidden=True, patterns=["*"])
    assert [file["name"] for file in found.value["files"]] == ["good"]
    assert [entry["reason"] for entry in found.value["passed_over"]] == ["suspicious_name"]
    assert asked_paths(origin) <= {b"/in", b"/in/good"}


@pytest.mark.fault("names.traversal")
@pytest.mark.fault("names.destination_name")
@pytest.mark.parametrize("name", SUSPICIOUS.values(), ids=SUSPICIOUS)
@pytest.mark.parametrize("mode", [sftp.REGULAR, sftp.DIRECTORY], ids=["file", "directory"])
def test_a_name_that_leads_elsewhere_is_left_out_of_a_directory(
    origin: FakePlace, store: RealPlace, name: bytes, mode: int
) -> None:
    listing(origin, name)
    origin.fake.files[b"/in/" + name].mode = mode | 0o755
    inside = store.folder / "inside"
    inside.mkdir()
    result = task.relay(origin.end(b"in/"), store.end(b"inside/"))
    assert (result.code, result.error["role"]) == ("suspicious", "source"), result
    assert [entry["reason"] for entry in result.value["passed_over"]] == ["suspicious_name"]
    assert {path.name for path in store.folder.rglob("*")} == {"inside", "good"}
    assert (inside / "good").read_bytes() == GOOD
    assert asked_paths(origin) <= {b"/in", b"/in/", b"/in/good"}


@pytest.mark.fault("names.destination_name")
@pytest.mark.parametrize("name", [b"x\\y", b"..\\..\\x"])
def test_a_source_that_is_called_like_a_path_gives_no_name_to_a_copy(
    origin: FakePlace, store: RealPlace, name: bytes
) -> None:
    origin.put(name, GOOD)
    result = task.relay(origin.end(name), store.end())
    assert (result.code, result.error["role"]) == ("unsafe_path", "destination"), result
    assert store.files() == {}


@pytest.mark.fault("names.twice")
def test_the_newest_is_listed_twice(origin: FakePlace) -> None:
    listing(origin, b"newest")
    origin.fake.on(sftp.READDIR, with_another(b"newest"), times=1)
    found = task.find(origin.end(b"in"))
    assert (found.code, found.error["details"]["reason"]) == ("suspicious", "repeated")


@pytest.mark.fault("names.twice")
def test_an_older_one_is_listed_twice(origin: FakePlace) -> None:
    listing(origin, b"newest")
    origin.fake.on(sftp.READDIR, with_another(b"good"), times=1)
    found = task.find(origin.end(b"in"))
    assert [file["name"] for file in found.value["files"]] == ["newest", "good"]
    assert [(entry["path"], entry["reason"]) for entry in found.value["passed_over"]] == [
        ("/in/good", "suspicious_name")
    ]


@pytest.mark.fault("names.twice")
def test_a_file_of_a_directory_is_listed_twice(origin: FakePlace, store: RealPlace) -> None:
    listing(origin)
    origin.fake.on(sftp.READDIR, with_another(b"good"), times=1)
    result = task.relay(origin.end(b"in/"), store.end())
    assert (result.code, result.error["role"]) == ("suspicious", "source"), result
    assert [entry["reason"] for entry in result.value["passed_over"]] == ["suspicious_name"]
    assert store.files() == {b"good": GOOD}


def with_another(name: bytes) -> sftp.Answer:
    """List one more entry of a name, with attributes of its own."""
    attributes = File(bytearray(b"another"), mtime=1_800_000_000).attributes()

    def answer(request: Request, honest: Honest) -> list[bytes]:
        whole = honest()[0]
        count = int.from_bytes(whole[9:13], "big")
        entry = sftp.text(name) + sftp.text(name) + attributes
        return [sftp.packet(sftp.NAME, whole[5:9] + sftp.u32(count + 1) + whole[13:] + entry)]

    return answer


@pytest.mark.fault("names.awkward")
@pytest.mark.fault("names.not_utf8")
@pytest.mark.parametrize(
    "name", [pytest.param(name, id=key) for key, name in AWKWARD_NAMES.items() if key != "backslash"]
)
def test_an_awkward_name_is_found_and_relayed_under_exactly_its_bytes(
    lab: SharedLab, place: Place, store: RealPlace, name: bytes
) -> None:
    source = place(lab.openssh())
    content = os.urandom(100)
    source.put(name, content)
    found = task.find(source.end(), hidden=True, ignore_temporary=False)
    assert found.value["matched"] == 1
    latest = found.value["latest"]
    exact = base64.b64decode(latest["name_base64"]) if "name_base64" in latest else latest["name"].encode()
    assert exact == name
    result = task.relay(source.end(exact), store.end())
    assert not result.error, result
    assert result.entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert store.files() == {name: content}


@pytest.mark.fault("names.awkward")
@pytest.mark.fault("names.not_utf8")
def test_awkward_names_all_at_once(lab: SharedLab, place: Place, store: RealPlace) -> None:
    source = place(lab.openssh())
    for name in AWKWARD_NAMES.values():
        source.put(name, name)
    assert task.find(source.end(), patterns=["other*"], hidden=True).code == "no_match"
    result = task.relay(source.end(), store.end())
    assert result.code == "suspicious", result  # the one with a backslash
    assert store.files() == {name: name for name in AWKWARD_NAMES.values() if b"\\" not in name}


@pytest.mark.fault("names.awkward")
@pytest.mark.fault("names.not_utf8")
@pytest.mark.parametrize(
    "name", [pytest.param(name, id=key) for key, name in AWKWARD_NAMES.items() if key != "backslash"]
)
def test_an_awkward_name_is_escaped_wherever_it_is_shown(store: RealPlace, name: bytes) -> None:
    store.put(b"other", b"another content")
    store.put(name, b"content")
    failed = task.relay(store.end(b"other"), store.end(name), if_exists="fail")
    assert failed.code == "already_exists"
    shown = [failed.error["path"], failed.error["message"], failed.error["remedy"]]
    missing = task.relay(store.end(b"no " + name[:250]), store.end(b"x"))
    shown += [missing.error["path"], missing.error["message"]]
    assert missing.code == "not_found"
    assert all(text.replace("\n", " ").isprintable() for text in shown), shown


@pytest.mark.fault("names.not_utf8")
def test_a_name_that_is_not_utf8_is_given_as_its_bytes_too(store: RealPlace) -> None:
    store.put(b"caf\xe9", b"content")
    store.put(b"plain", b"content")
    found = task.find(store.end())
    by_name = {file["name"]: file for file in found.value["files"]}
    assert set(by_name) == {"caf\\xe9", "plain"}
    assert base64.b64decode(by_name["caf\\xe9"]["name_base64"]) == b"caf\xe9"
    assert "name_base64" not in by_name["plain"]
