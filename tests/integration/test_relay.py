# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relays: files at the destinations, and results."""

from __future__ import annotations

import base64
import hashlib
import os
import stat

from ansible_collections.backhaul.sftp.tests.lab import SharedLab

from .controller import Place, Site, Vars, find, relay

_CONTENT = b"a backup " * 4000
_MTIME = 1_700_000_000


def _altered(content: bytes) -> bytes:
    return content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


def _entries(result: Vars) -> list[Vars]:
    return list(result["destinations"])


def test_each_destination_gets_what_it_needs_and_no_more(site: Site, source: Place, store: Place) -> None:
    source.put("db.tar", _CONTENT)
    for name, content in {"same": _CONTENT, "altered": _altered(_CONTENT), "shorter": b"old"}.items():
        store.put(name, content)
    store.local("directory").mkdir()
    store.local("link").symlink_to("same")
    good = [store.end(name) for name in ("new", "same", "altered", "shorter", "directory/")]
    bad = [store.end(name) for name in ("directory", "link", "no/such/parent", "same/below")]
    run = site.play(
        relay("first", source=source.end("db.tar"), destinations=good + bad, min_success=len(good)),
        relay("second", source=source.end("db.tar"), destinations=good),
        relay("all needed", source=source.end("db.tar"), destinations=[good[0], bad[0]]),
    )
    first = run.succeeded("first")
    assert run.states("first") == ["created", "unchanged", "replaced", "replaced", "created"] + ["failed"] * len(bad)
    assert [entry["bytes_sent"] for entry in _entries(first)[:5]] == [
        len(_CONTENT),
        0,
        len(_CONTENT),
        len(_CONTENT),
        len(_CONTENT),
    ]
    assert {entry["verified_by"] for entry in _entries(first)[:5]} == {"readback", None}
    errors = [entry["error"]["code"] for entry in _entries(first)[5:]]
    assert errors[2:3] == ["not_found"]
    assert None not in errors
    assert len(first["warnings"]) == len(bad)
    assert first["source"]["sha256"] == hashlib.sha256(_CONTENT).hexdigest()
    second = run.succeeded("second")
    assert not second["changed"]
    assert [(entry["state"], entry["bytes_sent"]) for entry in _entries(second)] == [("unchanged", 0)] * len(good)
    assert second["bytes_read"] == 0
    assert run.states("all needed") == ["unchanged", "failed"]
    assert run["all needed"]["status"] == "failed"
    for name in ("new", "same", "altered", "shorter", "directory/db.tar"):
        assert store.content(name) == _CONTENT
        assert store.local(name).stat().st_mtime == _MTIME
    assert store.local("link").is_symlink()
    assert store.names() == {"new", "same", "altered", "shorter", "directory", "link"}
    assert [path.name for path in store.local("directory").iterdir()] == ["db.tar"]


def test_what_is_there_already_is_replaced_only_when_asked_to(site: Site, source: Place, store: Place) -> None:
    source.put("db.tar", _CONTENT)
    ends = [store.end("db.tar")]
    store.put("db.tar", b"another")
    run = site.play(
        relay("fail", source=source.end("db.tar"), destinations=ends, if_exists="fail"),
        relay("skip", source=source.end("db.tar"), destinations=ends, if_exists="skip"),
        relay("version", source=source.end("db.tar"), destinations=ends, if_exists="version"),
        relay("version again", source=source.end("db.tar"), destinations=ends, if_exists="version"),
        relay(
            "same size and mtime",
            source=source.end("db.tar"),
            destinations=[store.end("versioned")],
            compare="size_mtime",
        ),
    )
    assert run.failure("fail")["code"] == "already_exists"
    assert (run.states("skip"), run.succeeded("skip")["changed"]) == (["skipped"], False)
    assert run.states("version") == ["created"]
    assert run.states("version again") == ["unchanged"]
    versioned = "db-20231114T221320Z.tar"
    assert run["version"]["destinations"][0]["path"] == store.path(versioned)
    assert store.names() == {"db.tar", versioned, "versioned"}
    assert (store.content("db.tar"), store.content(versioned)) == (b"another", _CONTENT)


def test_the_result_names_the_proof(site: Site, source: Place, store: Place, appliance: Place) -> None:
    source.put("a", _CONTENT)
    store.put("trusting", _altered(_CONTENT))
    everywhere = [source.end("copy"), appliance.end("copy"), store.end("copy")]
    run = site.play(
        relay("auto", source=source.end("a"), destinations=everywhere),
        relay("again", source=source.end("a"), destinations=everywhere),
        relay("server", source=source.end("a"), destinations=[store.end("b")], verify="server"),
        relay("readback", source=source.end("a"), destinations=[appliance.end("b")], verify="readback"),
        relay(
            "acknowledged",
            source=source.end("a"),
            destinations=[store.end("c")],
            verify="acknowledged",
            compare="checksum",
        ),
        relay("size_mtime", source=source.end("a"), destinations=[store.end("trusting")], compare="size_mtime"),
    )
    assert [entry["verified_by"] for entry in _entries(run.succeeded("auto"))] == ["command", "check-file", "readback"]
    # The weaker side counts: the source is hashed by a command.
    assert [entry["compared_by"] for entry in _entries(run.succeeded("again"))] == ["command", "command", "readback"]
    assert run.failure("server")["code"] == "unsupported"
    assert run.succeeded("readback")["destinations"][0]["verified_by"] == "readback"
    assert run.succeeded("acknowledged")["destinations"][0]["verified_by"] == "acknowledged"
    # Comparison by size and mtime only, as the result says.
    assert [(entry["state"], entry["compared_by"]) for entry in _entries(run.succeeded("size_mtime"))] == [
        ("unchanged", "size_mtime")
    ]
    assert store.names() == {"trusting", "copy", "c"}


