# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Logging in, after the server was verified: each credential once, in the declared order."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field

from .._errors import BackhaulError, InputError, LinkError, TrustError, printable
from .._model import Credentials
from .agent import AgentError, agent_keys
from .dependency import SSHException, paramiko
from .errors import Refusal, translated
from .files import read_file
from .keys import load_private_key, with_certificate
from .transport import VerifiedTransport

# Rounds of questions in keyboard-interactive authentication; PAM asks two or three.
MAX_QUESTIONS = 10


# A key of 16384 bits has 13 KiB.
MAX_KEY_FILE_BYTES = 1024 * 1024


@dataclass
class Password:
    """The password of one login, and what became of it at this server."""

    text: str = field(repr=False)
    sent: bool = False
    refused: bool = False

    def take(self) -> str:
        """Return the text, to send it."""
        self.sent = True
        return self.text


@dataclass(frozen=True)
class Attempt:
    """One credential: the protocol's method it uses, how results call it, and how to try it.

    ``run`` returns the methods that the server still wants (RFC 4252 section 5.1, partial success), or raises
    AgentError before anything was sent. ``password`` is what it may send, and then it does so only until the server
    has refused that.
    """

    method: str
    label: str
    run: t.Callable[[VerifiedTransport, str], t.Sequence[str]] = field(repr=False)
    password: Password | None = None

    def fits(self, allowed: t.Sequence[str]) -> bool:
        """Say whether the server takes the method and has not refused the credential."""
        return self.method in allowed and not (self.password and self.password.refused)


@dataclass
class Login:
    """How far a login has come: what succeeded, what was tried in vain, and what the server still takes.

    ``password_sent`` says whether the server was sent a password or a one-time code, by any method.
    """

    user: str
    deadline: float
    allowed: t.Sequence[str] = ()
    password_sent: bool = False
    succeeded: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)


def authenticate(transport: VerifiedTransport, credentials: Credentials, *, deadline: float) -> str:
    """Log in and return how; ``authentication_refused`` lists what was tried and what the server takes.

    ``deadline`` is on the monotonic clock, and the caller ends the connection then. A login that is cut off after a
    password was sent is refused, so that the password is not sent again: it might be counted as a second failure, and a
    one-time code is good for one login. Signatures are different each time and lock no account, so a login that is cut
    off over a key is a lost link, which is retried.
    """
    login = Login(credentials.user, deadline)
    with translated("logging in"):
        login.allowed = _ask_allowed(transport, credentials.user)
        waiting: list[Attempt] = []
        # What does not fit yet may fit after a partial success, however early it stands in the order.
        for latest in _attempts(credentials, deadline):
            waiting.append(latest)
            while not transport.is_authenticated() and (fitting := [a for a in waiting if a.fits(login.allowed)]):
                waiting.remove(fitting[0])
                _try(transport, login, fitting[0])
            if transport.is_authenticated():
                break
        if not transport.is_authenticated():
            raise _refused(login)
    return " + ".join(login.succeeded) or "none"


def _ask_allowed(transport: VerifiedTransport, user: str) -> t.Sequence[str]:
    """Ask what the server takes, by the method that carries no credential (RFC 4252 section 5.2)."""
    try:
        return t.cast("t.Sequence[str]", transport.auth_none(user))
    except paramiko.BadAuthenticationType as exc:
        return t.cast("t.Sequence[str]", exc.allowed_types)


def _try(transport: VerifiedTransport, login: Login, attempt: Attempt) -> None:
    """Note what the server still wants after a success, or that it refused this one."""
    if attempt.password:
        attempt.password.sent = False
    try:
        login.allowed = attempt.run(transport, login.user)
        login.succeeded.append(attempt.label)
        return
    except AgentError as exc:
        login.tried.append(f"{attempt.label} ({exc})")
    except Refusal:
        raise
    except (SSHException, EOFError, OSError) as exc:
        login.tried.append(attempt.label)
        said_no = isinstance(exc, paramiko.AuthenticationException) and transport.is_active()
        if not said_no or time.monotonic() >= login.deadline:
            raise _cut_off(login, attempt, exc, transport.farewell) from exc
    finally:
        login.password_sent |= bool(attempt.password and attempt.password.sent)
    if attempt.password:
        attempt.password.refused = attempt.password.sent


def _cut_off(login: Login, attempt: Attempt, exc: Exception, farewell: str | None) -> BackhaulError:
    """Return the error for a connection that ended over a credential: a LinkError where another try does no harm.

    ``farewell`` is what the server said as it ended the connection (DISCONNECT); it would do so again.
    """
    late = time.monotonic() >= login.deadline
    after = f"after {attempt.label} was tried for user {login.user!r}"
    if late:
        what, advice = "no answer in time", "The server may be slow to check credentials: connect_timeout is the limit."
    elif farewell is not None:
        what, advice = f"the server ended the connection ({farewell or 'without a word'})", _FEWER_ATTEMPTS
    else:
        what, advice = f"the link broke ({_said(str(exc)) or 'without a word'})", _FEWER_ATTEMPTS
    if attempt.password or login.password_sent:
        why = "Nothing was retried, to not lock the account: the server may have counted the password already."
    elif farewell is not None and not late:
        why = "Nothing was retried: the server would end it again."
    else:
        code = "timed_out" if late else "link_lost"
        return LinkError(code, f"{what} {after}", remedy=advice, details=_details(login))
    return TrustError("authentication_refused", f"{what} {after}", remedy=f"{why} {advice}", details=_details(login))


