"""Locks of files and folders between processes, waited for with a limit."""

from __future__ import annotations

import fcntl
import time

from plimsoll.errors import PlimsollError

POLL_SECONDS = 0.02


def lock(descriptor: int, seconds: float, refusal: PlimsollError, how: int = fcntl.LOCK_EX) -> None:
    """Takes the lock of an open file or folder; closing it lets go.

    Args:
        descriptor: The file's or the folder's.
        seconds: How long to wait for another to let go.
        refusal: What is raised if it does not.
        how: ``LOCK_EX``, or ``LOCK_SH``, which several may hold.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise refusal from None
            time.sleep(POLL_SECONDS)
        else:
            return
