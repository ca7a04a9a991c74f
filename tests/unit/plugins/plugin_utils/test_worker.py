# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a module's body in Ansible's worker. test_both_ways.py compares it with the module file."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import textwrap
import typing as t

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.backhaul.sftp.plugins.plugin_utils import _worker
from ansible_collections.backhaul.sftp.plugins.plugin_utils._worker import as_plain, cancellable


class _Text(str):
    """A subclass of str, as Ansible uses for tagged texts."""


class _Number(int):
    """A subclass of int, as Ansible uses for tagged numbers."""


def test_arguments_become_plain_types() -> None:
    given = {_Text("a"): [_Text("b"), _Number(1), 2.5, True, None, (3,)], "when": datetime.date(2026, 1, 2)}
    plain = as_plain(given)
    assert plain == {"a": ["b", 1, 2.5, True, None, [3]], "when": "2026-01-02"}
    assert [type(each) for each in (*plain, *plain["a"][:2])] == [str, str, str, int]


def test_a_vault_text_is_decrypted() -> None:
    vault = VaultLib([("default", VaultSecret(b"password"))])
    encrypted = vault.encrypt(b"secret").decode()
    assert as_plain(_vault_text(encrypted, vault)) == "secret"


def _vault_text(encrypted: str, vault: VaultLib) -> t.Any:
    """Return the value that Ansible makes of ``!vault``, whose class differs since ansible-core 2.19."""
    try:
        from ansible.parsing.vault import EncryptedString, VaultSecretsContext
    except ImportError:
        from ansible.parsing.yaml.objects import AnsibleVaultEncryptedUnicode

        text = AnsibleVaultEncryptedUnicode(encrypted)
        text.vault = vault
        return text
    VaultSecretsContext.initialize(VaultSecretsContext(vault.secrets))
    return EncryptedString(ciphertext=encrypted)


def test_signal_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    with cancellable():
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)] == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("handled", [False, True])
def test_a_signal_is_delivered_to_the_previous_handler_after_the_block(number: signal.Signals, handled: bool) -> None:
    """In ansible-core 2.19 and newer, the signal handler of a worker ends the process without leaving blocks."""
    ended = _run(
        f"""
        import os, signal
        from {_worker.__name__} import cancellable
        signal.signal({int(number)}, (lambda number, frame: os._exit(7)) if {handled} else signal.SIG_DFL)
        with cancellable():
            try:
                os.kill(os.getpid(), {int(number)})
            finally:
                print("left", flush=True)
        """
    )
    assert (ended.returncode, ended.stdout) == (7 if handled else -number, b"left\n"), ended.stderr


def test_the_timeout_of_a_task_waits_for_the_end_of_a_packet() -> None:
    class _TaskTimeout(BaseException):
        pass

    def expire(_number: int, _frame: object) -> None:
        raise _TaskTimeout

    from ansible_collections.backhaul.sftp.plugins.module_utils._cancellation import shielded

    whole = []
    before = signal.signal(signal.SIGALRM, expire)
    try:
        with pytest.raises(_TaskTimeout), cancellable():
            with shielded():
                os.kill(os.getpid(), signal.SIGALRM)
                whole.append(True)
            whole.append(False)
        assert whole == [True]
        assert signal.getsignal(signal.SIGALRM) is expire
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_worker_exits_after_the_block_when_its_controller_was_killed() -> None:
    ended = _run(
        f"""
        import os, signal, sys, time
        from {_worker.__name__} import cancellable
        child = os.fork()
        if child:
            time.sleep(0.5)  # by then the child watches its parent
            os._exit(0)
        with cancellable():
            try:
                time.sleep(30)
            finally:
                print("left", flush=True)
        print("went on", flush=True)
        """
    )
    assert ended.stdout == b"left\n", ended.stderr


def _run(script: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True, timeout=60)
