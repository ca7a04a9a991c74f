# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random faults of servers and connections while relays run, one at a time."""

from __future__ import annotations

import collections
import random
import threading
import typing as t

from ansible_collections.backhaul.sftp.tests.relay.scene import Place

_LONGEST_PAUSE_SECONDS = 1.5


class FaultInjector:
    """Context manager: a thread that injects faults at ``places``. ``counts`` counts them by kind."""

    def __init__(self, places: t.Sequence[Place], generator: random.Random) -> None:
        self._places = places
        self._random = generator
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._inject, daemon=True)
        self.errors: list[BaseException] = []
        self.counts: collections.Counter[str] = collections.Counter()

    def __enter__(self) -> FaultInjector:
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _inject(self) -> None:
        kinds = (self._cut, self._stall, self._half_open, self._flip, self._slow, self._stop, self._kill, self._restart)
        try:
            while not self._over.wait(self._random.uniform(0.2, _LONGEST_PAUSE_SECONDS)):
                inject = self._random.choice(kinds)
                inject(self._random.choice(self._places))
                self.counts[inject.__name__.strip("_")] += 1
        except BaseException as exc:  # noqa: BLE001 - reported at the end: a soak without faults proves nothing
            self.errors.append(exc)

    def _cut(self, place: Place) -> None:
        place.proxy.cut()

    def _stall(self, place: Place) -> None:
        direction = self._random.choice((place.proxy.upstream, place.proxy.downstream))
        direction.stall()
        self._over.wait(self._random.choice((0.5, 3.5)))  # below and above the stall timeout
        direction.resume()

    def _half_open(self, place: Place) -> None:
        place.proxy.half_open()

    def _flip(self, place: Place) -> None:
        direction = self._random.choice((place.proxy.upstream, place.proxy.downstream))
        direction.flip_at(self._random.randrange(2_000_000))

    def _slow(self, place: Place) -> None:
        place.proxy.upstream.throttle(200_000)
        self._over.wait(1.0)
        place.proxy.upstream.throttle(0)

    def _stop(self, place: Place) -> None:
        place.server.pause_sessions()
        self._over.wait(self._random.choice((0.5, 3.5)))
        place.server.resume_sessions()

    def _kill(self, place: Place) -> None:
        place.server.kill_sessions()

    def _restart(self, place: Place) -> None:
        place.server.stop()
        self._over.wait(self._random.uniform(0.0, 1.0))
        place.server.start()