def test_mode_times_and_directories_are_as_asked_for(site: Site, source: Place, store: Place) -> None:
    source.put("a", _CONTENT, mode=0o754)
    store.put("kept", b"old", mode=0o640)
    store.put("adjusted", _CONTENT, mode=0o600)
    run = site.play(
        relay("default", source=source.end("a"), destinations=[store.end("new"), store.end("kept")]),
        relay("mode", source=source.end("a"), destinations=[store.end("moded"), store.end("adjusted")], mode="0640"),
        relay("mode again", source=source.end("a"), destinations=[store.end("adjusted")], mode="0640"),
        relay(
            "preserve",
            source=source.end("a"),
            destinations=[store.end("x/y/like")],
            mode="preserve",
            create_directories=True,
        ),
        relay("now", source=source.end("a"), destinations=[store.end("now")], preserve_mtime=False),
        relay("wrong", source=source.end("a"), destinations=[store.end("never")], mode="rw-r-----"),
    )

    def mode(name: str) -> int:
        return stat.S_IMODE(store.local(name).stat().st_mode)

    run.succeeded("default")
    assert (mode("new"), mode("kept")) == (0o600, 0o640)
    assert (mode("moded"), mode("adjusted")) == (0o640, 0o640)
    adjusted = run.succeeded("mode")["destinations"][1]
    assert (adjusted["state"], adjusted["changed"], adjusted["bytes_sent"]) == ("unchanged", True, 0)
    assert adjusted["attributes_changed"] == ["mode"]
    assert not run.succeeded("mode again")["changed"]
    run.succeeded("preserve")
    assert mode("x/y/like") == 0o754
    run.succeeded("now")
    assert store.local("now").stat().st_mtime != _MTIME
    assert run.failure("wrong")["code"] == "invalid_input"
    assert "never" not in store.names()


def test_a_link_or_a_special_file_is_no_source(site: Site, source: Place, store: Place) -> None:
    source.put("a", _CONTENT)
    source.local("link").symlink_to("a")
    os.mkfifo(source.local("fifo"))
    run = site.play(
        *(relay(name, source=source.end(name), destinations=[store.end("x")]) for name in ("missing", "link", "fifo"))
    )
    assert run.failure("missing")["code"] == "not_found"
    for name in ("link", "fifo"):
        assert run.failure(name)["code"] == "invalid_input"
        assert run.failure(name)["role"] == "source"
        assert run.failure(name)["path"] == source.path(name)
    assert store.names() == set()


def test_names_that_mean_something_elsewhere_mean_nothing_here(site: Site, source: Place, store: Place) -> None:
    names = [
        "two words",
        'it\'s "quoted"',
        "new\nline",
        "{{ 6 * 7 }}",
        "{% if %}",
        "$(touch gone) `touch gone` ; touch gone",
        "-rf",
        "~root",
        "*",
        "ünïcode ✓",
        "esc\x1b[31m",
    ]
    for number, name in enumerate(names):
        source.put(name, f"content {number}".encode())
    source.put(b"not \xff UTF-8", b"bytes")
    copy = relay("copy", source=source.end(), destinations=[store.end()])
    copy["backhaul.sftp.sftp_relay"]["source"]["path"] = "{{ item.path }}"
    run = site.play(
        {
            **find("find", endpoint={"inventory_host": "source"}, path=source.path(), checksum="sha256"),
            "register": "found",
        },
        {**copy, "loop": "{{ found.files | rejectattr('name_base64', 'defined') }}"},
    )
    found = {entry["name"]: entry for entry in run.succeeded("find")["files"]}
    assert set(found) == {*names, "not \\xff UTF-8"}
    assert base64.b64decode(found["not \\xff UTF-8"]["name_base64"]) == b"not \xff UTF-8"
    assert {entry["checksum_by"] for entry in found.values()} == {"command"}
    assert found["new\nline"]["checksum"] == hashlib.sha256(source.content("new\nline")).hexdigest()
    assert [entry["destinations"][0]["state"] for entry in run.succeeded("copy")["results"]] == ["created"] * len(names)
    assert {name: store.content(name) for name in store.names()} == {name: source.content(name) for name in names}
    assert "\x1b" not in run.output
    assert "gone" not in source.names() | store.names() | set(os.listdir(site.folder))


def test_a_name_that_is_not_utf_8_is_relayed_byte_by_byte(site: Site, source: Place, store: Place) -> None:
    source.put(b"\xff\xfe", b"bytes")
    copy = relay("relay", source=source.end(), destinations=[store.end()])
    copy["backhaul.sftp.sftp_relay"]["source"]["path"] = "{{ found.latest.path_base64 | b64decode }}"
    run = site.play(
        {**find("find", endpoint={"inventory_host": "source"}, path=source.path()), "register": "found"}, copy
    )
    assert run.states("relay") == ["created"]
    assert os.listdir(os.fsencode(store.folder)) == [b"\xff\xfe"]
    assert base64.b64decode(run["relay"]["source"]["path_base64"]).endswith(b"/\xff\xfe")


def test_a_server_that_may_not_be_written_to_keeps_what_it_has(site: Site, source: Place, lab: SharedLab) -> None:
    place = site.add("closed", lab.openssh(variant="readonly"))
    source.put("a", _CONTENT)
    place.put("a", b"old")
    run = site.play(relay("relay", source=source.end("a"), destinations=[place.end()]))
    assert run.failure("relay")["code"] == "permission_denied"
    assert (place.names(), place.content("a")) == ({"a"}, b"old")
