"""A process that does not outlive the one that started it: the kernel sees to it."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded here, because loading a library between fork and exec may deadlock.
_LIBC = ctypes.CDLL(None)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Asks the kernel to send this process a signal when its parent dies; Linux alone can.

    It calls nothing but prctl, already loaded: safe between fork and exec.

    Args:
        number: The signal.
    """
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
