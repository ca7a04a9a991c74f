# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""The options that choose a backup. ``module_utils/_options/selection.py`` holds their spec."""

from __future__ import annotations


class ModuleDocFragment:
    """Describe which files are listed, which of them are good, and which is the newest."""

    DOCUMENTATION = r"""
options:
  patterns:
    description:
      - Globs that a file's base name must match, at least one of them; without patterns every name matches.
      - A pattern matches the whole name and case matters. V(*) and V(?) match a leading dot like any other character.
      - With O(use_regex=true) these are regular expressions, which must also match the whole name.
      - Patterns apply to base names only, never to directories.
    type: list
    elements: str
    default: []
  excludes:
    description:
      - Globs, or with O(use_regex=true) regular expressions; a file whose base name matches one of them is left out.
    type: list
    elements: str
    default: []
  use_regex:
    description:
      - Whether O(patterns) and O(excludes) are Python regular expressions instead of globs.
      - Names of more than 255 characters are passed over as V(name_too_long). A match that takes more than a second is
        an error.
    type: bool
    default: false
  recurse:
    description:
      - Whether to also list the directories below. Symbolic links to directories are never followed.
    type: bool
    default: false
  depth:
    description:
      - How many levels of directories to list with O(recurse=true); V(1) is the directory itself. The default has no
        limit.
    type: int
  file_type:
    description:
      - What to select.
      - With the default, symbolic links, directories, devices, pipes and sockets are skipped and reported.
    type: str
    choices:
      - any
      - directory
      - file
      - link
    default: file
  hidden:
    description:
      - Whether files whose names begin with a dot may be selected.
    type: bool
    default: false
  ignore_temporary:
    description:
      - Whether to skip files with names of incomplete files, which end in C(.part), C(.tmp), C(.filepart) or C(~) in
        upper or lower case, and the temporary files of this collection.
    type: bool
    default: true
  order_by:
    description:
      - What makes a file newer than another one.
      - V(mtime) is the modification time.
      - V(name) compares the bytes of the base names; C(db-9) comes after C(db-10).
      - V(name_time) is the time that is written in the name; see O(time_format). It survives copying and restoring,
        which modification times often do not.
      - V(size) puts the largest file first.
      - Equal files are ordered by their names and then by their paths, the greater one first. If that decided which
        file is the latest, RV(tied_with) names the other.
      - A file's time is its modification time, and with V(name_time) the time in its name. O(max_age),
        O(fresh_within) and O(future) use that time.
    type: str
    choices:
      - mtime
      - name
      - name_time
      - size
    default: mtime
  time_format:
    description:
      - The format of the time in a name, required with O(order_by=name_time).
      - The format is searched for anywhere in the base name, and the leftmost valid time counts. Text around the
        directives makes the match unique, as in V(backup-%Y%m%d-%H%M%S).
      - Supported are C(%Y), C(%y), C(%m), C(%d), C(%j), C(%H), C(%M), C(%S), C(%b) and C(%B) (English names), C(%s)
        (seconds since 1970), C(%z) (C(+0200), C(+02:00) or C(Z)), C(%Z) (C(UTC), C(GMT) or C(Z)) and C(%%).
      - Numbers have all their digits, such as C(07) for July. At both ends of the format they are not part of a longer
        number.
      - A file without such a time in its name is skipped with the reason V(no_time_in_name).
    type: str
  time_zone:
    description:
      - The time zone of the times in names, unless O(time_format) has C(%z), C(%Z) or C(%s).
      - Either V(utc), a fixed offset such as V(+02:00), the name of a zone such as V(Europe/Berlin), or V(local) for
        the time zone of the machine that runs the module.
    type: str
    default: utc
  limit:
    description:
      - Return at most this many files, the newest ones. The default returns all that qualify, up to 100,000 files or
        32 MiB of paths; a warning says when that is less than all.
      - With a limit, memory does not grow with the number of files on the server.
    type: int
  min_age:
    description:
      - Skip files that were modified more recently than this, because they may still be written.
      - This always uses the modification time, also with O(order_by=name_time).
      - A number of seconds, or amounts with the units V(s), V(m), V(h), V(d) and V(w), such as V(15m), V(36h) or V(1w
        2d).
    type: str
  max_age:
    description:
      - Skip files whose time is longer ago than this. Written like O(min_age).
    type: str
  min_size:
    description:
      - Skip regular files that are smaller than this. The default skips empty files.
      - A number of bytes, or an amount with a unit. V(kB), V(MB), V(GB) and V(TB) are powers of 1000; V(KiB), V(MiB),
        V(GiB) and V(TiB) are powers of 1024, and so are V(k), V(M), V(G) and V(T) alone.
    type: str
    default: '1'
  max_size:
    description:
      - Skip regular files that are bigger than this. Written like O(min_size).
    type: str
  stable_for:
    description:
      - Inspect the selected files a second time after this delay, and fail with the code V(incomplete) if the size, the
        modification time or the type of one of them has changed. Written like O(min_age).
    type: str
  shrink_limit:
    description:
      - Fail with the code V(suspicious) when the newest file is smaller than this share of the one before, which
        often means that a backup was cut short.
      - A number from V(0) to V(1), or a percentage such as V(50%).
      - The one before is the next file that qualifies, or else the newest of those that O(max_age) skipped.
    type: str
  future:
    description:
      - What to do about files whose time is in the future, which would count as the newest.
      - V(refuse) fails with the code V(suspicious) if the newest file is one of them, or with O(order_by=mtime) if the
        modification time of the newest file is zero.
      - V(skip) skips them with the reason V(future), and refuses a modification time of zero like V(refuse).
      - V(allow) accepts all times.
    type: str
    choices:
      - allow
      - refuse
      - skip
    default: refuse
  future_tolerance:
    description:
      - How far in the future a time may be before O(future) applies, because clocks differ. Written like O(min_age).
    type: str
    default: 5m
  fresh_within:
    description:
      - Fail with the code V(stale) if the newest file's time is longer ago than this, because the job that makes the
        backups may have stopped. Written like O(min_age).
      - Unlike O(max_age) the error names the file that is too old.
    type: str
  checksum:
    description:
      - Compute this digest of each returned file, by the server if it can, else by reading the file.
      - Set O(limit) to hash only as many files as needed.
    type: str
    choices:
      - none
      - sha256
      - sha512
    default: none
  when_none:
    description:
      - What to do when no file qualifies.
      - V(fail) fails with the code V(no_match); the error has the number of skipped files for each reason.
      - V(ok) succeeds and returns no files. O(fresh_within) has no effect then.
    type: str
    choices:
      - fail
      - ok
    default: fail
"""
