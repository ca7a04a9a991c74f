# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits, space and digests: what servers reply, and what follows from the replies."""

from __future__ import annotations

import hashlib
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import BackhaulError, LinkError, RemoteError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import Digest, Space, Timeouts
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp import extensions
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.optional import OptionalRequests
from ansible_collections.backhaul.sftp.plugins.module_utils._sftp.session import Session
from ansible_collections.backhaul.sftp.tests.actors import fake_sftp
from ansible_collections.backhaul.sftp.tests.actors.fake_sftp import (
    EXTENDED,
    EXTENDED_REPLY,
    FakeSftp,
    MemoryDuplex,
    Request,
    packet,
    status,
    text,
    u32,
    u64,
)

PROFTPD = "SSH-2.0-mod_sftp/1.1.0"
SHA256 = hashlib.sha256(b"content").hexdigest()
Run = t.Callable[..., t.Tuple[int, bytes]]


def opened(server: FakeSftp) -> Session:
    session = Session(MemoryDuplex(server), timeouts=Timeouts())
    session.open()
    return session


@pytest.mark.parametrize(
    ("announced", "used"),
    [
        (0, 32_768),
        (1, 1024),
        (1023, 1024),
        (32_768, 32_768),
        (261_120, 261_120),
        (2**20, 261_120),
        (2**64 - 1, 261_120),
    ],
)
def test_limits_are_kept_between_a_floor_and_a_ceiling(announced: int, used: int) -> None:
    limits = extensions.ask_limits(opened(FakeSftp(limits=(262_144, announced, announced, 0))), OptionalRequests())
    assert (limits.read_bytes, limits.write_bytes) == (used, used)


def test_without_the_extension_nothing_is_asked_and_the_least_is_assumed() -> None:
    server = FakeSftp(extensions={})
    assert extensions.ask_limits(opened(server), OptionalRequests()) == extensions.BASE_LIMITS
    assert server.requests == []


def test_limits_that_are_announced_and_refused_are_the_least() -> None:
    server = FakeSftp()
    server.on(EXTENDED, lambda r, honest: [status(r.id, 8)])
    assert extensions.ask_limits(opened(server), OptionalRequests()) == extensions.BASE_LIMITS


def test_limits_of_less_than_four_numbers_are_a_violation() -> None:
    server = FakeSftp()
    server.on(EXTENDED, lambda r, honest: [packet(EXTENDED_REPLY, u32(r.id) + u64(1) * 3)])
    with pytest.raises(RemoteError) as caught:
        extensions.ask_limits(opened(server), OptionalRequests())
    assert caught.value.code == "protocol_violation"


def test_space_is_what_this_account_may_use_in_fragments() -> None:
    assert extensions.ask_space(opened(FakeSftp()), OptionalRequests(), b"/") == Space(
        free_bytes=5 * 1024, total_bytes=9 * 1024
    )


def test_space_is_unknown_without_the_extension() -> None:
    assert extensions.ask_space(opened(FakeSftp(extensions={})), OptionalRequests(), b"/") is None


def test_the_timeout_grows_with_the_size() -> None:
    assert extensions.digest_timeout(60, 0) == 60
    assert extensions.digest_timeout(60, 10**9) == 160


def test_the_timeout_is_a_day_at_most_for_any_size_that_a_server_claims() -> None:
    assert extensions.digest_timeout(60, 2**64 - 1) == 86400


def digests(
    answer: t.Callable[[Request], bytes] | None, run: Run | None = None, *, policy: str = "auto"
) -> tuple[extensions.RemoteDigests, FakeSftp]:
    server = FakeSftp()
    if answer is not None:
        said = answer
        server.on(EXTENDED, lambda request, honest: [said(request)])
    return (
        extensions.RemoteDigests(
            opened(server), run, policy=policy, operation_seconds=5, optional=OptionalRequests(), server_version=PROFTPD
        ),
        server,
    )


def ask(subject: extensions.RemoteDigests, length: int | None = None) -> Digest | None:
    return subject.digest(b"/a b", algorithm="sha256", length=length, size_bytes=7)


def check_file(algorithm: bytes = b"sha256", value: bytes = bytes.fromhex(SHA256)) -> t.Callable[[Request], bytes]:
    return lambda request: packet(EXTENDED_REPLY, u32(request.id) + text(algorithm) + value)


