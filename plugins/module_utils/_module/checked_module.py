# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""AnsibleModule with secrets that are checked before Ansible converts them."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from .._errors import InputError
from .secret_options import checked_arguments


class CheckedModule(AnsibleModule):
    """AnsibleModule; ``refusal`` is set when a secret has the wrong type, and there are no parameters then."""

    def _load_params(self) -> None:
        super()._load_params()  # type: ignore[no-untyped-call]  # of Ansible's
        self.refusal: InputError | None = None
        try:
            self.params, secrets = checked_arguments(self.params, self.argument_spec)
            self.no_log_values.update(secrets)
        except InputError as exc:
            # Nothing else is checked then, so that no other refusal shows a value.
            self.refusal, self.argument_spec = exc, {}
            self.params = {name: value for name, value in self.params.items() if name.startswith("_ansible_")}
