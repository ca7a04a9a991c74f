# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault that must be survived or refused, one row each, and what a user may expect of it.

A test is bound to its row by ``@pytest.mark.fault("names.traversal")``; ``test_catalogue.py`` sees to it that every row
has one, and ``tests/tools/reliability.py`` makes the tables of ``docs/reliability.md`` of all this.
"""

from __future__ import annotations

from dataclasses import dataclass

SECTIONS = {
    "names": "Names",
    "selection": "Choosing the newest",
    "transport": "The way to the server",
    "protocol": "What the server says",
    "writing": "Writing and publishing",
    "concurrency": "Several at once, and crashes",
    "secrets": "Secrets and output",
    "odd": "Neighbours, habits and odd servers",
}
# The sections whose rows must have their tests.
COMPLETE = tuple(SECTIONS)


@dataclass(frozen=True)
class Row:
    """One fault and what is expected of it, both in Markdown of one line.

    ``awaits`` is a file of the collection without which the fault cannot happen yet: once that exists, a test is due.
    """

    fault: str
    expected: str
    awaits: str = ""


ROWS: dict[str, Row] = {
    "names.traversal": Row(
        "a listing has `../x`, `a/b`, `/etc/x`, an empty name, one with a NUL or a backslash",
        "left out and reported as `suspicious_name`; never joined to a path. The copy of a directory with such a name "
        "fails as `suspicious`, once all the rest is copied",
    ),
    "names.twice": Row(
        "a listing has the same name twice",
        "`suspicious` where it is the newest; any other counts once, and is reported as `suspicious_name`",
    ),
    "names.awkward": Row(
        "newline, escape sequence, control or bidirectional characters, 255 bytes, a leading `-` or `~`, glob, shell "
        "and template characters",
        "listed, shown escaped, selected only if a pattern says so, relayed under exactly these bytes",
    ),
    "names.not_utf8": Row(
        "a name that is not UTF-8",
        "the listing goes on; the name stays as its bytes, is shown escaped and given as base64 too",
    ),
    "names.destination_name": Row(
        "the source's server chooses what the copy is called",
        "the destination is the path that was asked for plus a checked name, never anything outside",
    ),
    "names.no_regular_file": Row(
        "the newest is a symlink, a loop of them, a link out of the folder, a FIFO, a device or a directory",
        "never chosen as a file, never opened; `invalid_input` where a link, FIFO or device is named as a source",
    ),
    "names.swapped": Row(
        "the source is replaced by something else between the look at it and opening it",
        "what was opened is asked again and must agree: `source_changed`, nothing is published",
    ),
    "names.becomes_link": Row(
        "the source becomes a link between the look at it and opening it, with the same size and time",
        "another file is never read: `source_changed`; a link that is named is refused, or with `sftp_put` followed "
        "where its owner may read what it leads to",
    ),
    "names.folded": Row(
        "a destination that folds names: letter case, Unicode normalization, dots and spaces at the end",
        "no copy of a task replaces another copy of the same task: `already_exists` with both names; a warning names "
        "such names before anything is sent",
    ),
    "names.no_destination": Row(
        "the destination is a directory, a symlink, a FIFO, or its directory is missing or read-only",
        "said before a byte of the source is read",
    ),
    "selection.ties": Row(
        "several files of the same time",
        "one rule decides, the same on every run whatever the order of the listing, and the tie is reported",
    ),
    "selection.odd_times": Row(
        "times in the future, of zero, or past 2106 and so wrapped round",
        "the future is refused or skipped, as `future` says; old times make old files",
    ),
    "selection.attributes_missing": Row(
        "a listing without size, time or mode",
        "asked again for that file; what is still missing then is refused as `suspicious`",
    ),
    "selection.unfinished": Row(
        "the newest is still growing, is replaced while it is looked at, is empty or has shrunk",
        "`incomplete` or `suspicious`, and never relayed",
    ),
    "selection.endless": Row(
        "a listing that never ends, repeats itself, or consists of empty packets",
        "an error after a bound; never the newest so far",
    ),
    "selection.listing_fails": Row(
        "a listing that fails in the middle",
        "an error; never the newest so far",
    ),
    "selection.million": Row(
        "a million entries",
        "the newest of them, in memory that does not grow with their number",
    ),
    "selection.nothing_good": Row(
        "nothing matches; all is too old; all is too small",
        "`no_match`, whose `details.reason` says which; `stale` where the newest is older than `fresh_within`",
    ),
    "transport.silent": Row(
        "a banner that never comes or never ends, a key exchange or a login that stalls, a subsystem without an answer",
        "`timed_out` within one deadline for all of it, and the message names the phase",
    ),
    "transport.stall": Row(
        "the server stops in the middle, the connection is half open, or a byte a second drips in",
        "`timed_out` after `stall_timeout`, retried; the partial file is kept to go on with",
    ),
    "transport.cut": Row(
        "the connection is reset at any byte, or the server dies and comes back",
        "connected again after a growing, jittered pause; the transfer goes on and its result is the same",
    ),
    "transport.damage": Row(
        "a flipped bit, a wrong MAC, an oversized packet, a flood past the window",
        "the connection is closed and what came is discarded; nothing of it is published",
    ),
    "transport.rekey": Row(
        "new keys in the middle of a transfer, wanted by either side",
        "the copy is byte for byte the source",
    ),
    "transport.other_key": Row(
        "another host key when keys are renewed",
        "refused like at the beginning: `host_key_mismatch`",
    ),
    "transport.busy": Row(
        "the server takes no more connections or sessions",
        "fewer channels, then pauses and retries, and `server_busy` in the end",
    ),
    "transport.dead_address": Row(
        "a name with several addresses, of which the first is dead",
        "the others are tried within the same deadline",
    ),
    "transport.noise": Row(
        "a start-up file of the account's shell prints something before the protocol",
        "`protocol_violation`, and the message says where it comes from and what to do",
    ),
    "protocol.matching": Row(
        "replies with the id of no request, of the wrong type, or in another order",
        "replies are matched by id, whatever their order; anything else is a `protocol_violation`",
    ),
    "protocol.malformed": Row(
        "a STATUS that is cut short or has an unknown code, truncated attributes or names, an absurd length",
        "`protocol_violation` or a plain failure; no hang, and no success",
    ),
    "protocol.no_data": Row(
        "data of zero length, or more of it than was asked for",
        "`protocol_violation`; no hang, and no success",
    ),
    "protocol.short_reads": Row(
        "reads that return less than was asked for",
        "the gap is asked for again; the copy is byte for byte the source",
    ),
    "protocol.early_end": Row(
        "the file ends before the size that was announced",
        "`short_transfer`, after one more attempt; nothing is published",
    ),
    "protocol.more_data": Row(
        "the file has more data than the size that was announced",
        "`source_changed`; nothing is published",
    ),
    "protocol.absurd_size": Row(
        "a file that claims 2^63 bytes",
        "nothing of that size is reserved or waited for; an error, and nothing is published",
    ),
    "protocol.limits": Row(
        "limits of 0, of 1 byte, or absurd ones; no extensions at all",
        "a sane floor and ceiling apply, and the relay works",
    ),
    "protocol.anything": Row(
        "any reply changed at random, of source or destination, in any state",
        "never success with wrong bytes, never a hang, never a traceback, never memory without bounds",
    ),
    "writing.write_fails": Row(
        "one write in the middle is refused while later ones succeed",
        "the relay fails; nothing is under the final name, and the old file is as it was",
    ),
    "writing.close_fails": Row(
        "CLOSE is refused, as for a quota that is noticed late",
        "the relay fails; nothing is under the final name, and the old file is as it was",
    ),
    "writing.sync_fails": Row(
        "fsync is refused",
        "the relay fails; nothing is under the final name, and the old file is as it was",
    ),
    "writing.disk_full": Row(
        "the disk is full, the quota used up, or files are limited in size",
        "`no_space`, or what the server can say of it; nothing is under the final name, and the old file is as it was",
    ),
    "writing.no_extensions": Row(
        "no fsync, no posix-rename, no setstat, no statvfs",
        "the relay works and its result says what was not possible; without posix-rename the old file is moved aside, "
        "and back when something fails",
    ),
    "writing.rename_refused": Row(
        "the server refuses the last rename",
        "`publish_failed`; the old file is as it was",
    ),
    "writing.rename_unanswered": Row(
        "the connection is lost before the answer to the last rename",
        "after connecting again the truth is looked up before anything is called failed or done",
    ),
    "writing.planted": Row(
        "a file or a symlink waits where the temporary file is to be",
        "never written through: temporary files are created exclusively, with mode 0600 from the start",
    ),
    "writing.read_only": Row(
        "a read-only server",
        "said before the source is read",
    ),
    "writing.lying_digest": Row(
        "the server lies about its digest",
        "found by `verify: readback`: `digest_mismatch`",
    ),
    "writing.unreadable_copy": Row(
        "an old copy that its server fails to read",
        "replaced, and said: `compared_by` is `unreadable`, with a warning; one that may not be read is an error",
    ),
    "writing.moved_away": Row(
        "the server moves the file away once it is closed",
        "an error with a clear code",
    ),
    "concurrency.killed": Row(
        "the module is killed (`-9`) at any step of the protocol",
        "never a broken file under the final name; the next run ends right and removes only what is ours",
    ),
    "concurrency.same_job": Row(
        "two runs of the same job at once",
        "one does it; the other waits and finds it unchanged, or fails with `locked`",
    ),
    "concurrency.written_unseen": Row(
        "the source is rewritten while it is read, with the same size and time",
        "a source that was written just now is hashed again after it was read, and with `source_digest: always` any: "
        "`source_changed`, nothing is published",
    ),
    "concurrency.three_outcomes": Row(
        "three destinations: one refuses, one is full, one is slow",
        "three outcomes of their own; `min_success` decides, and the slow one holds nobody back",
    ),
    "concurrency.prune": Row(
        "old backups are pruned while a relay runs",
        "neither harms the other",
        awaits="plugins/modules/sftp_prune.py",
    ),
    "concurrency.cancelled": Row(
        "the job is cancelled (SIGTERM), or the interpreter ends",
        "connections are closed; what is left behind is clean or can be gone on with",
    ),
    "secrets.canary": Row(
        "a password, a passphrase and a key in every option that takes one, at `-vvvv`, in failures and async jobs",
        "in no output, temporary file, process list or report",
    ),
    "secrets.remote_text": Row(
        "text of a server with `{{ }}`, escape sequences, or a megabyte of error message",
        "inert, escaped and cut",
    ),
    "odd.long_names": Row(
        "names of 100 kB, of files, directories or links",
        "`protocol_violation` at the first of them; memory stays flat",
    ),
    "odd.slow_listing": Row(
        "a listing of which an entry, or an empty packet, comes every two seconds for ever",
        "`timed_out`, once it took longer than `operation_timeout` and a second for each entry",
    ),
    "odd.slow_pattern": Row(
        "a name on which a regular expression of `use_regex` takes exponential time",
        "`invalid_input` after a second, and the error names both; longer names are passed over as `name_too_long`",
    ),
    "odd.session_ends": Row(
        "a server that ends the session at an optional request",
        "not asked for what it does not announce; where it ends at what it announced, once more without it: that is no "
        "retry, it is remembered for the task, and a warning names it",
    ),
    "odd.refused_extension": Row(
        "a server that announces posix-rename, fsync, statvfs, limits or check-file, and refuses it as unsupported",
        "as if it were not announced, and not asked for again in this task",
    ),
    "odd.claimed_size": Row(
        "a small file that claims a terabyte, so that its digest may take a day",
        "the byte at the claimed end is read first; without it the file is read and not hashed by its server",
    ),
    "odd.dead_while_hashing": Row(
        "a server that dies while it runs a digest command",
        "`timed_out` after a minute and `operation_timeout`, and not when the time for the file's size is over",
    ),
    "odd.hanging_digest": Row(
        "a digest that never comes",
        "given up after `operation_timeout` and a second for every 10 MB, once in a task; then the file is read back",
    ),
    "odd.planted": Row(
        "another user of a shared directory creates our hidden file first, or links it to a file of ours",
        "left alone and named in a warning; only what belongs to our account is gone on with and published",
    ),
    "odd.modes": Row(
        "a file is planted under the final name with 0666 or set-id bits; the source has set-id bits; a link takes a "
        "file's place before its attributes are set",
        "the copy's mode is ours; special bits only when the task states them; attributes go to the file that was "
        "looked at and to no other",
    ),
}