@pytest.mark.parametrize("length", [None, 5])
def test_check_file_is_encoded_as_specified(length: int | None) -> None:
    subject, server = digests(check_file())
    assert ask(subject, length) == Digest("sha256", SHA256, "check-file")
    (request,) = server.requests
    assert [request.text(), request.text(), request.text(), request.u64(), request.u64(), request.u32()] == [
        b"check-file-name",
        b"/a b",
        b"sha256",
        0,
        length or 0,
        0,
    ]


def test_the_first_zero_bytes_are_not_asked_of_check_file_where_zero_means_all() -> None:
    subject, server = digests(check_file())
    assert ask(subject, 0) is None
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        check_file(b"md5"),
        check_file(value=b""),
        check_file(value=b"x" * 31),
        check_file(value=b"x" * 64),
        check_file(b"\xff"),
        lambda request: status(request.id, 4),
        lambda request: status(request.id, 3),
    ],
)
def test_an_answer_that_is_not_the_digest_asked_for_is_none_at_all(answer: t.Callable[[Request], bytes]) -> None:
    subject, _server = digests(answer)
    assert ask(subject) is None
    assert "check-file" in subject.methods()


def test_check_file_is_not_asked_again_after_unsupported() -> None:
    subject, server = digests(lambda request: status(request.id, 8))
    assert ask(subject) is None
    assert ask(subject) is None
    assert len(server.requests) == 1
    assert subject.methods() == ()


@pytest.mark.parametrize("kind", [fake_sftp.HANDLE, fake_sftp.DATA])
def test_a_violation_in_place_of_a_digest_is_raised(kind: int) -> None:
    subject, _server = digests(lambda request: packet(kind, u32(request.id)))
    with pytest.raises(RemoteError) as caught:
        ask(subject)
    assert caught.value.code == "protocol_violation"


class Runner:
    """Returns the given replies to commands in order, and records the commands."""

    def __init__(self, *answers: tuple[int, bytes] | BackhaulError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes]] = []

    def __call__(
        self,
        command: str,
        *,
        stdin: bytes,
        timeout_seconds: float,
        limit_bytes: int,
        waiting: t.Callable[[], None],
    ) -> tuple[int, bytes]:
        self.asked.append((command, stdin))
        answer = self.answers.pop(0)
        if isinstance(answer, BackhaulError):
            raise answer
        return answer


LINE = SHA256.encode() + b" */a b\n"


def test_the_command_is_constant_and_the_path_goes_to_its_input() -> None:
    run = Runner((0, LINE), (0, SHA256.encode() + b" *-\n"))
    subject, _server = digests(None, run, policy="command")
    assert ask(subject) == Digest("sha256", SHA256, "command")
    assert ask(subject, 5) == Digest("sha256", SHA256, "command")
    assert [stdin for _command, stdin in run.asked] == [b"/a b\0", b"5\0/a b\0"]
    assert not any("/a b" in command for command, _stdin in run.asked)


@pytest.mark.parametrize(
    "output",
    [
        LINE[:-1],
        LINE + b"x",
        LINE + LINE,
        b"\n" + LINE,
        b"motd\n" + LINE,
        LINE.upper(),
        LINE[1:],
        b"a" + LINE,
        b"",
        b"\xff" * 70,
        SHA256.encode() + b"\n",
        hashlib.sha512(b"").hexdigest().encode() + b" *-\n",
    ],
)
def test_an_answer_that_is_not_exactly_one_digest_line_is_refused_and_not_tried_again(output: bytes) -> None:
    subject, _server = digests(None, Runner((0, output)), policy="command")
    assert ask(subject) is None
    assert subject.methods() == ()


def test_the_backslash_of_an_escaped_name_is_passed_over() -> None:
    subject, _server = digests(None, Runner((0, b"\\" + SHA256.encode() + b" */a\\nb\n")), policy="command")
    assert ask(subject) == Digest("sha256", SHA256, "command")


@pytest.mark.parametrize(
    ("exit_status", "asked_again"), [(1, False), (123, True), (126, False), (127, False), (255, False)]
)
def test_a_command_that_failed_for_one_file_is_tried_for_the_next(exit_status: int, asked_again: bool) -> None:
    subject, _server = digests(None, Runner((exit_status, LINE)), policy="command")
    assert ask(subject) is None
    assert bool(subject.methods()) is asked_again


def test_without_a_way_to_run_commands_there_is_no_digest() -> None:
    subject, _server = digests(None, Runner(RemoteError("unsupported", "no shell")), policy="command")
    assert ask(subject) is None
    assert subject.methods() == ()


