"""Being asked to stop while something else runs."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TERMINATED = 128 + signal.SIGTERM
"""The exit status of a process that SIGTERM ended in order."""


@contextmanager
def on_signals(call: Callable[[int], None]) -> Iterator[None]:
    """Calls back on SIGTERM and SIGINT within the block, instead of what they did before.

    Only a process's main thread gets signals: in another nothing is changed.

    Args:
        call: Takes the signal's number, in the main thread, between two of its instructions.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, lambda number, _: call(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_for_signal(number: int) -> BaseException:
    """Returns what to raise once all is put in order after a signal."""
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(TERMINATED)
