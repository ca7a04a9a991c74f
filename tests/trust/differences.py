# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All accepted differences between the decisions of ssh and of the trust store. Any other difference is a bug."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.backhaul.sftp.plugins.module_utils._trust.trust_store import TrustedKey

from . import oracle
from .cases import Difference, offer, run_ssh

# ssh accepts the key, the trust store refuses it.
STRICTER: dict[str, t.Callable[[Difference], bool]] = {
    "a plain key known for the host alone does not stand in where [host]:port has another": lambda d: (
        d.code == "host_key_mismatch"
        and "found matching key w/out port" in d.transcript
        and d.is_under_name_without_port()
    ),
    "a revocation under the host alone applies to [host]:port": lambda d: (
        d.code == "host_key_revoked"
        and d.place.startswith("@revoked ")
        and d.is_under_name_without_port()
        and "cannot be read" not in str(d.decision)
    ),
    "a revocation of an address applies with a zone behind it": lambda d: (
        d.code == "host_key_revoked" and "%" in d.case.target.host and d.place.startswith("@")
    ),
    "a revocation with a tab behind its marker counts": lambda d: (
        d.code == "host_key_revoked" and d.place.startswith("@revoked\t") and "cannot be read" not in str(d.decision)
    ),
    "a @revoked line that cannot be read, or an unknown marker, refuses": lambda d: (
        d.code == "host_key_revoked" and "cannot be read" in str(d.decision) and d.place.startswith("@")
    ),
    "an invalid certificate of a trusted authority is not excused by a known plain key": lambda d: (
        d.code == "host_certificate_invalid"
        and any(text in d.transcript for text in ("Certificate invalid", "unsupported", "disallowed", "not allowed"))
    ),
    "a certificate without principals is for nobody (as in OpenSSH 10.3)": lambda d: (
        d.code == "host_certificate_invalid" and d.certificate is not None and not d.certificate.options["principals"]
    ),
    "an authority's RSA key has at least 2048 bits": lambda d: (
        d.code == "host_certificate_invalid" and d.certificate is not None and d.certificate.authority.kind == "rsa1024"
    ),
    "a host's RSA key has at least 2048 bits": lambda d: (
        d.code == "algorithm_mismatch" and any(key.kind == "rsa1024" for key in d.case.keys)
    ),
    "of several keys another one is asked for first, and with that order ssh refuses too": lambda d: (
        not d.case.algorithms and not _ssh_accepts_our_offer(d)
    ),
}

# The trust store accepts the key, ssh refuses it: the installed OpenSSH is older than the one that accepts it, or ssh
# chose another key of the server.
WIDER: dict[str, t.Callable[[Difference], bool]] = {
    "a principal may hold wildcards (as in OpenSSH 10.3)": lambda d: (
        isinstance(d.decision, TrustedKey)
        and d.decision.trusted_by == "certificate"
        and "name is not a listed principal" in d.transcript
        and d.certificate is not None
        and "*" in d.certificate.options["principals"]
    ),
    "of several keys only those that could be verified are asked for, and with that offer ssh accepts too": lambda d: (
        isinstance(d.decision, TrustedKey) and not d.case.algorithms and _ssh_accepts_our_offer(d)
    ),
}


def _ssh_accepts_our_offer(difference: Difference) -> bool:
    """Return whether ssh accepts the server when it offers the same host key algorithms in the same order."""
    return run_ssh(replace(difference.case, algorithms=",".join(offer(difference.store)))).accepted


def is_obsolete(name: str) -> bool:
    """Return whether the installed ssh no longer has this difference, because OpenSSH changed its behaviour."""
    return name.endswith("(as in OpenSSH 10.3)") and oracle.version() >= (10, 3)


def explanations(difference: Difference) -> list[str]:
    """Return the names of the accepted differences that explain this difference."""
    table = WIDER if isinstance(difference.decision, TrustedKey) else STRICTER
    return [name for name, explains in table.items() if explains(difference)]
