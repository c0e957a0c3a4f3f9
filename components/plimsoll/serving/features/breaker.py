"""Keeps requests from waiting on a store that failed a moment ago."""

import threading
import time
from collections.abc import Callable


class Breaker:
    """Lets calls through until one fails, then none for a while, then one to try.

    Args:
        pause_seconds: How long nothing is tried after a failure.
        clock: Returns seconds that never go back.
    """

    def __init__(self, pause_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause_seconds
        self._clock = clock
        self._until: float | None = None
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Says if a call may be made now; after a pause, only to one caller a pause."""
        with self._lock:
            if self._until is None:
                return True
            now = self._clock()
            if now < self._until:
                return False
            self._until = now + self._pause
            return True

    def failed(self) -> bool:
        """Notes that a call failed; says if the one before had not."""
        with self._lock:
            first = self._until is None
            self._until = self._clock() + self._pause
            return first

    def succeeded(self) -> bool:
        """Notes that a call was answered; says if the one before had not been."""
        with self._lock:
            again = self._until is not None
            self._until = None
            return again

    @property
    def wait_seconds(self) -> float:
        """Seconds until a call may be made; 0 if one may now."""
        until = self._until
        return 0.0 if until is None else max(0.0, until - self._clock())
