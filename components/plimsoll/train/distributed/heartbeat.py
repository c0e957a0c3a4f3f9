"""About once a second the processes look up together: at the loss, the clock, and signals.

Between two looks nothing is read from a device and nothing is said between processes but
gradients. Which step is looked up at is the first process's word, so that all do it at the same.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.train.distributed.process_group import World

BEAT_SECONDS = 1.0
SPEED_SECONDS = 10.0
"""The speed is that of at least so many seconds, as soon as there are as many."""
SHORTEST = 1e-9
"""Seconds that no two looks are nearer to each other, for a clock of few digits."""
MOST_GROWTH = 8
"""A look is at most so many times further away than the last one: first steps are slow."""


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What all processes know alike."""

    losses: float
    """Sum of the losses of this epoch's rows so far."""
    stop: bool
    """Whether any process was asked to stop."""
    save: bool
    """Whether it is time for a checkpoint."""
    samples_a_second: float
    """Over the last ``SPEED_SECONDS`` or a little more, in the first process's time."""


class Heartbeat:
    """Decides when to look up.

    Args:
        world: The processes.
        stopping: Whether this process was asked to stop.
        save_seconds: Seconds between checkpoints; 0: none by the clock.
        batch_size: Rows a step, all processes together.
    """

    def __init__(
        self, world: World, stopping: Callable[[], bool], save_seconds: float, batch_size: int
    ) -> None:
        self._world = world
        self._stopping = stopping
        self._save_seconds = save_seconds
        self._batch_size = batch_size
        self._beats: deque[tuple[int, float]] = deque()
        """Step and second of the looks that the speed is taken from; pauses are left out."""
        self._pauses = 0.0
        self.begin(0)

    def begin(self, step: int) -> None:
        """Begins at a step: the one after it is looked at."""
        self._saved_at = time.monotonic()
        self._beats = deque([(step, self._saved_at - self._pauses)])
        self._next, self._gap = step + 1, 1

    def due(self, step: int) -> bool:
        """Returns whether to look up after so many steps."""
        return step >= self._next or (self._world.size == 1 and self._stopping())

    def beat(self, step: int, losses: float) -> Beat:
        """Looks up, together with all other processes.

        Args:
            step: Steps taken.
            losses: Sum of the losses of this epoch's rows in this process.
        """
        total, stops = self._world.all_reduce(losses, float(self._stopping()))
        now = time.monotonic()
        last_step, last_at = self._beats[-1]
        seconds, steps = max(now - self._pauses - last_at, SHORTEST), step - last_step
        save = bool(self._save_seconds) and now - self._saved_at >= self._save_seconds
        gap = max(1, min(int(BEAT_SECONDS * steps / seconds), MOST_GROWTH * self._gap))
        save, self._gap = self._world.broadcast([save, gap])
        self._next = step + self._gap
        return Beat(
            losses=total,
            stop=stops > 0,
            save=save,
            samples_a_second=self._speed(step, now - self._pauses),
        )

    def checkpoint_saved(self) -> None:
        """Takes note that a checkpoint was written."""
        self._saved_at = time.monotonic()

    def exclude(self, seconds: float) -> None:
        """Leaves seconds out of the speed: those of evaluating and saving."""
        self._pauses += seconds

    def _speed(self, step: int, at: float) -> float:
        self._beats.append((step, at))
        while at - self._beats[1][1] >= SPEED_SECONDS:
            self._beats.popleft()
        first_step, first_at = self._beats[0]
        return (step - first_step) * self._batch_size / max(at - first_at, SHORTEST)
