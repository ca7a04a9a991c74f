# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every task result to a file, as callbacks get it."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: results_file
type: notification
short_description: Writes task results to a file
description:
  - One line of JSON for each result goes to the file that the environment variable RESULTS_FILE names.
"""


class CallbackModule(CallbackBase):
    """Appends one line of JSON for each task result, or for each item of a loop."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "results_file"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._write("ok", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._write("unreachable", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._write("skipped", result)

    def _write(self, status: str, result: t.Any) -> None:
        # These attributes are public since ansible-core 2.19; 2.16 has the private ones only.
        public = hasattr(result, "task")
        task, host = (result.task, result.host) if public else (result._task, result._host)
        content = result.result if public else result._result
        record = {"task": task.get_name(), "host": host.get_name(), "status": status, "result": content}
        with open(os.environ["RESULTS_FILE"], "a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(json.dumps(record, default=str) + "\n")
