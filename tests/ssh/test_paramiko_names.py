# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undocumented names of paramiko: all that are used are in one table, and a missing one is handled."""

from __future__ import annotations

import ast
import hashlib
import os
import typing as t
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh import dependency
from ansible_collections.backhaul.sftp.plugins.module_utils._ssh.connect import connect
from ansible_collections.backhaul.sftp.tests.lab import Server
from ansible_collections.backhaul.sftp.tests.trust.material import Workshop

from .meeting import refusal, report_of
from .sshd import sshd

pytestmark = pytest.mark.integration
OURS = Path(dependency.__file__).parent
THEIRS = Path(paramiko.__file__).parent
# The names in dependency.py of paramiko's classes that this collection derives from.
BASES = {"TransportBase", "PacketizerBase", "AuthHandlerBase", "MessageBase", "GroupExchangeBase"}


def is_private(name: str) -> bool:
    """Return whether a name starts with an underscore and is not a special name of Python."""
    return name.startswith("_") and not name.startswith("__")


def attributes(tree: ast.AST) -> t.Iterator[tuple[str, bool]]:
    """Yield the name of every private attribute, and whether it is an attribute of ``self``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield node.attr, isinstance(node.value, ast.Name) and node.value.id == "self"


def methods(tree: ast.AST) -> t.Iterator[str]:
    """Yield the name of every private function that is defined."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and is_private(node.name):
            yield node.name


def names_in_paramiko() -> set[str]:
    """Return every private name in paramiko's sources."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in THEIRS.glob("*.py")]
    used = {name for tree in trees for name, _is_own in attributes(tree)}
    assigned = {
        target.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and is_private(target.id)
    }
    return used | assigned | {name for tree in trees for name in methods(tree)}


def names_used(source: str) -> set[str]:
    """Return the private names in one of our sources that may be paramiko's.

    A class that derives from one of paramiko's may override them, so its own names count. In any other class,
    attributes of ``self`` are not paramiko's.
    """
    tree = ast.parse(source)
    touched: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and BASES & {getattr(base, "id", "") for base in node.bases}:
            touched |= {name for name, _is_own in attributes(node)} | set(methods(node))
    return touched | {name for name, is_own in attributes(tree) if not is_own}


def test_the_table_lists_exactly_the_private_names_that_are_used() -> None:
    touched = {name for path in OURS.glob("*.py") for name in names_used(path.read_text(encoding="utf-8"))}
    listed = {name.partition(".")[2] for name in {**dependency.REQUIRED, **dependency.OPTIONAL}}
    assert touched & names_in_paramiko() == {name for name in listed if is_private(name)}


def test_a_name_that_is_not_listed_would_be_found() -> None:
    source = (
        "class X(TransportBase):\n def _verify_key(self):\n  self._log(1)\ndef f(channel):\n channel._set_closed()\n"
    )
    assert names_used(source) & names_in_paramiko() == {"_verify_key", "_log", "_set_closed"}
    assert names_used("class X:\n def f(self):\n  self._log(1)\n") == set()


def test_every_name_in_the_table_has_a_reason_and_exists() -> None:
    for name, reason in {**dependency.REQUIRED, **dependency.OPTIONAL}.items():
        owner, _dot, attribute = name.partition(".")
        assert hasattr(dependency.OWNERS[owner], attribute), name
        assert reason
    dependency.require_paramiko()


def owner_of(name: str) -> tuple[type, str]:
    """Return the class that defines a name of the table, and the attribute."""
    owner, _dot, attribute = name.partition(".")
    return next(kind for kind in dependency.OWNERS[owner].__mro__ if attribute in vars(kind)), attribute


@pytest.mark.parametrize("name", dependency.REQUIRED)
def test_without_a_required_name_nothing_is_even_tried(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(*owner_of(name))
    before = server.log.read_text().count("Connection from")
    error = refusal(server.endpoint(), InputError, "dependency_missing")
    assert name in error.message and paramiko.__version__ in error.message
    assert server.log.read_text().count("Connection from") == before


@pytest.fixture(scope="module")
def server(workshop: Workshop) -> t.Iterator[Server]:
    """An sshd."""
    with sshd(workshop) as running:
        yield running


@pytest.mark.parametrize("name", dependency.OPTIONAL)
def test_without_an_optional_name_the_public_path_transfers_the_same_bytes(
    server: Server, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paramiko itself needs these names, so the test removes them from our table instead."""
    monkeypatch.delitem(dependency.OPTIONAL, name)
    content = os.urandom(3_000_000)
    (tmp_path / "backup").write_bytes(content)
    with connect(server.endpoint()) as connection, connection.file_system() as files:
        with files.open_reader(os.fsencode(tmp_path / "backup")) as reader:
            read = hashlib.sha256()
            for block in reader.blocks():
                read.update(block)
        with files.create(os.fsencode(tmp_path / "copy"), mode=0o600) as writer:
            for at in range(0, len(content), 32_768):
                writer.write(at, memoryview(content)[at : at + 32_768])
            writer.close()
    assert read.digest() == hashlib.sha256(content).digest()
    assert (tmp_path / "copy").read_bytes() == content


@pytest.mark.parametrize("name", ["Transport._channel_handler_table", "Transport._send_user_message"])
def test_without_direct_receiving_data_comes_through_paramikos_buffer(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server.endpoint()) as connection:
        assert connection.transport.receive_buffers is not None
    monkeypatch.delitem(dependency.OPTIONAL, name)
    with connect(server.endpoint()) as connection:
        assert connection.transport.receive_buffers is None


def test_without_a_limit_there_is_no_compression(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    compressed = replace(server.endpoint(), compression=True)
    with connect(compressed) as connection:
        assert connection.transport.remote_compression == "zlib@openssh.com"
    monkeypatch.delitem(dependency.OPTIONAL, "Packetizer.set_inbound_compressor")
    with connect(compressed) as connection:
        assert connection.transport.remote_compression == "none"


def test_an_older_paramiko_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paramiko, "__version__", "3.4.1")
    assert "3.4.1" in refusal(server.endpoint(), InputError, "dependency_missing").message
    monkeypatch.setattr(paramiko, "__version__", "6.0.0.dev1")
    assert report_of(server.endpoint()).strict_kex
