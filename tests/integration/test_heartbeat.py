# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long transfers show heartbeat lines while they run."""

from __future__ import annotations

import os
import re

from ansible_collections.backhaul.sftp.tests.lab import Proxy

from .controller import Place, Site, eventually, relay

_LINE = re.compile(r"^  slow: +(\d+)% of .*", re.MULTILINE)


def test_a_long_relay_shows_its_progress_and_a_silent_one_does_not(
    site: Site, source: Place, slow: tuple[Place, Proxy]
) -> None:
    place, proxy = slow
    source.put("a", os.urandom(5_000_000))
    proxy.upstream.throttle(500_000)
    quiet = relay("quiet", source=source.end("a"), destinations=[place.end("1")], heartbeat=0)
    told = relay("told", source=source.end("a"), destinations=[place.end("2")], heartbeat="1s")
    with site.playing(quiet, told) as running:
        eventually(lambda: "TASK [told]" in running.text)
        assert not _LINE.search(running.text)
        eventually(lambda: _LINE.search(running.text))
        assert '"told"' not in running.results.read_text(encoding="utf-8")
        proxy.upstream.throttle(0)
        running.wait()
    run = running.run()
    run.succeeded("told")
    assert all(0 <= int(percent) <= 100 for percent in _LINE.findall(run.output))
    assert place.content("1") == place.content("2") == source.content("a")
