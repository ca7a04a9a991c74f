# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The options that name a server. ``module_utils/_options/endpoint.py`` holds their spec."""

from __future__ import annotations

import textwrap

_HOP = r"""
inventory_host:
  description:
    - The name of a host in the inventory. Address, port, user, password, private key and known-hosts settings are
      those of that host's own connection variables, with Ansible's own precedence. Nothing needs to be installed on it.
    - Where there is an C(ssh) on the controller, it is asked with C(ssh -G) what the host's SSH arguments and the
      C(ssh_config) files on the controller come to. C(HostName), C(Port), C(User), C(IdentityFile), C(CertificateFile),
      C(IdentitiesOnly), C(UserKnownHostsFile), C(GlobalKnownHostsFile), C(RevokedHostKeys), C(HostKeyAlias) and
      C(ProxyJump) then mean what they mean for any other task on that host. Nothing in there makes trust looser.
    - A suboption that is given here as well wins over what the inventory says.
    - An endpoint that names no host at all is the host that the play runs on.
  type: str
host:
  description:
    - The name or address of the server.
  type: str
ssh_config:
  description:
    - For a server that C(host) spells out, whether to ask C(ssh -G) on the controller what the C(ssh_config) files of
      the user who runs Ansible say about it. C(host) may then be an alias. Suboptions that are given win.
    - For C(inventory_host) the files are read in any case.
    - This needs an C(ssh) on the controller.
  type: bool
  default: false
port:
  description:
    - The port of the SSH server. Without it, what the inventory or C(ssh_config) says, else V(22).
  type: int
user:
  description:
    - Who to log in as. Without it, what the inventory or C(ssh_config) says, else the user who runs Ansible.
  type: str
password:
  description:
    - The password, for the methods V(password) and V(keyboard-interactive). It is sent only after the server's host
      key was verified.
  type: str
private_key:
  description:
    - The text of a private key in OpenSSH, PEM or PKCS#8 form, for example from a vault.
  type: str
private_key_file:
  description:
    - The path of a private key on the controller. It may be encrypted with Ansible Vault.
    - Without any key, it is the first C(IdentityFile) of C(ssh_config) that can be used by itself. The default keys
      in C(~/.ssh) are never tried.
  type: path
private_key_passphrase:
  description:
    - The passphrase of the private key.
  type: str
certificate:
  description:
    - A user certificate for the private key, as text or as the path of a C(-cert.pub) file on the controller.
  type: str
use_agent:
  description:
    - Whether to try the keys of an SSH agent, too. The agent is never forwarded.
  type: bool
  default: true
authentications:
  description:
    - The authentication methods to try, in this order. Each credential is tried once, and failures are never retried.
  type: list
  elements: str
  choices:
    - certificate
    - key
    - agent
    - password
    - keyboard-interactive
  default:
    - certificate
    - key
    - agent
    - password
    - keyboard-interactive
known_hosts:
  description:
    - Lines as in a known_hosts file (see sshd(8)), which vouch for host keys, as one text or as a list.
    - As for C(ssh), a key that is listed for the host alone counts for another port, too, where no key is listed for
      C([host]:port).
  type: raw
known_hosts_files:
  description:
    - Known-hosts files on the controller. Without this option, those that ssh reads.
    - A file that others than its owner can write is refused.
  type: list
  elements: path
host_keys:
  description:
    - Pins. The public keys that the server may have (such as V(ssh-ed25519 AAAA...)), or their V(SHA256:...)
      fingerprints. When any are given, nothing else is trusted.
    - A text of several lines counts line by line, blank lines and those that begin with C(#) apart.
  type: list
  elements: str
host_key_alias:
  description:
    - The name to look up in known hosts instead of the server's address.
  type: str
revoked_host_keys:
  description:
    - Host keys that must not be trusted whatever else vouches for them, as lines of public keys, or as the path of a
      file on the controller with such lines or with a key revocation list (see C(ssh-keygen -k)).
    - When it cannot be read, no server is trusted.
  type: str
algorithms:
  description:
    - Which SSH algorithms are offered.
    - V(default) offers what is sound today, AES-GCM first.
    - V(legacy) offers, behind everything else, what appliances need that see no updates any more. The result names what
      was agreed on, and warns of a host key that is proven by SHA-1.
    - V(post_quantum) insists on a key exchange that withstands quantum computers, which needs paramiko 5.1 and a server
      that has C(mlkem768x25519-sha256).
  type: str
  choices:
    - default
    - legacy
    - post_quantum
  default: default
connect_timeout:
  description:
    - The seconds within which everything up to the login must be done.
  type: float
  default: 20
operation_timeout:
  description:
    - The seconds within which the server must answer a single request.
    - A request to hash a file, or to bring it to disk, may take a second more for every 10 MB of the file, and not
      more than a day. While a command hashes a file, the server is asked once a minute whether it is still there.
    - All listings of a task may take a second more for every entry and three for every directory, and not more than
      twelve hours.
  type: float
  default: 60
stall_timeout:
  description:
    - The seconds after which a transfer that makes no progress is given up.
  type: float
  default: 60
keepalive:
  description:
    - The seconds between messages that keep firewalls from forgetting an idle connection; V(0) for none.
  type: float
  default: 15
compression:
  description:
    - Whether to compress the connection. Backups are mostly compressed already.
  type: bool
  default: false
"""

