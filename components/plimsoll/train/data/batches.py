"""Batches for a training: from rows that are resident on the device, or streamed from disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import torch

from plimsoll.train.config import TrainConfig
from plimsoll.train.data.sampler import Cut, Order, order_for
from plimsoll.train.data.streaming import Streamed
from plimsoll.train.data.tensors import Rows, Split, joined
from plimsoll.train.distributed.devices import room_for_rows
from plimsoll.train.distributed.process_group import World

ROWS_AT_ONCE = 16384
"""Rows that are evaluated at once."""


class Source(Protocol):
    """Where batches come from."""

    def batch(self, epoch: int, step: int) -> Rows:
        """Returns this process's rows of a step of an epoch, both from 0; there may be none."""

    def close(self) -> None:
        """Lets go of what reading holds."""


class Resident:
    """A split on the device, its batches drawn by a permutation of indices.

    Args:
        rows: All rows of the split.
        order: The order of its rows.
        cut: How batches are cut among the processes.
    """

    def __init__(self, rows: Rows, order: Order, cut: Cut) -> None:
        self._rows, self._order, self._cut = rows, order, cut
        self._epoch = -1
        self._starts: list[int] = []
        self._window = -1
        self._places = torch.empty(0, dtype=torch.int64)

    def batch(self, epoch: int, step: int) -> Rows:
        """Returns this process's rows of a step of an epoch, both from 0; there may be none."""
        if epoch != self._epoch:
            self._epoch, self._starts, self._window = epoch, self._order.starts(epoch), -1
        start, stop = self._cut.share(step)
        if start == stop:
            return self._rows.part(0, 0)
        return joined([self._rows.at(places) for places in self._drawn(start, stop)])

    def close(self) -> None:
        """Does nothing: the rows go with this object."""

    def _drawn(self, start: int, stop: int) -> Iterator[torch.Tensor]:
        for number, (low, high) in enumerate(pairwise(self._starts)):
            if start >= high or stop <= low:
                continue
            if number != self._window:
                drawn = torch.from_numpy(self._order.window(self._epoch, number))
                self._window, self._places = number, drawn.to(self._rows.target.device)
            yield self._places[max(0, start - low) : stop - low]


class Held:
    """A split that is only answered, in parts of bounded size.

    Args:
        split: The split on disk.
        world: The processes among which it is cut.
        resident: Whether this process's part stays on the device.
    """

    def __init__(self, split: Split, world: World, *, resident: bool) -> None:
        rows = len(split)
        self._split = split
        self._start = world.rank * rows // world.size
        self._stop = (world.rank + 1) * rows // world.size
        self._rows = split.read(self._start, self._stop) if resident else None
        most = -(-rows // world.size)
        self._lacking = _parts(most) - _parts(self._stop - self._start)

    def fillers(self) -> Iterator[Rows]:
        """Yields rows that do not count, so that all processes answer equally often.

        Where weights are gathered from all processes, one that asked less often would leave the
        others waiting.
        """
        for _ in range(self._lacking):
            yield self._split.read(0, 1)

    def parts(self) -> Iterator[Rows]:
        """Yields this process's rows, in order."""
        for start in range(self._start, self._stop, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, self._stop)
            if self._rows is None:
                yield self._split.read(start, stop)
            else:
                yield self._rows.part(start - self._start, stop - self._start)


def _parts(rows: int) -> int:
    return -(-rows // ROWS_AT_ONCE)


def is_resident(train: Split, held_out: Split, config: TrainConfig, world: World) -> bool:
    """Returns whether the rows stay on the device: as asked, or where they fit."""
    if config.data != "auto":
        return config.data == "resident"
    needed = (len(train) + len(held_out)) * train.row_bytes
    fits = needed <= room_for_rows(train.device, world)
    # All processes alike, so that the slowest does not hold up the others.
    return world.summed(float(fits))[0] == world.size


def source_for(split: Split, config: TrainConfig, world: World, *, resident: bool) -> Source:
    """Returns where a training's batches come from.

    Raises:
        DataError: if resident rows hold what cannot be learnt from.
    """
    order = order_for(len(split), split.row_bytes, config.seed)
    cut = Cut(rows=len(split), batch=config.batch_size, rank=world.rank, size=world.size)
    if resident:
        return Resident(split.read(), order, cut)
    return Streamed(split, order, cut)
