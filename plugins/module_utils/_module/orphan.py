# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""Ending a module file when no process reads its result any more.

When a run is interrupted or killed, the process that started the module may be gone. The module is in a session of its
own since ansible-core 2.19 and gets no signal; its transfer would go on for hours. The pipe for its result is closed.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import threading


def exit_when_orphaned(result_descriptor: int) -> None:
    """Send SIGTERM to this process when the other end of its result's pipe is closed.

    Some SSH servers give their sessions a socket instead of a pipe. Does nothing where the result goes to a file or a
    terminal, or where the system has no poll(2).
    """
    mode = os.fstat(result_descriptor).st_mode
    if (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and hasattr(select, "poll"):
        threading.Thread(target=_watch, args=(result_descriptor,), daemon=True).start()


def _watch(descriptor: int) -> None:
    waiting = select.poll()
    # POLLERR (a pipe without a reader) and POLLHUP (a socket without a peer) are reported without being asked for.
    waiting.register(descriptor, 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _descriptor, event in waiting.poll()):
        os.kill(os.getpid(), signal.SIGTERM)