_ENDPOINT_ONLY = r"""
remote_checksum:
  description:
    - How the server may be asked to hash a file, which spares reading it over the network.
    - V(extension) is the SFTP extension C(check-file); V(command) is C(openssl dgst), for large files, or C(sha256sum)
      through a constant command line, which needs a POSIX shell and gets the path on its standard input; V(auto)
      tries both in this order.
    - With V(auto) the extension is asked for only of servers that announce it, and of ProFTPD, which answers it
      unannounced. Some servers end the session at an extension that they do not know. V(extension) says that this
      server answers it.
  type: str
  choices:
    - auto
    - command
    - extension
    - never
  default: auto
server_command:
  description:
    - The command that starts the SFTP server, in place of the SSH subsystem, such as
      V(sudo -n /usr/lib/openssh/sftp-server). It comes from the playbook alone; no file name is ever part of it.
  type: str
local:
  description:
    - Use the file system of the machine that runs the module instead of a server.
  type: bool
  default: false
jump:
  description:
    - The servers to go through, the first one nearest to the controller. Each is verified and logged in to with its own
      settings, which are those of an endpoint.
    - Without it, what C(ProxyJump) in the inventory's SSH arguments or in C(ssh_config) says.
  type: list
  elements: dict
  default: []
  suboptions:
"""

_SOURCE_PATHS = r"""
path:
  description:
    - The path of a file or a directory. Exactly one of C(path) and C(paths) is needed.
    - A directory is relayed with everything in it. With a V(/) at the end, it is its content that comes into the
      destinations' directories, otherwise the directory itself.
    - A symbolic link is refused. In a directory, links and special files are not relayed, and are listed in
      RV(passed_over). Names that must not become part of a path are listed there too, and make the task fail after all
      else was relayed.
  type: str
paths:
  description:
    - The paths of files, which come into the destinations' directories under their own names.
  type: list
  elements: str
"""

_DESTINATION_PATH = r"""
path:
  description:
    - The path of the copy. With a V(/) at its end it is a directory, and the copy has the source's name.
    - For several files it is a directory in any case, which must be there already unless O(create_directories=true).
      The directories of a tree are always created in there, with the mode V(0755) where the server leaves it at that.
  type: str
  required: true
"""


_SUBOPTIONS = _HOP + _ENDPOINT_ONLY + textwrap.indent(_HOP, " " * 4)


def _option(head: str, suboptions: str) -> str:
    return f"options:\n{textwrap.indent(head.strip(), '  ')}\n    suboptions:\n{textwrap.indent(suboptions, ' ' * 6)}"


class ModuleDocFragment:
    """One server, and how it is reached, trusted and logged in to.

    The texts are put together, which ansible-test's yamllint cannot read; it leaves out what has an annotation.
    What they come to is read by antsibull-docs and validate-modules.
    """

    DOCUMENTATION: str = _option(
        r"""
endpoint:
  description:
    - The server. Without any of C(inventory_host), C(host) and C(local) it is the host that the play runs on.
  type: dict
  default: {}
""",
        _SUBOPTIONS,
    )

    SOURCE: str = _option(
        r"""
source:
  description:
    - Where the files are, a server and their paths there.
    - Without any of C(inventory_host), C(host) and C(local) the server is the host that the play runs on.
  type: dict
  required: true
""",
        _SUBOPTIONS + _SOURCE_PATHS,
    )

    DESTINATIONS: str = _option(
        r"""
destinations:
  description:
    - Where copies are to be, each a server and a path there.
    - An entry without any of C(inventory_host), C(host) and C(local) is the host that the play runs on.
  type: list
  elements: dict
  required: true
""",
        _SUBOPTIONS + _DESTINATION_PATH,
    )