def test_a_lost_link_during_the_command_is_raised() -> None:
    subject, _server = digests(None, Runner(LinkError("link_lost", "gone")), policy="command")
    with pytest.raises(LinkError):
        ask(subject)


@pytest.mark.parametrize(
    ("policy", "methods"),
    [("auto", ("check-file", "command")), ("extension", ("check-file",)), ("command", ("command",)), ("never", ())],
)
def test_the_policy_decides_what_may_be_asked(policy: str, methods: tuple[str, ...]) -> None:
    subject, _server = digests(None, Runner(), policy=policy)
    assert subject.methods() == methods


def test_the_command_is_used_where_the_extension_fails() -> None:
    subject, _server = digests(lambda request: status(request.id, 8), Runner((0, LINE)))
    assert ask(subject) == Digest("sha256", SHA256, "command")


OPENSSL_LINE = SHA256.encode() + b" */a b\n"
LARGE_BYTES = 16 * 1024 * 1024


def ask_large(subject: extensions.RemoteDigests, path: bytes = b"/a b", length: int | None = None) -> Digest | None:
    return subject.digest(path, algorithm="sha256", length=length, size_bytes=LARGE_BYTES)


def test_a_large_file_is_hashed_by_openssl_and_its_path_goes_to_the_input() -> None:
    run = Runner((0, OPENSSL_LINE))
    subject, _server = digests(None, run, policy="command")
    assert ask_large(subject) == Digest("sha256", SHA256, "command")
    assert run.asked == [("xargs -0 openssl dgst -sha256 -r", b"/a b\0")]


def test_a_name_with_a_newline_is_accepted_only_as_it_was_sent() -> None:
    path = b"/a\nb"
    subject, _server = digests(None, Runner((0, SHA256.encode() + b" */a\nb\n")), policy="command")
    assert ask_large(subject, path) == Digest("sha256", SHA256, "command")


@pytest.mark.parametrize(
    ("status_and_output", "asked_again"),
    [
        ((127, b""), False),
        ((126, b""), False),
        ((1, OPENSSL_LINE), False),
        ((123, b""), True),
        ((0, OPENSSL_LINE[:-1]), False),
        ((0, OPENSSL_LINE + b"x"), False),
        ((0, b"motd\n" + OPENSSL_LINE), False),
        ((0, OPENSSL_LINE.upper()), False),
        ((0, SHA256.encode() + b" */other\n"), False),
        ((0, OPENSSL_LINE[1:]), False),
    ],
)
def test_where_openssl_does_not_answer_exactly_the_usual_command_is_run(
    status_and_output: tuple[int, bytes], asked_again: bool
) -> None:
    run = Runner(status_and_output, (0, LINE), (0, OPENSSL_LINE), (0, LINE))
    subject, _server = digests(None, run, policy="command")
    assert ask_large(subject) == Digest("sha256", SHA256, "command")
    ask_large(subject)
    assert ("openssl" in run.asked[2][0]) is asked_again


def test_a_server_that_runs_no_command_is_asked_for_one_only_once() -> None:
    run = Runner(RemoteError("unsupported", "no shell"))
    subject, _server = digests(None, run, policy="command")
    assert ask_large(subject) is None
    assert (subject.methods(), len(run.asked)) == ((), 1)


@pytest.mark.parametrize(("path", "length"), [(b"-relative", None), (b"/a b", 5)])
def test_a_relative_path_and_a_prefix_are_left_to_the_usual_command(path: bytes, length: int | None) -> None:
    run = Runner((0, SHA256.encode() + b" *-\n"))
    subject, _server = digests(None, run, policy="command")
    ask_large(subject, path, length)
    assert "openssl" not in run.asked[0][0]


@pytest.mark.parametrize(
    ("announced", "version", "asked"),
    [
        ({}, "SSH-2.0-OpenSSH_9.2", False),
        ({}, "SSH-2.0-Erlang/4.15", False),
        ({}, "", False),
        ({}, "SSH-2.0-mod_sftp", True),
        ({}, "SSH-2.0-mod_sftp/1.1.0", True),
        ({b"check-file": b""}, "", True),
        ({b"check-file-name": b""}, "", True),
        ({b"check-file-handle": b""}, "", True),
        ({b"check-file@example.com": b"1"}, "", True),
        ({b"supported2": b"\0\0\0\x0acheck-file"}, "", True),
        ({b"supported2": b"\0\0\0\x09text-seek"}, "", False),
    ],
)
def test_check_file_is_sent_only_to_servers_that_announce_it_or_are_known_to_support_it(
    announced: dict[bytes, bytes], version: str, asked: bool
) -> None:
    server = FakeSftp(extensions=announced)
    server.on(EXTENDED, lambda r, honest: [status(r.id, 4)])
    subject = extensions.RemoteDigests(
        opened(server), None, policy="auto", operation_seconds=5, optional=OptionalRequests(), server_version=version
    )
    assert bool(subject.methods()) is asked
    assert ask(subject) is None
    assert bool(server.requests) is asked


