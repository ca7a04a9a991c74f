# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each endpoint becomes a file system once."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError
from ansible_collections.backhaul.sftp.plugins.module_utils._local.filesystem import LocalFileSystem
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint, Trust
from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import (
    ConnectionPool,
    open_file_system,
)
from ansible_collections.backhaul.sftp.tests.lab import SharedLab
from ansible_collections.backhaul.sftp.tests.unit.fakes import listeners


def test_the_local_end_needs_no_connection() -> None:
    with ConnectionPool() as pool:
        files = pool.file_system(Endpoint(role="source", local=True))
        assert isinstance(files, LocalFileSystem)
        assert pool.reports == []


def test_a_server_is_reached_once_and_again_after_it_was_forgotten(lab: SharedLab) -> None:
    endpoint = lab.openssh().endpoint("source")
    with ConnectionPool() as pool:
        first = pool.file_system(endpoint)
        assert pool.file_system(endpoint) is first
        assert len(pool.reports) == 1
        pool.forget(endpoint)
        pool.forget(endpoint)
        with pytest.raises(BackhaulError):
            first.canonical(b".")
        assert pool.file_system(endpoint).canonical(b".").startswith(b"/")
        assert len(pool.reports) == 2


def test_everything_is_closed_at_the_end(lab: SharedLab) -> None:
    with open_file_system(lab.openssh().endpoint()) as files:
        files.canonical(b".")
    with pytest.raises(BackhaulError):
        files.canonical(b".")


def test_an_end_that_cannot_be_opened_leaves_the_others_open(lab: SharedLab) -> None:
    good = lab.openssh().endpoint("source")
    bad = replace(good, role="destination", port=listeners.unused_port())
    with ConnectionPool() as pool:
        files = pool.file_system(good)
        with pytest.raises(BackhaulError) as caught:
            pool.file_system(bad)
        assert (caught.value.code, caught.value.role) == ("connect_failed", "destination")
        assert files.canonical(b".").startswith(b"/")


def test_prepared_ends_are_open_and_a_refused_login_is_raised_once_and_not_repeated(lab: SharedLab) -> None:
    good = lab.openssh().endpoint("source")
    refused = replace(good, role="destination", credentials=Credentials(user="nobody-of-that-name", use_agent=False))
    with ConnectionPool() as pool:
        pool.prepare([good, refused])
        files = pool.file_system(good)
        assert pool.file_system(good) is files
        with pytest.raises(BackhaulError) as caught:
            pool.file_system(refused)
        assert caught.value.code == "authentication_refused"
        assert len(pool.reports) == 1


def test_sessions_share_one_connection_and_are_lost_together(lab: SharedLab) -> None:
    endpoint = lab.openssh().endpoint()
    with ConnectionPool() as pool:
        first, second = pool.file_system(endpoint), pool.file_system(endpoint, 1)
        assert first is not second
        assert second.canonical(b".") == first.canonical(b".")
        assert len(pool.reports) == 1
        pool.forget(endpoint, 1)
        assert pool.file_system(endpoint) is not first
        assert len(pool.reports) == 2


def test_one_that_never_answers_delays_nobody_else(lab: SharedLab) -> None:
    good = lab.openssh().endpoint("source")
    with listeners.listener(listeners.silent) as port:
        pins = Trust(host_keys=("SHA256:" + "A" * 43,))
        silent = Endpoint(role="destination", host="127.0.0.1", port=port, trust=pins)
        with ConnectionPool() as pool:
            pool.prepare([silent, good])
            assert pool.file_system(good).canonical(b".").startswith(b"/")
            assert len(pool.reports) == 1


def test_no_thread_is_left_of_a_login_that_was_prepared(lab: SharedLab) -> None:
    good = lab.openssh().endpoint("source")
    before = set(threading.enumerate())
    with ConnectionPool() as pool:
        pool.prepare([good])
    with pytest.raises(ZeroDivisionError), ConnectionPool() as pool:
        pool.prepare([good])
        pool.file_system(good)
        raise ZeroDivisionError
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:  # paramiko's own thread ends by itself once its socket is closed
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)
