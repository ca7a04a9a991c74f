# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a task: the same on every run, nobody else's, and of no use to find the credential."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._model import Credentials, Endpoint
from ansible_collections.backhaul.sftp.plugins.module_utils._module import job_key
from ansible_collections.backhaul.sftp.plugins.module_utils._module.connection_pool import ConnectionPool
from ansible_collections.backhaul.sftp.plugins.module_utils._module.job_key import derive_job_key

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n"


def end(role: str = "destination", host: str = "vault", **credentials: t.Any) -> Endpoint:
    return Endpoint(role=role, host=host, credentials=Credentials(user="backup", **credentials))


def test_a_private_key_is_the_same_as_a_text_and_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"\n{KEY}".replace("\n", "\r\n"))
    found = derive_job_key(end(private_key=KEY))
    assert found == derive_job_key(end(private_key_file=str(file)))
    assert found == derive_job_key(end(private_key=KEY, private_key_passphrase="changed"), end("source"))
    assert len(found) == 32
    assert KEY.encode() not in found


def test_a_private_key_of_either_end_comes_before_a_password() -> None:
    """A password has little that cannot be guessed, and the names are there for everybody to try against."""
    with_key = end("source", private_key=KEY)
    assert derive_job_key(end(password="secret"), with_key) == derive_job_key(with_key)


def test_a_password_costs_whoever_tries_many_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert job_key._PASSWORD_ROUNDS >= 600_000
    monkeypatch.setattr(job_key, "_PASSWORD_ROUNDS", 1000)
    keys = {
        derive_job_key(end(password="a")),
        derive_job_key(end(password="b")),
        derive_job_key(end(host="x", password="a")),
    }
    assert len(keys) == 3
    assert derive_job_key(end(), end("source", password="a")) == derive_job_key(end(password="a"))


@pytest.mark.parametrize("credentials", [{}, {"private_key": " "}, {"private_key_file": "/nonexistent/key"}])
def test_without_a_credential_there_is_no_key(credentials: dict[str, str]) -> None:
    assert derive_job_key(end(**credentials), Endpoint(role="source", local=True)) == b""


def test_it_is_derived_once_in_a_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    with ConnectionPool() as pool:
        first = pool.job_key(end(private_key_file=str(file)))
        file.unlink()
        assert pool.job_key(end(private_key_file=str(file))) == first
