# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The base of all action plugins: resolve the endpoints, run the module's body in this process, show progress."""

from __future__ import annotations

import contextlib
import os
import sys
import typing as t
import uuid

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader

from ..module_utils import _units
from ..module_utils._errors import BackhaulError
from ..module_utils._module import handover
from ..module_utils._module.request import Module, SubstituteFiles
from ..module_utils._module.secret_options import checked_secrets
from ._endpoints import EndpointResolver
from ._heartbeat import Heartbeat
from ._worker import cancellable, run_body

Vars = t.Dict[str, t.Any]
# Its attributes are created at import, so type checkers do not know them.
_constants: t.Any = constants


class EndpointAction(ActionBase):
    """Runs a module's body in Ansible's worker process, independent of the connection of the play's host.

    With ``route`` and with ``poll: 0`` the module file runs the same body. The option ``endpoint_option`` holds one
    endpoint. The option ``endpoint_list_option``, when it is set, holds a list of endpoints.
    """

    module: t.ClassVar[Module]
    endpoint_option: t.ClassVar[str]
    endpoint_list_option: t.ClassVar[str] = ""
    _supports_check_mode = True
    _supports_diff = True
    _supports_async = True
    _requires_connection = False
    _limit_seconds = 0  # kept for the further attempts of a task with 'until'

    def run(self, tmp: str | None = None, task_vars: Vars | None = None) -> Vars:
        """Return the module's result."""
        variables: Vars = task_vars or {}
        result: Vars = super().run(tmp, variables)
        with cancellable():
            try:
                arguments = checked_secrets(self._task.args, self._endpoints_spec())
                return {**result, **self._execute(arguments, self._resolver(variables))}
            except BackhaulError as exc:
                return {**result, **as_result(exc)}

    def _endpoints_spec(self) -> Vars:
        names, spec = (self.endpoint_option, self.endpoint_list_option), self.module.argument_spec
        return {name: spec[name] for name in names if name}

    def _execute(self, arguments: Vars, resolver: EndpointResolver) -> Vars:
        """Run the module and return its result. Raises BackhaulError."""
        return self._run_here(self._resolved(arguments, resolver), resolver.variables)

    def _resolver(self, variables: Vars) -> EndpointResolver:
        return EndpointResolver(
            task=self._task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            variables=variables,
        )

    def _resolved(self, arguments: Vars, resolver: EndpointResolver) -> Vars:
        single, several = self.endpoint_option, self.endpoint_list_option
        arguments[single] = resolver.resolve(arguments.get(single), role=single)
        if isinstance(arguments.get(several), list):
            arguments[several] = [resolver.resolve(entry, role="destination") for entry in arguments[several]]
        return arguments

    def _heartbeat_seconds(self) -> float:
        given = self._task.args.get("heartbeat")
        seconds = float(_units.duration("10s" if given in (None, "") else given, option="heartbeat"))
        return 0.0 if self._task.no_log else seconds

    def _run_here(self, arguments: Vars, variables: t.Mapping[str, t.Any]) -> Vars:
        """Run the body in this process; with ``poll: 0`` start the module file in the background on this machine.

        A task with ``async`` and a ``poll`` above 0 runs in this process, too, with the same time limit: to poll a job,
        Ansible would need a shell on the play's host.
        """
        heartbeat_seconds = self._heartbeat_seconds()
        if self._is_for_the_background():
            return self._detach(arguments, variables)
        environment: Vars = {}
        compute: t.Callable[[Vars], str] = self._compute_environment_string
        compute(environment)
        with _environment({name: str(value) for name, value in environment.items()}):
            return run_body(
                self.module,
                arguments,
                check_mode=bool(self._task.check_mode),
                diff_mode=bool(self._task.diff),
                limit_seconds=self._take_limit_seconds(),
                shows_invocation=_shows_invocation(variables),
                sink=Heartbeat(heartbeat_seconds) if heartbeat_seconds else None,
                substitutes=self._substitutes(),
            )

    def _substitutes(self) -> SubstituteFiles:
        """Return the files that the body reads instead of those that the options name."""
        return SubstituteFiles()

    def _is_for_the_background(self) -> bool:
        return bool(self._task.async_val and not self._task.poll)

    def _detach(self, arguments: Vars, variables: t.Mapping[str, t.Any]) -> Vars:
        """Start the module file in the background. Its secrets are in its environment and in no file."""
        secrets: dict[str, str] = {}
        arguments = handover.extract_secrets(arguments, secrets, token=uuid.uuid4().hex)
        original = self._connection, self._play_context
        self._play_context = self._play_context.copy()
        # Not the shell of the play's host.
        self._play_context.shell, self._play_context.executable = "sh", "/bin/sh"
        self._connection = self._local_connection()
        try:
            with _environment(handover.as_environment(secrets)):
                return t.cast(
                    Vars,
                    self._execute_module(
                        module_name=self.module.name,
                        module_args=arguments,
                        task_vars=_with_this_python(variables, self._task.delegate_to),
                        wrap_async=True,
                    ),
                )
        finally:
            self._connection, self._play_context = original

    def _local_connection(self) -> t.Any:  # noqa: ANN401 - a connection plugin has no type of its own
        connection = connection_loader.get("ansible.builtin.local", self._play_context, os.devnull)
        connection.set_options(var_options={})
        connection._shell.set_options(var_options={})
        return connection

    def _take_limit_seconds(self) -> int:
        """Return the seconds of the task's ``async``, 0 for no limit, and reset ``async`` on the task."""
        if self._task.async_val:
            self._limit_seconds, self._task.async_val = self._task.async_val, 0
        return self._limit_seconds


def _shows_invocation(variables: t.Mapping[str, t.Any]) -> bool:
    """Return whether results contain the task's parameters: INJECT_INVOCATION, always true before ansible-core 2.21."""
    try:
        return bool(_constants.config.get_config_value("INJECT_INVOCATION", variables=variables))
    except AnsibleError:
        return True


def as_result(error: BackhaulError) -> Vars:
    """Return the failed result for an error that was raised before the module ran."""
    return {"failed": True, "changed": False, **error.to_fail_json()}


@contextlib.contextmanager
def _environment(added: t.Mapping[str, str]) -> t.Iterator[None]:
    """Add variables to the environment during the block."""
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _with_this_python(variables: t.Mapping[str, t.Any], delegate_to: str | None) -> Vars:
    """Return the task's variables for a local run with the interpreter that runs Ansible, which has paramiko."""
    local = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_shell_type": "sh",
        "ansible_become": False,
    }
    changed = {**variables, **local}
    delegated = dict(variables.get("ansible_delegated_vars") or {})
    if delegate_to in delegated:
        delegated[delegate_to] = {**delegated[delegate_to], **local}
        changed["ansible_delegated_vars"] = delegated
    return changed
