# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Log in to a verified server: try each credential once, in the declared order."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field

from .._errors import BackhaulError, InputError, LinkError, TrustError, printable
from .._model import Credentials
from .agent import AgentError, agent_keys
from .dependency import SSHException, paramiko
from .errors import WrappedError, translated
from .files import read_file
from .keys import load_private_key, with_certificate
from .transport import VerifiedTransport

# The limit of rounds in keyboard-interactive authentication; PAM needs two or three.
MAX_QUESTIONS = 10
# A key of 16384 bits takes 13 KiB.
MAX_KEY_FILE_BYTES = 1024 * 1024


@dataclass
class Password:
    """The password of one login, with whether it was sent to this server and refused."""

    text: str = field(repr=False)
    sent: bool = False
    refused: bool = False

    def take(self) -> str:
        """Return the text and record that it is sent."""
        self.sent = True
        return self.text


@dataclass(frozen=True)
class Attempt:
    """One credential: its authentication method, its name in results, and a function that tries it.

    ``run`` returns the methods that the server still wants (RFC 4252 section 5.1, partial success), or raises
    AgentError before anything was sent. ``password`` is set if ``run`` may send it. Once the server has refused that
    password, the attempt is not made.
    """

    method: str
    label: str
    run: t.Callable[[VerifiedTransport, str], t.Sequence[str]] = field(repr=False)
    password: Password | None = None

    def fits(self, allowed: t.Sequence[str]) -> bool:
        """Return whether the server accepts the method and has not refused the password."""
        return self.method in allowed and not (self.password and self.password.refused)


@dataclass
class Login:
    """The state of a login: the credentials that succeeded or failed, and the methods that the server still accepts.

    ``password_sent`` says whether a password or a one-time code was sent to the server, by any method.
    """

    user: str
    deadline: float
    allowed: t.Sequence[str] = ()
    password_sent: bool = False
    succeeded: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)


def authenticate(transport: VerifiedTransport, credentials: Credentials, *, deadline: float) -> str:
    """Log in and return the credentials that succeeded.

    ``authentication_refused`` lists the credentials tried and the methods that the server accepts. ``deadline`` is on
    the monotonic clock; the caller closes the connection then.

    If the connection ends after a password was sent, the error is ``authentication_refused`` and nothing is retried:
    the server might count a second failure, and a one-time code is valid for one login. A new signature locks no
    account, so a connection that ends after a key is a LinkError, which is retried.
    """
    login = Login(credentials.user, deadline)
    with translated("logging in"):
        login.allowed = _ask_allowed(transport, credentials.user)
        untried: list[Attempt] = []
        # An attempt whose method is not accepted yet may be accepted after a partial success.
        for latest in _attempts(credentials, deadline):
            untried.append(latest)
            while not transport.is_authenticated() and (usable := [a for a in untried if a.fits(login.allowed)]):
                untried.remove(usable[0])
                _try(transport, login, usable[0])
            if transport.is_authenticated():
                break
        if not transport.is_authenticated():
            raise _refused(login)
    return " + ".join(login.succeeded) or "none"


def _ask_allowed(transport: VerifiedTransport, user: str) -> t.Sequence[str]:
    """Return the methods that the server accepts, by the method "none" without a credential (RFC 4252 section 5.2)."""
    try:
        return t.cast("t.Sequence[str]", transport.auth_none(user))
    except paramiko.BadAuthenticationType as exc:
        return t.cast("t.Sequence[str]", exc.allowed_types)


def _try(transport: VerifiedTransport, login: Login, attempt: Attempt) -> None:
    """Try a credential and record the result in ``login``; raise when the connection ended."""
    if attempt.password:
        attempt.password.sent = False
    try:
        login.allowed = attempt.run(transport, login.user)
        login.succeeded.append(attempt.label)
        return
    except AgentError as exc:
        login.tried.append(f"{attempt.label} ({exc})")
    except WrappedError:
        raise
    except (SSHException, EOFError, OSError) as exc:
        login.tried.append(attempt.label)
        was_refused = isinstance(exc, paramiko.AuthenticationException) and transport.is_active()
        if not was_refused or time.monotonic() >= login.deadline:
            raise _cut_off(login, attempt, exc, transport.disconnect_text) from exc
    finally:
        login.password_sent |= bool(attempt.password and attempt.password.sent)
    if attempt.password:
        attempt.password.refused = attempt.password.sent


def _cut_off(login: Login, attempt: Attempt, exc: Exception, disconnect_text: str | None) -> BackhaulError:
    """Return the error for a connection that ended after a credential: a LinkError if a retry does no harm.

    ``disconnect_text`` is the text of the server's DISCONNECT. After that message a retry would end the same way.
    """
    late = time.monotonic() >= login.deadline
    after = f"after {attempt.label} was tried for user {login.user!r}"
    if late:
        what, advice = "no answer in time", "The server may be slow to check credentials: connect_timeout is the limit."
    elif disconnect_text is not None:
        what, advice = f"the server ended the connection ({disconnect_text or 'without a word'})", _FEWER_ATTEMPTS
    else:
        what, advice = f"the link broke ({_text(str(exc)) or 'without a word'})", _FEWER_ATTEMPTS
    if attempt.password or login.password_sent:
        why = "Nothing was retried, to not lock the account: the server may have counted the password already."
    elif disconnect_text is not None and not late:
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
    generators: dict[str, t.Callable[[], t.Iterator[Attempt]]] = {
        "certificate": lambda: _certificate(credentials),
        "key": lambda: _key(credentials),
        "agent": lambda: _agent(credentials, deadline),
        "password": lambda: _password(password),
        "keyboard-interactive": lambda: _keyboard_interactive(password),
    }
    for name in credentials.authentications:
        if name in generators:
            yield from generators[name]()


def _certificate(credentials: Credentials) -> t.Iterator[Attempt]:
    """Yield the user certificate with its private key (OpenSSH PROTOCOL.certkeys)."""
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
    """Yield an attempt that answers one hidden prompt, once, with the password or one-time code (RFC 4256).

    All other prompts (a second one, several at once, one with a visible answer) get empty answers, which no server
    accepts as a credential: the protocol has no other way to decline a prompt and go on. More than MAX_QUESTIONS
    rounds are refused. A password that this server has refused before is not tried again.
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
    return [_text(name) for name in login.allowed]


def _text(text: str) -> str:
    return printable(text.encode("utf-8", "surrogateescape"), limit=100)
