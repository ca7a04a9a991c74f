# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misbehaving servers, and processes that tests interrupt, kill or measure. Honest servers are in ``tests/lab``.

Run in the process of the test:

* ``fake_sftp``: an SFTP server in memory; a test replaces single replies. ``fake_ssh_server`` serves it over SSH.
* ``scripted_ssh_server``: an SSH server made of paramiko or of a bare socket. ``login_server``: one with chosen logins.

Loaded by the asyncssh server of the lab (``sftp_class`` of ``start_asyncssh``):

* ``failing_server``, ``hostile_message_server``, ``inconsistent_server``, ``misnaming_server`` and
  ``object_store_server``, each with one class.

Processes of their own:

* ``forking_host`` forks processes that run one module each; ``module_process`` is such a process.
* ``relay_process`` runs one relay. ``abandoning_client`` ends while connected. ``measured_client`` reports its memory.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent

# Values of the option ``sftp_class`` of ``start_asyncssh``.
FAILING_SERVER = f"{_HERE / 'failing_server.py'}:FailingServer"
HOSTILE_MESSAGE_SERVER = f"{_HERE / 'hostile_message_server.py'}:HostileMessageServer"
INCONSISTENT_SERVER = f"{_HERE / 'inconsistent_server.py'}:InconsistentServer"
MISNAMING_SERVER = f"{_HERE / 'misnaming_server.py'}:MisnamingServer"
OBJECT_STORE_SERVER = f"{_HERE / 'object_store_server.py'}:ObjectStoreServer"
