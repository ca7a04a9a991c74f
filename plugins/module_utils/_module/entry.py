# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Running a body as a module file: parameters come in through AnsibleModule, one result goes out.

Used where the work is not done in Ansible's worker: on another host (``route``), or in the background (``poll: 0``).
"""

from __future__ import annotations

import os
import signal

from .._cancellation import cancel
from .._errors import printable
from .._options.attributes import log_spec
from .handover import restore, take_secrets
from .orphan import exit_when_orphaned
from .request import Module, Request, Result, perform, result_fields
from .secret_options import spelled

# Ansible reads a module's result from its standard output.
RESULT_DESCRIPTOR = 1
# The seconds after which the module gives up as a whole: what is left of those of the task's ``async`` or ``timeout``.
TIME_LIMIT_NAME = "BACKHAUL_SFTP_TIME_LIMIT"


def run_module(served: Module) -> None:
    """Run a module's body on Ansible's parameters and exit with what it answers.

    Every BackhaulError becomes ``fail_json``. Any other exception is a bug and keeps its traceback. SIGTERM, SIGINT and
    a closed pipe of the result cancel the body; its context managers clean up.
    """
    # Imported here: the worker imports this file, too, and does not need AnsibleModule.
    from .checked_module import CheckedModule

    secrets = take_secrets()
    module = CheckedModule(  # type: ignore[no-untyped-call]  # of Ansible's
        argument_spec={**served.argument_spec, **log_spec()}, supports_check_mode=True
    )
    module.no_log_values.update(*map(spelled, secrets.values()))
    if module.refusal is not None:
        refused: Result = {"changed": False, **module.refusal.to_fail_json()}
        module.fail_json(**refused)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    exit_when_orphaned(RESULT_DESCRIPTOR)
    params = restore(module.params, secrets)
    request = Request(params=params, check_mode=module.check_mode, diff_mode=bool(module._diff))
    answer = perform(served.body, request, limit_seconds=float(os.environ.get(TIME_LIMIT_NAME) or 0))
    for warning in answer.warnings:
        module.warn(printable(warning))
    result = result_fields(answer, module.params)
    if answer.error is not None:
        module.fail_json(**result)
    module.exit_json(**result)


def _leave(number: int, _frame: object) -> None:
    cancel(SystemExit(128 + number))
