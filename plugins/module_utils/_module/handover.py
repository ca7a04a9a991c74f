# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Secrets that stay out of the file from which Ansible starts a module in the background (``async`` with ``poll: 0``).

Such a module file has its parameters in a file. Placeholders stand there instead of secrets. The secrets come through
the environment, which only the same account and root can read (proc(5)).
"""

from __future__ import annotations

import itertools
import json
import os
import typing as t

from .._errors import InputError

ENVIRONMENT_NAME = "BACKHAUL_SFTP_SECRETS"
# Linux takes no single string of 128 KiB or more (execve(2)), and all of them together may have about 2 MiB.
_STRING_CHARACTERS = 96 * 1024
_LONGEST_CHARACTERS = 1024 * 1024
SECRET_SUBOPTIONS = frozenset({"password", "private_key", "private_key_passphrase"})

Secrets = t.Dict[str, str]
# Parameters, or a part of them: any value of JSON.
Value = t.Any


def extract_secrets(value: Value, secrets: Secrets, *, token: str) -> Value:
    """Return parameters with placeholders and add the secrets to ``secrets``; ``token`` makes placeholders unique."""
    if isinstance(value, t.Mapping):
        return {key: _extracted(key, inner, secrets, token) for key, inner in value.items()}
    return [extract_secrets(inner, secrets, token=token) for inner in value] if isinstance(value, list) else value


def _extracted(key: object, value: Value, secrets: Secrets, token: str) -> Value:
    if key not in SECRET_SUBOPTIONS or value is None or not str(value).strip():
        return extract_secrets(value, secrets, token=token)
    stand_in = f"withheld-{token}-{len(secrets)}"
    secrets[stand_in] = str(value)
    return stand_in


def as_environment(secrets: Secrets) -> dict[str, str]:
    """Return environment variables that hold the secrets; ``invalid_input`` when they are too long for a process."""
    text = json.dumps(secrets)
    if len(text) > _LONGEST_CHARACTERS:
        raise InputError(
            "invalid_input",
            f"the keys and passwords of this task have {len(text)} characters, too many for a job in the background",
            remedy="Run it without 'poll: 0', or with fewer endpoints in one task.",
        )
    starts = range(0, len(text), _STRING_CHARACTERS)
    return {_variable(number): text[start : start + _STRING_CHARACTERS] for number, start in enumerate(starts)}


def _variable(number: int) -> str:
    return f"{ENVIRONMENT_NAME}_{number}" if number else ENVIRONMENT_NAME


def take_secrets() -> Secrets:
    """Return the secrets in the environment, and remove them there."""
    names = itertools.takewhile(os.environ.__contains__, map(_variable, itertools.count()))
    text = "".join([os.environ.pop(name) for name in names])
    return {str(key): str(value) for key, value in json.loads(text or "{}").items()}


def restore(value: Value, secrets: t.Mapping[str, str]) -> Value:
    """Return parameters with the secrets instead of their placeholders."""
    if isinstance(value, str):
        return secrets.get(value, value)
    if isinstance(value, t.Mapping):
        return {key: restore(inner, secrets) for key, inner in value.items()}
    return [restore(inner, secrets) for inner in value] if isinstance(value, list) else value
