# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What befalls the servers and the way to them while relays go on: one trouble at a time, drawn by chance."""

from __future__ import annotations

import collections
import random
import threading
import typing as t

from ansible_collections.backhaul.sftp.tests.relay.scene import Place

_LONGEST_PAUSE_SECONDS = 1.5


class FaultInjector:
    """Befalls ``places`` again and again in a thread of its own; a context manager. ``counts`` says what happened."""

    def __init__(self, places: t.Sequence[Place], runtime: random.Random) -> None:
        self._places = places
        self._chance = runtime
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self.mistakes: list[BaseException] = []
        self.counts: collections.Counter[str] = collections.Counter()

    def __enter__(self) -> FaultInjector:
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        kinds = (self._cut, self._stall, self._half_open, self._flip, self._slow, self._stop, self._kill, self._restart)
        try:
            while not self._over.wait(self._chance.uniform(0.2, _LONGEST_PAUSE_SECONDS)):
                befall = self._chance.choice(kinds)
                befall(self._chance.choice(self._places))
                self.counts[befall.__name__.strip("_")] += 1
        except BaseException as exc:  # noqa: BLE001 - told at the end: a soak without troubles proves nothing
            self.mistakes.append(exc)

    def _cut(self, place: Place) -> None:
        place.proxy.cut()

    def _stall(self, place: Place) -> None:
        direction = self._chance.choice((place.proxy.upstream, place.proxy.downstream))
        direction.stall()
        self._over.wait(self._chance.choice((0.5, 3.5)))  # one is survived, the other is given up
        direction.resume()

    def _half_open(self, place: Place) -> None:
        place.proxy.half_open()

    def _flip(self, place: Place) -> None:
        direction = self._chance.choice((place.proxy.upstream, place.proxy.downstream))
        direction.flip_at(self._chance.randrange(2_000_000))

    def _slow(self, place: Place) -> None:
        place.proxy.upstream.throttle(200_000)
        self._over.wait(1.0)
        place.proxy.upstream.throttle(0)

    def _stop(self, place: Place) -> None:
        place.server.pause_sessions()
        self._over.wait(self._chance.choice((0.5, 3.5)))
        place.server.resume_sessions()

    def _kill(self, place: Place) -> None:
        place.server.kill_sessions()

    def _restart(self, place: Place) -> None:
        place.server.stop()
        self._over.wait(self._chance.uniform(0.0, 1.0))
        place.server.start()