def test_the_user_may_say_that_a_server_supports_check_file() -> None:
    server = FakeSftp(extensions={})
    subject = extensions.RemoteDigests(
        opened(server), None, policy="extension", operation_seconds=5, optional=OptionalRequests(), server_version=""
    )
    assert ask(subject) is None
    assert len(server.requests) == 1


def test_space_that_is_announced_and_not_implemented_is_unknown_and_not_asked_again() -> None:
    server, optional = FakeSftp(), OptionalRequests()
    server.on(EXTENDED, lambda r, honest: [status(r.id, 8)])
    session = opened(server)
    assert extensions.ask_space(session, optional, b"/") is None
    assert extensions.ask_space(opened(server), optional, b"/") is None
    assert len(server.requests) == 1


class SlowCommand:
    """A command that ends after ``waits`` calls of ``waiting``, or with ``cause`` as the reason of its error."""

    def __init__(self, *, waits: int, cause: LinkError | None = None) -> None:
        self.waits = waits
        self.cause = cause

    def __call__(
        self,
        command: str,
        *,
        stdin: bytes,
        timeout_seconds: float,
        limit_bytes: int,
        waiting: t.Callable[[], None],
    ) -> tuple[int, bytes]:
        try:
            for _wait in range(self.waits):
                waiting()
            if self.cause is not None:
                raise self.cause
        except LinkError as exc:
            raise RemoteError("unsupported", "no command") from exc
        return 0, LINE


def command_digests(server: FakeSftp, run: Run, optional: OptionalRequests) -> extensions.RemoteDigests:
    session = Session(MemoryDuplex(server), timeouts=Timeouts(operation_seconds=0.05))
    session.open()
    return extensions.RemoteDigests(
        session, run, policy="command", operation_seconds=5, optional=optional, server_version=""
    )


def test_while_a_command_hashes_the_session_checks_that_the_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "PROBE_SECONDS", 0.0)
    server = FakeSftp()
    subject = command_digests(server, SlowCommand(waits=3), OptionalRequests())
    ticks: list[int] = []
    found = subject.digest(b"/a b", algorithm="sha256", length=None, size_bytes=7, waiting=lambda: ticks.append(1))
    assert found == Digest("sha256", SHA256, "command")
    assert (server.kinds(), len(ticks)) == ([fake_sftp.REALPATH] * 3, 3)


def test_a_server_that_stops_answering_is_a_lost_link_and_not_one_without_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extensions, "PROBE_SECONDS", 0.0)
    server, optional = FakeSftp(), OptionalRequests()
    server.on(fake_sftp.REALPATH, lambda request, honest: [])
    with pytest.raises(LinkError) as caught:
        ask(command_digests(server, SlowCommand(waits=1), optional))
    assert caught.value.code == "timed_out"


def test_a_command_that_takes_longer_than_its_size_allows_is_not_run_again_in_the_task() -> None:
    server, optional = FakeSftp(), OptionalRequests()
    subject = command_digests(server, SlowCommand(waits=0, cause=LinkError("timed_out", "too long")), optional)
    assert ask(subject) is None
    assert command_digests(server, SlowCommand(waits=0), optional).methods() == ()


def test_a_check_file_that_takes_longer_than_its_size_allows_is_not_asked_for_again() -> None:
    server, optional = FakeSftp(), OptionalRequests()
    server.on(EXTENDED, lambda request, honest: [])
    subject = extensions.RemoteDigests(
        opened(server), None, policy="extension", operation_seconds=0.05, optional=optional, server_version=""
    )
    ticks: list[int] = []
    with pytest.raises(LinkError) as caught:
        subject.digest(b"/a", algorithm="sha256", length=None, size_bytes=7, waiting=lambda: ticks.append(1))
    assert (caught.value.code, caught.value.is_uncounted) == ("timed_out", True)
    assert ticks
    assert subject.methods() == ()