_FEWER_ATTEMPTS = (
    "The server may allow fewer attempts than there are credentials: name the right one, or set 'authentications' or"
    " 'use_agent: false'."
)


def _attempts(credentials: Credentials, deadline: float) -> t.Iterator[Attempt]:
    password = Password(credentials.password) if credentials.password else None
    makers: dict[str, t.Callable[[], t.Iterator[Attempt]]] = {
        "certificate": lambda: _certificate(credentials),
        "key": lambda: _key(credentials),
        "agent": lambda: _agent(credentials, deadline),
        "password": lambda: _password(password),
        "keyboard-interactive": lambda: _keyboard_interactive(password),
    }
    for name in credentials.authentications:
        if name in makers:
            yield from makers[name]()


def _certificate(credentials: Credentials) -> t.Iterator[Attempt]:
    """A user certificate goes with its private key (OpenSSH PROTOCOL.certkeys)."""
    if not credentials.certificate:
        return
    key = _private_key(credentials)
    if key is None:
        raise InputError(
            "invalid_input",
            "a certificate was given, and no private key that it certifies",
            remedy="Give private_key or private_key_file, too.",
        )
    yield _public_key(f"certificate of key {key.fingerprint}", with_certificate(key, credentials.certificate))


def _key(credentials: Credentials) -> t.Iterator[Attempt]:
    key = _private_key(credentials)
    if key is not None:
        yield _public_key(f"key {key.fingerprint}", key)


def _private_key(credentials: Credentials) -> t.Any:
    text = credentials.private_key
    if not text and credentials.private_key_file:
        text = _read_key_file(credentials.private_key_file)
    return load_private_key(text, credentials.private_key_passphrase) if text and text.strip() else None


def _read_key_file(path: str) -> str:
    try:
        return read_file(path, limit_bytes=MAX_KEY_FILE_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(
            "invalid_input",
            f"the private key file {path} cannot be read: {exc}",
            remedy="Give the path of a private key that the account running Ansible may read.",
        ) from exc


def _agent(credentials: Credentials, deadline: float) -> t.Iterator[Attempt]:
    if not credentials.use_agent:
        return
    try:
        with contextlib.ExitStack() as closing:
            for key in closing.enter_context(agent_keys(deadline=deadline)):
                yield _public_key(f"agent key {key.fingerprint}", key)
    except AgentError as exc:
        yield Attempt("publickey", "agent", _raising(exc))


def _raising(fault: AgentError) -> t.Callable[[VerifiedTransport, str], t.Sequence[str]]:
    def run(_transport: VerifiedTransport, _user: str) -> t.Sequence[str]:
        raise fault

    return run


def _public_key(label: str, key: t.Any) -> Attempt:
    return Attempt("publickey", label, lambda transport, user: transport.auth_publickey(user, key))


def _password(password: Password | None) -> t.Iterator[Attempt]:
    if password:
        yield Attempt(
            "password",
            "password",
            lambda transport, user: transport.auth_password(user, password.take(), fallback=False),
            password,
        )


def _keyboard_interactive(password: Password | None) -> t.Iterator[Attempt]:
    """RFC 4256: the password, or the one-time code in its place, answers one hidden prompt, once.

    Whatever else is asked (a second question, several at once, one whose answer is shown) gets empty answers, which no
    server takes for a credential that it checks: the protocol knows no other way to decline a question and go on.
    Questions without an end are refused. A password that this server has refused before is not tried again.
    """
    if not password:
        return
    rounds = 0

    def answer(_title: str, _instructions: str, prompts: t.Sequence[tuple[str, bool]]) -> list[str]:
        nonlocal rounds
        rounds += bool(prompts)
        if rounds > MAX_QUESTIONS:
            raise SSHException("the server does not stop asking")
        if rounds == 1 and len(prompts) == 1 and not prompts[0][1]:
            return [password.take()]
        return [""] * len(prompts)

    yield Attempt(
        "keyboard-interactive",
        "keyboard-interactive",
        lambda transport, user: transport.auth_interactive(user, answer),
        password,
    )


def _refused(login: Login) -> TrustError:
    takes = _takes(login)
    what = f"{', '.join(login.tried)} refused" if login.tried else "no credential that was given fits"
    also = f" after {', '.join(login.succeeded)} succeeded" if login.succeeded else ""
    return TrustError(
        "authentication_refused",
        f"user {login.user!r} could not log in{also}: {what}; the server takes {', '.join(takes) or 'nothing'}",
        remedy="Nothing was retried, to not lock the account. Check the user name, and that the credential is the one"
        " this server knows.",
        details=_details(login),
    )


def _details(login: Login) -> dict[str, t.Any]:
    return {
        "user": login.user,
        "tried": login.tried,
        "succeeded": login.succeeded,
        "allowed": _takes(login),
    }


def _takes(login: Login) -> list[str]:
    return [_said(name) for name in login.allowed]


def _said(text: str) -> str:
    return printable(text.encode("utf-8", "surrogateescape"), limit=100)
