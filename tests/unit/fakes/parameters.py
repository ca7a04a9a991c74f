# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of a module as Ansible passes them: with types, and with every default filled in."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.module_utils import basic
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.backhaul.sftp.tests.lab import Server


def parameters(spec: t.Mapping[str, t.Any], **given: t.Any) -> dict[str, t.Any]:
    """Return the parameters that a module with this spec gets; ValueError with Ansible's messages."""
    result = ArgumentSpecValidator(dict(spec)).validate(given)
    if result.error_messages:
        raise ValueError("; ".join(result.error_messages))
    return t.cast("dict[str, t.Any]", result.validated_parameters)


def endpoint_of(server: Server, **more: t.Any) -> dict[str, t.Any]:
    """Return the suboptions of an endpoint for a server of the lab."""
    return {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "private_key": server.client_key.text,
        "host_keys": list(server.host_keys),
        "known_hosts_files": [],
        "use_agent": False,
        **more,
    }


# The parameters of a task that a copy needs beside its endpoints and paths.
COPY_PARAMETERS: dict[str, t.Any] = {
    "rate_limit": None,
    "streams": None,
    "max_memory": "64MiB",
    "retries": 0,
    "retry_delay": "0.001s",
}
# From ansible-core 2.21 on, a module file returns its parameters only with this argument, which older versions refuse.
_INJECT = "_ansible_inject_invocation"
SHOWING_INVOCATION = {_INJECT: True} if _INJECT in Path(basic.__file__).read_text(encoding="utf-8") else {}
