"""Locks of files and folders between processes: the kernel's, which end with their holder."""

import fcntl
import math
import time
from typing import IO

POLL_SECONDS = 0.02


def lock(opened: IO[bytes] | IO[str] | int, seconds: float, *, shared: bool = False) -> bool:
    """Takes the lock of an open file or folder; closing it lets go.

    Args:
        opened: The file, or the descriptor of a file or a folder.
        seconds: How long to wait for another to let go; 0: not at all, ``math.inf``: for ever.
        shared: Whether others may hold it at the same time, shared too.

    Returns:
        False if another held it all the time.

    Raises:
        OSError: if the file's disk knows no locks.
    """
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if seconds == math.inf:
        fcntl.flock(opened, how)
        return True
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(opened, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_SECONDS)
        else:
            return True
