"""How a process ended, in words; and one that does not outlive the process that started it."""

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


def how_it_ended(code: int) -> str:
    """Says how a process ended, for one that did not succeed: ``was killed by SIGTERM``.

    Args:
        code: As of ``subprocess``: below 0, the signal that ended it.
    """
    if code >= 0:
        return f"exited with {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    because = " (the machine may be out of memory)" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{because}"
