# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional requests that a server refuses, or ends the session at, are recorded and not sent again."""

from __future__ import annotations

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.optional import SPACE, OptionalRequests
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import FakeSftp, MemoryDuplex


def session() -> Session:
    opened = Session(MemoryDuplex(FakeSftp()), timeouts=Timeouts())
    opened.open()
    return opened


def asked(optional: OptionalRequests, over: Session, error: BackhaulError, *, may_hang: bool = False) -> BackhaulError:
    with pytest.raises(BackhaulError) as caught, optional.asking(over, SPACE, may_hang=may_hang):
        raise error
    assert caught.value is error
    return error


def test_what_is_announced_is_offered_until_it_is_refused_as_unsupported() -> None:
    optional, over = OptionalRequests(), session()
    assert optional.offers(over, SPACE)
    assert not optional.offers(over, b"copy-data")
    asked(optional, over, RemoteError("permission_denied", "not here"))
    assert optional.offers(over, SPACE)
    error = asked(optional, over, RemoteError("unsupported", "no"))
    assert not optional.offers(over, SPACE)
    assert (optional.notes, error.is_uncounted) == ([], False)


def test_a_request_that_ends_the_session_is_not_sent_again_and_is_noted() -> None:
    optional, over = OptionalRequests(), session()
    over.closed_by_server = True
    error = asked(optional, over, LinkError("link_lost", "closed"))
    assert error.is_uncounted
    assert error.copy().details["not_asked_again"] == "statvfs@openssh.com"
    assert not optional.may_ask(SPACE)
    assert optional.notes == [
        "the server ended the session when it was asked for statvfs@openssh.com; it is not asked for it again"
    ]


def test_several_sessions_that_end_at_the_same_request_are_one_note() -> None:
    optional = OptionalRequests()
    for _session in range(3):
        over = session()
        over.closed_by_server = True
        assert asked(optional, over, LinkError("link_lost", "closed")).is_uncounted
    assert len(optional.notes) == 1


def test_a_lost_connection_is_blamed_on_the_request_only_the_second_time() -> None:
    optional = OptionalRequests()
    assert not asked(optional, session(), LinkError("link_lost", "cut")).is_uncounted
    assert optional.may_ask(SPACE)
    assert asked(optional, session(), LinkError("link_lost", "cut")).is_uncounted
    assert not optional.may_ask(SPACE)


@pytest.mark.parametrize("may_hang", [False, True])
def test_a_missed_deadline_is_blamed_on_the_request_only_if_it_may_hang(may_hang: bool) -> None:
    optional = OptionalRequests()
    error = asked(optional, session(), LinkError("timed_out", "nothing"), may_hang=may_hang)
    assert error.is_uncounted is may_hang
    assert optional.may_ask(SPACE) is not may_hang
