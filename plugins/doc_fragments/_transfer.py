# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The options of a transfer and the route. ``module_utils/_options/transfer.py`` holds their spec."""

from __future__ import annotations


class ModuleDocFragment:
    """When to copy, how to compare, how to prove, and what the copy is to look like."""

    DOCUMENTATION = r"""
options:
  if_exists:
    description:
      - What to do when a different file is at the destination already. A file with the same content is always left
        as it is.
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
      - How to find out whether the destination has the file already. Sizes that differ settle it at once.
      - V(auto) and V(checksum) compare SHA-256 digests, which the servers compute where they can; a server that cannot
        has its file read.
      - V(size_mtime) compares size and modification time only, which proves little and must be asked for. A source
        that was written within two seconds before it is looked at is compared by digests all the same.
      - A file that the destination's server fails to read is not the same as the source, and a warning tells of it.
    type: str
    choices:
      - auto
      - checksum
      - size_mtime
    default: auto
  verify:
    description:
      - How to prove that what arrived is what left, before the copy gets its final name.
      - V(auto) takes the server's own SHA-256 where it can compute one, else it reads the copy back.
      - V(server) insists on the server's digest, V(readback) on reading it back.
      - V(acknowledged) is content with the server's acknowledgement of every write and the size. It proves less and
        must be asked for.
    type: str
    choices:
      - acknowledged
      - auto
      - readback
      - server
    default: auto
  source_digest:
    description:
      - How to prove that the source did not change while it was read. Its size and modification time must be the same
        before and after in any case.
      - A modification time counts whole seconds, and can be set back. With V(auto), a source that was written within
        two seconds before it is looked at, or has a time in the future, is hashed once more after it was read, by its
        server or else by reading it again. The clock is that of the controller, and that of the source's server as far
        as access times tell it.
      - With V(always) every source is hashed once more, so that a change is found whatever its time says. This is one
        more pass of reading on the source's server.
      - A digest that differs fails with the code V(source_changed), and nothing is published.
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
      - Without it, a new file gets V('0600'), since a backup tells everything. A file that is replaced keeps its
        permissions if it belongs to the account that is logged in at the destination, else the copy gets V('0600').
        Check mode takes it for the account's.
      - Set-id and sticky bits are set only where octal digits state them. They are taken over from no file.
    type: raw
  create_directories:
    description:
      - Whether to create the directories that lead to the copy.
    type: bool
    default: false
  resume:
    description:
      - Whether a transfer that was interrupted goes on where it ended, in a retry or in a later run.
      - What was sent is kept then, in a hidden file beside the destination whose name stands for this very source, its
        server, path, size and modification time, and for the credential that is used. Only a file that belongs to the
        account itself is gone on with; any other is left alone, named in a warning, and the transfer starts over under
        another name. Before anything is added to it, its content is proven to be the
        beginning of the source, by digests of both servers or else by reading it. The finished copy is verified as a
        whole, as any other.
      - Less than 1 MiB is not kept, and nothing is after an error that going on would not mend.
    type: bool
    default: true
  lock_timeout:
    description:
      - How long to wait for another run that is bringing the same file to the same place, from this controller or from
        another one. When that run is done, its copy is found and nothing is sent; if it died, this run goes on with
        what it left. After that time the destination fails with the code V(locked). Written like O(retry_delay).
      - Only runs with O(resume) that use the same private key or password know of each other. Without it, each makes a
        copy of its own, and the last one that is verified is the one that stays.
    type: str
    default: 10m
  streams:
    description:
      - Over how many channels of one connection a file is written at once. Without it, as many as the size of the file
        and the distance of the server make worth while.
      - A server that allows fewer gets fewer.
      - With V(1), several files are copied one after the other, for a server that lets only one be open at a time.
    type: int
  rate_limit:
    description:
      - How many bytes per second may be read from the source at most, all destinations together, as a size such as
        V(10MiB). Without it there is no limit.
    type: str
  max_memory:
    description:
      - How much memory the data on its way may take, all destinations together, as a size of V(8MiB) or more. It does
        not grow with files or directories.
    type: str
    default: 64MiB
  retries:
    description:
      - How often to try again after a connection failed or was lost. A copy that arrived damaged or short is sent
        again once. Nothing else is retried, and never a refused host key or login.
    type: int
    default: 3
  retry_delay:
    description:
      - The pause before the first retry, which doubles with each further one and is varied at random. A number of
        seconds, or amounts with the units V(s), V(m) and V(h).
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
      - Where the work runs, and so which way the data takes.
      - V(controller) runs it on the controller, which reads from the source and writes to the destinations. Nothing is
        needed on them but an SFTP server.
      - V(source) runs it on the host of the source, through Ansible's own connection to that host, with its own files
        as the source. From there it talks straight to each destination.
      - V(destination) runs it on the host of each destination, with its own files as the destination, and reads
        straight from the source. Hosts work one after the other; each reads the source for its own destinations.
      - The host that runs it needs Python 3.9 and paramiko 3.5 or newer. It must be a host of the inventory, named by
        C(inventory_host) or as the host of the play, since Ansible has no way to one that C(host) spells out. Of its
        suboptions only C(path) counts, as a path of its own file system. C(become), the interpreter and the connection
        are those of any module on that host.
      - The addresses of the other ends and their jumps must be right from there; a suboption C(host) wins over the
        inventory.
      - Whatever is needed to log in and to trust the other ends is read on the controller and handed to the module,
        known hosts and revocations included. Known hosts and agents of that host itself are not used, the latter unless
        C(use_agent) is stated.
      - Since credentials go there, the host key of Ansible's own connection must be known to ssh, whatever
        C(ANSIBLE_HOST_KEY_CHECKING) says.
      - No progress is shown meanwhile, O(log_file) is a file on that host, and C(poll=0) is refused.
    type: str
    choices:
      - controller
      - destination
      - source
    default: controller
"""
