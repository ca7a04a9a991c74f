# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Logging in, after the server was verified: each credential once, in the declared order."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._errors import InputError, TrustError, shown
from .._model import Credentials
from .boundary import translated
from .dependency import SSHException, paramiko
from .keys import load_private_key, with_certificate
from .transport import VerifiedTransport

# Rounds of questions in keyboard-interactive authentication; PAM asks two or three.
MAX_QUESTIONS = 10


@dataclass(frozen=True)
class Attempt:
    """One credential: the protocol's method it uses, how results call it, and how to try it.

    ``run`` returns the methods that the server still wants (RFC 4252 section 5.1, partial success).
    """

    method: str
    label: str
    run: t.Callable[[VerifiedTransport, str], t.Sequence[str]] = field(repr=False)


def authenticate(transport: VerifiedTransport, credentials: Credentials) -> str:
    """Log in and return how; ``authentication_refused`` lists what was tried and what the server takes."""
    with translated("logging in"):
        allowed = _ask_allowed(transport, credentials.user)
        succeeded: list[str] = []
        tried: list[str] = []
        waiting: list[Attempt] = []
        # What does not fit yet may fit after a partial success, however early it stands in the order.
        for latest in _attempts(credentials):
            waiting.append(latest)
            while not transport.is_authenticated() and (fitting := [a for a in waiting if a.method in allowed]):
                waiting.remove(fitting[0])
                outcome = _try(transport, credentials.user, fitting[0])
                (tried if outcome is None else succeeded).append(fitting[0].label)
                allowed = allowed if outcome is None else outcome
            if transport.is_authenticated():
                break
        if not transport.is_authenticated():
            raise _refused(credentials, succeeded, tried, allowed)
    return " + ".join(succeeded) or "none"


def _ask_allowed(transport: VerifiedTransport, user: str) -> t.Sequence[str]:
    """Ask what the server takes, by the method that carries no credential (RFC 4252 section 5.2)."""
    try:
        return t.cast("t.Sequence[str]", transport.auth_none(user))
    except paramiko.BadAuthenticationType as exc:
        return t.cast("t.Sequence[str]", exc.allowed_types)


def _try(transport: VerifiedTransport, user: str, attempt: Attempt) -> t.Sequence[str] | None:
    """Return what the server still wants after a success, or None when it refused this one."""
    try:
        return attempt.run(transport, user)
    except paramiko.AuthenticationException as exc:
        if not transport.is_active():
            raise TrustError(
                "authentication_refused",
                f"the server ended the connection after {attempt.label} was tried for user {user!r}",
                remedy="It allows fewer attempts than there are credentials: name the right one, or set"
                " 'authentications' or 'use_agent: false'.",
            ) from exc
        return None


def _attempts(credentials: Credentials) -> t.Iterator[Attempt]:
    makers: dict[str, t.Callable[[Credentials], t.Iterator[Attempt]]] = {
        "certificate": _certificate,
        "key": _key,
        "agent": _agent,
        "password": _password,
        "keyboard-interactive": _keyboard_interactive,
    }
    for name in credentials.authentications:
        if name in makers:
            yield from makers[name](credentials)


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
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(
            "invalid_input",
            f"the private key file {path} cannot be read: {exc}",
            remedy="Give the path of a private key that the account running Ansible may read.",
        ) from exc


def _agent(credentials: Credentials) -> t.Iterator[Attempt]:
    if not credentials.use_agent:
        return
    agent = paramiko.Agent()
    try:
        for key in agent.get_keys():
            yield _public_key(f"agent key {key.fingerprint}", key)
    finally:
        agent.close()


def _public_key(label: str, key: t.Any) -> Attempt:
    return Attempt("publickey", label, lambda transport, user: transport.auth_publickey(user, key))


def _password(credentials: Credentials) -> t.Iterator[Attempt]:
    password = credentials.password
    if password:
        yield Attempt(
            "password", "password", lambda transport, user: transport.auth_password(user, password, fallback=False)
        )


def _keyboard_interactive(credentials: Credentials) -> t.Iterator[Attempt]:
    """RFC 4256: the password, or the one-time code in its place, answers one hidden prompt, once.

    Whatever else is asked gets no answer: a server that goes on asking, or wants to see what is typed, is refused.
    """
    password = credentials.password
    if not password:
        return
    rounds = 0

    def answer(_title: str, _instructions: str, prompts: t.Sequence[tuple[str, bool]]) -> list[str]:
        nonlocal rounds
        rounds += bool(prompts)
        if rounds > MAX_QUESTIONS:
            raise SSHException("the server does not stop asking")
        if rounds == 1 and len(prompts) == 1 and not prompts[0][1]:
            return [password]
        return [""] * len(prompts)

    yield Attempt(
        "keyboard-interactive",
        "keyboard-interactive",
        lambda transport, user: transport.auth_interactive(user, answer),
    )


def _refused(credentials: Credentials, succeeded: list[str], tried: list[str], allowed: t.Sequence[str]) -> TrustError:
    takes = [shown(name.encode("utf-8", "surrogateescape"), limit=100) for name in allowed]
    what = f"{', '.join(tried)} refused" if tried else "no credential that was given fits"
    also = f" after {', '.join(succeeded)} succeeded" if succeeded else ""
    return TrustError(
        "authentication_refused",
        f"user {credentials.user!r} could not log in{also}: {what}; the server takes {', '.join(takes) or 'nothing'}",
        remedy="Nothing was retried, to not lock the account. Check the user name, and that the credential is the one"
        " this server knows.",
        details={"user": credentials.user, "tried": tried, "succeeded": succeeded, "allowed": takes},
    )
