# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the newest good backup on real servers."""

from __future__ import annotations

import os
import threading
import time

from .controller import Place, Site, find


def test_the_newest_good_backup_is_found_and_the_rest_explained(site: Site, source: Place) -> None:
    now = int(time.time())
    for days in range(1, 8):
        source.put(f"db-2026010{days}.tar.gz", b"x" * 100 * days, mtime=now - days * 86400)
    source.put("db-20260109.tar.gz.part", b"unfinished", mtime=now)
    source.put("db-20260110.tar.gz", b"", mtime=now)
    source.put(".db-hidden", b"hidden", mtime=now)
    source.put("unrelated", b"else", mtime=now)
    source.local("db-link").symlink_to("db-20260101.tar.gz")
    source.local("deeper").mkdir()
    source.put("deeper/db-20260201.tar.gz", b"below", mtime=now - 50 * 86400)
    here = {"endpoint": {"inventory_host": "source"}, "path": source.path(), "patterns": ["db-*", ".db-*"]}
    run = site.play(
        find("by mtime", **here, limit=2, checksum="sha256"),
        find("by name", **here, order_by="name_time", time_format="%Y%m%d", recurse=True, future="allow"),
        find("stale", **here, fresh_within="12h"),
        find("none", **{**here, "patterns": ["nothing-*"]}),
        find("none is fine", **{**here, "patterns": ["nothing-*"]}, when_none="ok"),
        find("no such folder", **{**here, "path": source.path("missing")}),
    )
    by_mtime = run.succeeded("by mtime")
    assert [file["name"] for file in by_mtime["files"]] == ["db-20260101.tar.gz", "db-20260102.tar.gz"]
    assert by_mtime["latest"] == by_mtime["files"][0]
    assert (by_mtime["matched"], by_mtime["latest"]["checksum_by"]) == (7, "command")
    reasons = {os.path.basename(entry["path"]): entry["reason"] for entry in by_mtime["passed_over"]}
    assert reasons["db-20260109.tar.gz.part"] == "temporary"
    assert reasons["db-20260110.tar.gz"] == "too_small"
    assert reasons["db-link"] == "not_a_file"
    assert reasons[".db-hidden"] == "hidden"
    assert by_mtime["connection"]["authenticated_by"].startswith("key ")
    assert run.succeeded("by name")["latest"]["path"] == source.path("deeper/db-20260201.tar.gz")
    assert run.failure("stale")["code"] == "stale"
    assert run.failure("none")["code"] == "no_match"
    assert run.succeeded("none is fine")["latest"] is None
    assert (run.failure("no such folder")["code"], run.failure("no such folder")["host"]) == ("not_found", "source")


def test_a_backup_that_is_still_growing_is_not_taken(site: Site, source: Place) -> None:
    source.put("db", b"x" * 1000)
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.05):
            with source.local("db").open("ab") as file:
                file.write(b"more")

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        run = site.play(
            find("find", endpoint={"inventory_host": "source"}, path=source.path(), stable_for="1s", future="allow")
        )
    finally:
        stop.set()
        thread.join()
    assert run.failure("find")["code"] == "incomplete"
