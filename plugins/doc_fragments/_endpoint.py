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
    - If the controller has an C(ssh), C(ssh -G) evaluates the host's SSH arguments and the C(ssh_config) files on the
      controller. C(HostName), C(Port), C(User), C(IdentityFile), C(CertificateFile), C(IdentitiesOnly),
      C(UserKnownHostsFile), C(GlobalKnownHostsFile), C(RevokedHostKeys), C(HostKeyAlias) and C(ProxyJump) then mean the
      same as for any other task on that host. No setting there weakens the verification.
    - Suboptions that are given here take precedence over the inventory.
    - An endpoint without any host is the host that the play runs on.
  type: str
host:
  description:
    - The name or address of the server.
  type: str
ssh_config:
  description:
    - Whether C(ssh -G) on the controller evaluates the C(ssh_config) files of the user who runs Ansible for a server
      that C(host) names. C(host) may then be an alias. Suboptions that are given take precedence.
    - For C(inventory_host) the files are always read.
    - This needs an C(ssh) on the controller.
  type: bool
  default: false
port:
  description:
    - The port of the SSH server. The default is that of the inventory or C(ssh_config), else V(22).
  type: int
user:
  description:
    - The user to log in as. The default is that of the inventory or C(ssh_config), else the user who runs Ansible.
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
    - Without any key, it is the first C(IdentityFile) of C(ssh_config) that can be used alone. The default keys in
      C(~/.ssh) are never tried.
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
    - Whether to also try the keys of an SSH agent. The agent is never forwarded.
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
    - As with C(ssh), a key that is listed for the host alone also counts for another port, if no key is listed for
      C([host]:port).
  type: raw
known_hosts_files:
  description:
    - Known-hosts files on the controller. Without this option, those that ssh reads.
    - A file that other users than its owner can write is refused.
  type: list
  elements: path
host_keys:
  description:
    - Pins. The public keys that the server may have (such as V(ssh-ed25519 AAAA...)), or their V(SHA256:...)
      fingerprints. When any are given, nothing else is trusted.
    - A text of several lines is read line by line, without blank lines and those that begin with C(#).
  type: list
  elements: str
host_key_alias:
  description:
    - The name to look up in known hosts instead of the server's address.
  type: str
revoked_host_keys:
  description:
    - Host keys that must not be trusted, even if another option vouches for them. Either lines of public keys, or the
      path of a file on the controller with such lines or with a key revocation list (see C(ssh-keygen -k)).
    - If it cannot be read, no server is trusted.
  type: str
algorithms:
  description:
    - Which SSH algorithms are offered.
    - V(default) offers algorithms without known weaknesses, AES-GCM first.
    - V(legacy) also offers, last, older algorithms for appliances without updates. The result has the negotiated ones,
      and a warning names a host key that is proven by SHA-1.
    - V(post_quantum) requires a key exchange that resists quantum computers. This needs paramiko 5.1 and a server with
      C(mlkem768x25519-sha256).
  type: str
  choices:
    - default
    - legacy
    - post_quantum
  default: default
connect_timeout:
  description:
    - The seconds for the connection including the login.
  type: float
  default: 20
operation_timeout:
  description:
    - The seconds within which the server must answer a single request.
    - A request to hash or to sync a file may take a second more for every 10 MB of the file, and a day at most. While a
      command hashes a file, the connection is checked once a minute.
    - All listings of a task may take a second more for every entry and three for every directory, and twelve hours at
      most.
  type: float
  default: 60
stall_timeout:
  description:
    - The seconds after which a transfer without progress is given up.
  type: float
  default: 60
keepalive:
  description:
    - The seconds between messages on an idle connection, so that firewalls keep it open; V(0) for none.
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
    - How the server may hash a file, which avoids reading it over the network.
    - V(extension) is the SFTP extension C(check-file); V(command) is C(openssl dgst), for large files, or C(sha256sum)
      through a constant command line, which needs a POSIX shell and gets the path on its standard input; V(auto)
      tries both in this order.
    - With V(auto) the extension is requested only from servers that announce it, and from ProFTPD, which supports it
      unannounced. Some servers end the session at an unknown extension. V(extension) says that this server supports it.
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
      V(sudo -n /usr/lib/openssh/sftp-server). It comes from the playbook alone; no file name is part of it.
  type: str
local:
  description:
    - Use the file system of the machine that runs the module instead of a server.
  type: bool
  default: false
jump:
  description:
    - The servers to connect through, the first one nearest to the controller. Each is verified and logged in to with
      its own settings, which are those of an endpoint.
    - The default is C(ProxyJump) of the inventory's SSH arguments or of C(ssh_config).
  type: list
  elements: dict
  default: []
  suboptions:
"""

_SOURCE_PATHS = r"""
path:
  description:
    - The path of a file or a directory. Exactly one of C(path) and C(paths) is needed.
    - A directory is relayed with its content. With a V(/) at the end, the content is copied into the destinations'
      directories, otherwise the directory itself.
    - A symbolic link is refused. In a directory, links and special files are not relayed, and are listed in
      RV(passed_over). Names that must not become part of a path are listed there, too, and fail the task after all
      other files were relayed.
  type: str
paths:
  description:
    - The paths of files, which are copied into the destinations' directories under their own names.
  type: list
  elements: str
"""

_DESTINATION_PATH = r"""
path:
  description:
    - The path of the copy. With a V(/) at its end it is a directory, and the copy has the source's name.
    - For several files it is always a directory, which must exist unless O(create_directories=true). The directories of
      a tree are always created in it, with the mode V(0755) unless the server changes it.
  type: str
  required: true
"""


_SUBOPTIONS = _HOP + _ENDPOINT_ONLY + textwrap.indent(_HOP, " " * 4)


def _option(head: str, suboptions: str) -> str:
    return f"options:\n{textwrap.indent(head.strip(), '  ')}\n    suboptions:\n{textwrap.indent(suboptions, ' ' * 6)}"


class ModuleDocFragment:
    """Describe one server, and how it is reached, trusted and logged in to.

    ansible-test's yamllint cannot read texts that are built at run time, and skips constants with an annotation.
    antsibull-docs and validate-modules read the result.
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
    - The server and the paths of the files there.
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
    - The places of the copies, each a server and a path there.
    - An entry without any of C(inventory_host), C(host) and C(local) is the host that the play runs on.
  type: list
  elements: dict
  required: true
""",
        _SUBOPTIONS + _DESTINATION_PATH,
    )
