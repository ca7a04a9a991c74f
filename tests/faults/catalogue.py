# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault that must be survived or refused, one row each, and its expected result.

A test is bound to its row by ``@pytest.mark.fault("names.traversal")``; ``test_catalogue.py`` checks that every row
has one. ``tests/tools/reliability.py`` makes the tables of ``docs/reliability.md`` from the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

SECTIONS = {
    "names": "Names",
    "selection": "Choosing the newest",
    "transport": "The connection to the server",
    "protocol": "What the server says",
    "writing": "Writing and publishing",
    "concurrency": "Concurrent runs, and crashes",
    "secrets": "Secrets and output",
    "odd": "Other users and unusual servers",
}
# The sections whose rows must have their tests.
COMPLETE = tuple(SECTIONS)


@dataclass(frozen=True)
class Row:
    """One fault and its expected result, both in one line of Markdown.

    ``awaits`` is a file of the collection without which the fault cannot happen. Once it exists, a test is required.
    """

    fault: str
    expected: str
    awaits: str = ""


ROWS: dict[str, Row] = {
    "names.traversal": Row(
        "a listing has `../x`, `a/b`, `/etc/x`, an empty name, one with a NUL or a backslash",
        "left out and reported as `suspicious_name`; never joined to a path. The copy of a directory with such a name "
        "fails as `suspicious`, after all other files were copied",
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
        "the listing continues; the name keeps its bytes, is shown escaped and also returned as base64",
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
        "the source is replaced by another file between LSTAT and OPEN",
        "the attributes of the opened file must agree with those seen before: `source_changed`, nothing is published",
    ),
    "names.becomes_link": Row(
        "the source becomes a link between LSTAT and OPEN, with the same size and time",
        "another file is never read: `source_changed`. A link that the task names is refused; `sftp_put` follows it "
        "if its owner may read the target",
    ),
    "names.folded": Row(
        "a destination that folds names: letter case, Unicode normalization, dots and spaces at the end",
        "no copy of a task replaces another copy of the same task: `already_exists` with both names. A warning lists "
        "such names before any content is sent",
    ),
    "names.no_destination": Row(
        "the destination is a directory, a symlink, a FIFO, or its directory is missing or read-only",
        "an error before any byte of the source is read",
    ),
    "selection.ties": Row(
        "several files of the same time",
        "one rule decides, independent of the order of the listing, and the tie is reported",
    ),
    "selection.odd_times": Row(
        "times in the future, of zero, or after 2106 (wrapped round)",
        "times in the future are refused or skipped, as `future` says; a wrapped time counts as old",
    ),
    "selection.attributes_missing": Row(
        "a listing without size, time or mode",
        "the attributes of that file are asked for again; if they are still missing, it is refused as `suspicious`",
    ),
    "selection.unfinished": Row(
        "the newest is still growing, is replaced during the search, is empty or has shrunk",
        "`incomplete` or `suspicious`, and never relayed",
    ),
    "selection.endless": Row(
        "a listing that never ends, repeats itself, or consists of empty packets",
        "an error at a fixed bound; never the newest file up to there",
    ),
    "selection.listing_fails": Row(
        "a listing that fails in the middle",
        "an error; never the newest file up to there",
    ),
    "selection.million": Row(
        "a million entries",
        "the newest is found in memory that does not grow with their number",
    ),
    "selection.nothing_good": Row(
        "no file matches; all are too old; all are too small",
        "`no_match`, whose `details.reason` says which; `stale` where the newest is older than `fresh_within`",
    ),
    "transport.silent": Row(
        "a banner that never comes or never ends, a key exchange or a login that stalls, a subsystem without an answer",
        "`timed_out` within one deadline for the whole login, and the message names the phase",
    ),
    "transport.stall": Row(
        "the server stops answering, the connection is half open, or one byte arrives per second",
        "`timed_out` after `stall_timeout`, retried; the partial file is kept and continued",
    ),
    "transport.cut": Row(
        "the connection is reset at any byte, or the server is killed and restarted",
        "connected again after a growing, jittered pause; the transfer continues and its result is the same",
    ),
    "transport.damage": Row(
        "a flipped bit, a wrong MAC, an oversized packet, a flood past the window",
        "the connection is closed and the data is discarded; nothing is published",
    ),
    "transport.rekey": Row(
        "a rekey during a transfer, requested by either side",
        "the copy is byte for byte the source",
    ),
    "transport.other_key": Row(
        "another host key at a rekey",
        "refused as in the first key exchange: `host_key_mismatch`",
    ),
    "transport.busy": Row(
        "the server takes no more connections or sessions",
        "fewer channels, then pauses and retries, then `server_busy`",
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
        "replies are matched by id, in any order; any other reply is a `protocol_violation`",
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
        "the missing range is requested again; the copy is byte for byte the source",
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
        "no memory and no time in proportion to that size; an error, and nothing is published",
    ),
    "protocol.limits": Row(
        "limits of 0, of 1 byte, or absurd ones; no extensions at all",
        "a minimum and a maximum apply, and the relay works",
    ),
    "protocol.anything": Row(
        "any reply changed at random, of source or destination, in any state",
        "never success with wrong bytes, never a hang, never a traceback, never memory without bounds",
    ),
    "writing.write_fails": Row(
        "one write in the middle is refused while later ones succeed",
        "the relay fails; nothing is published, and the old file is unchanged",
    ),
    "writing.close_fails": Row(
        "CLOSE is refused, for example by a quota",
        "the relay fails; nothing is published, and the old file is unchanged",
    ),
    "writing.sync_fails": Row(
        "fsync is refused",
        "the relay fails; nothing is published, and the old file is unchanged",
    ),
    "writing.disk_full": Row(
        "the disk is full, the quota used up, or files are limited in size",
        "`no_space`, or the code of the server's own error; nothing is published, and the old file is unchanged",
    ),
    "writing.no_extensions": Row(
        "no fsync, no posix-rename, no setstat, no statvfs",
        "the relay works and its result says what was not possible; without posix-rename the old file is renamed to a "
        "backup name, and back when publishing fails",
    ),
    "writing.rename_refused": Row(
        "the server refuses the last rename",
        "`publish_failed`; the old file is unchanged",
    ),
    "writing.rename_unanswered": Row(
        "the connection is lost before the answer to the last rename",
        "after connecting again both names are inspected before success or failure is reported",
    ),
    "writing.planted": Row(
        "a file or a symlink exists under the name of the temporary file",
        "never written through: temporary files are created exclusively, with mode 0600 from the start",
    ),
    "writing.read_only": Row(
        "a read-only server",
        "an error before the source is read",
    ),
    "writing.lying_digest": Row(
        "the server lies about its digest",
        "`verify: readback` finds it: `digest_mismatch`",
    ),
    "writing.unreadable_copy": Row(
        "an old copy that its server fails to read",
        "replaced: `compared_by` is `unreadable`, with a warning. `permission_denied` for the old copy is an error",
    ),
    "writing.moved_away": Row(
        "the server moves the file away once it is closed",
        "an error with its own code",
    ),
    "concurrency.killed": Row(
        "the module is killed (`-9`) at any step of the protocol",
        "never a broken file under the final name; the next run succeeds and removes only files of this collection",
    ),
    "concurrency.same_job": Row(
        "two runs of the same job at once",
        "one copies; the other waits and finds the copy `unchanged`, or fails with `locked`",
    ),
    "concurrency.written_unseen": Row(
        "the source is rewritten while it is read, with the same size and time",
        "a source that was written just before is hashed again after it was read; with `source_digest: always` every "
        "source is: `source_changed`, nothing is published",
    ),
    "concurrency.three_outcomes": Row(
        "three destinations: one refuses, one is full, one is slow",
        "each has its own outcome; `min_success` decides, and the slow one does not delay the others",
    ),
    "concurrency.prune": Row(
        "old backups are pruned while a relay runs",
        "neither damages the other's result",
        awaits="plugins/modules/sftp_prune.py",
    ),
    "concurrency.cancelled": Row(
        "the job is cancelled (SIGTERM), or the interpreter ends",
        "connections are closed; no file is left, or a partial file that the next run continues",
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
        "`protocol_violation` at the first of them; memory does not grow",
    ),
    "odd.slow_listing": Row(
        "a listing of which an entry, or an empty packet, comes every two seconds without end",
        "`timed_out` after `operation_timeout` and a second for each entry",
    ),
    "odd.slow_pattern": Row(
        "a name on which a regular expression of `use_regex` takes exponential time",
        "`invalid_input` after a second, and the error names both; longer names are passed over as `name_too_long`",
    ),
    "odd.session_ends": Row(
        "a server that ends the session at an optional request",
        "requests that it does not announce are not sent. After a session ended at an announced one, the work is "
        "repeated without it: this uses no retry, is remembered for the task, and a warning names the request",
    ),
    "odd.refused_extension": Row(
        "a server that announces posix-rename, fsync, statvfs, limits or check-file, and refuses it as unsupported",
        "treated as not announced, and not requested again in this task",
    ),
    "odd.claimed_size": Row(
        "a small file that claims a terabyte, so that its digest may take a day",
        "the byte at the claimed end is read first; if it is missing, the server is not asked to hash the file",
    ),
    "odd.dead_while_hashing": Row(
        "a server that dies while it runs a digest command",
        "`timed_out` after a minute and `operation_timeout`, before the time for the file's size has passed",
    ),
    "odd.hanging_digest": Row(
        "a digest that never comes",
        "given up after `operation_timeout` and a second for every 10 MB, once per task; then the file is read back",
    ),
    "odd.planted": Row(
        "another user of a shared directory creates the partial file first, or links it to a file of the account",
        "left alone and named in a warning; only a file of the account itself is continued and published",
    ),
    "odd.modes": Row(
        "a file is planted under the final name with 0666 or set-id bits; the source has set-id bits; a link takes a "
        "file's place before its attributes are set",
        "the copy has the mode that the task asks for, and special bits only if the task states them; attributes are "
        "set on the inspected file only",
    ),
}
