# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The options of a transfer and the route. ``module_utils/_options/transfer.py`` holds their spec."""

from __future__ import annotations


class ModuleDocFragment:
    """Describe when to copy, how to compare, how to verify, and the attributes of the copy."""

    DOCUMENTATION = r"""
options:
  if_exists:
    description:
      - What to do if a different file exists at the destination. A file with the same content is always left unchanged.
      - V(replace) replaces it in one step, after the new file was verified.
      - V(fail) fails with the code V(already_exists); V(skip) leaves it and reports the state V(skipped).
      - V(version) leaves it and writes the copy beside it, with the source's modification time in its name, as in
        C(db-20260102T030405Z.tar.gz).
    type: str
    choices:
      - fail
      - replace
      - skip
      - version
    default: replace
  compare:
    description:
      - How to find out whether the destination has the file already. Different sizes mean a different file.
      - V(auto) and V(checksum) compare SHA-256 digests, which the servers compute if they can; otherwise the file
        is read.
      - V(size_mtime) compares size and modification time only, which is a weak proof. A source that was written within
        two seconds before its inspection is compared by digests nevertheless.
      - A file that the destination's server fails to read counts as different, with a warning.
    type: str
    choices:
      - auto
      - checksum
      - size_mtime
    default: auto
  verify:
    description:
      - How to prove that the copy equals the source, before the copy gets its final name.
      - V(auto) uses the server's own SHA-256 if it can compute one, else the copy is read back.
      - V(server) accepts only the server's digest, V(readback) always reads the copy back.
      - V(acknowledged) checks only that every write was acknowledged and that the size is right, a weaker proof.
    type: str
    choices:
      - acknowledged
      - auto
      - readback
      - server
    default: auto
  source_digest:
    description:
      - How to prove that the source did not change while it was read. Its size and modification time must always
        be the same before and after.
      - A modification time counts whole seconds, and can be set back. With V(auto), a source that was written within
        two seconds before its inspection, or has a time in the future, is hashed once more after it was read, by its
        server or else by reading it again. The clock is that of the controller, and that of the source's server as far
        as access times show it.
      - With V(always) every source is hashed once more, which finds a change regardless of its time. This is one more
        pass of reading on the source's server.
      - A different digest fails with the code V(source_changed), and nothing is published.
    type: str
    choices:
      - always
      - auto
    default: auto
  preserve_mtime:
    description:
      - Whether the copy gets the source's modification time.
    type: bool
    default: true
  mode:
    description:
      - The permission bits of the copy, as octal digits in quotes such as V('0640'), or V(preserve) for those of the
        source.
      - Without it, a new file gets V('0600'), since a backup contains secrets. A replaced file keeps its permissions if
        it belongs to the account that is logged in at the destination, else the copy gets V('0600'). Check mode assumes
        that it does.
      - Set-id and sticky bits are set only if octal digits state them. They are never copied from a file.
    type: raw
  create_directories:
    description:
      - Whether to create the directories that lead to the copy.
    type: bool
    default: false
  resume:
    description:
      - Whether an interrupted transfer is continued, in a retry or in a later run.
      - The sent content is kept in a hidden file beside the destination. Its name is derived from the server, path,
        size and modification time of the source and from the credential. Only a file that belongs to the account itself
        is continued; any other is left alone, named in a warning, and the transfer starts over under another name.
        Before content is appended, the file is proven to be the beginning of the source, by digests of both servers or
        else by reading it. The whole copy is verified in the end.
      - Less than 1 MiB is not kept. After an error that would occur again, no content is kept.
    type: bool
    default: true
  lock_timeout:
    description:
      - How long to wait for another run that is copying the same file to the same path, from this controller or another
        one. If that run ends, its copy is found and nothing is sent; if it was killed, this run continues its partial
        file. After that time the destination fails with the code V(locked). Written like O(retry_delay).
      - Only runs with O(resume) that use the same private key or password detect each other. Others make a copy each,
        and the last one that is verified stays.
    type: str
    default: 10m
  streams:
    description:
      - Over how many channels of one connection a file is written at the same time. The default depends on the size of
        the file and the round trip. It is reduced if the server allows fewer.
      - With V(1), several files are copied one after the other, for a server that allows only one open file.
    type: int
  rate_limit:
    description:
      - The maximum of bytes per second that are read from the source, for all destinations together, as a size such as
        V(10MiB). The default has no limit.
    type: str
  max_memory:
    description:
      - The maximum memory for data in flight, for all destinations together, as a size of V(8MiB) or more. It does not
        grow with files or directories.
    type: str
    default: 64MiB
  retries:
    description:
      - How often to retry after a connection failed or was lost. A damaged or short copy is sent again once. No other
        failure is retried, and never a refused host key or login.
    type: int
    default: 3
  retry_delay:
    description:
      - The pause before the first retry, which doubles with each further one and varies at random. A number of seconds,
        or amounts with the units V(s), V(m) and V(h).
    type: str
    default: 1s
  heartbeat:
    description:
      - How often a line shows the progress while a transfer runs; V(0) for never. Written like O(retry_delay).
    type: str
    default: 10s
"""

    ROUTE = r"""
options:
  route:
    description:
      - Where the work runs, which also decides the path of the data.
      - V(controller) runs it on the controller, which reads from the source and writes to the destinations. They need
        only an SFTP server.
      - V(source) runs it on the host of the source, through Ansible's own connection to that host, with its own files
        as the source. It connects directly to each destination.
      - V(destination) runs it on the host of each destination, with its own files as the destination, and reads
        directly from the source. Hosts work one after the other; each reads the source for its own destinations.
      - The host that runs it needs Python 3.9 and paramiko 3.5 or newer. It must be a host of the inventory, named by
        C(inventory_host) or as the host of the play, since Ansible has no connection to one that only C(host) names. Of
        its suboptions only C(path) is used, as a path of its own file system. C(become), the interpreter and the
        connection are those of any module on that host.
      - The addresses of the other ends and their jumps must be valid on that host; a suboption C(host) takes precedence
        over the inventory.
      - The credentials, known hosts and revocations for the other ends are read on the controller and passed to the
        module. Known hosts of that host itself are not used, and its agent only if C(use_agent) is stated.
      - Since credentials are sent there, the host key of Ansible's own connection must be known to ssh, even with
        C(ANSIBLE_HOST_KEY_CHECKING=False).
      - No progress is shown, O(log_file) is a file on that host, and C(poll=0) is refused.
    type: str
    choices:
      - controller
      - destination
      - source
    default: controller
"""
