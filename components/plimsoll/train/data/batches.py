"""Batches for a training: from rows that are resident on the device, or streamed from disk."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import torch

from plimsoll.train.config import TrainConfig
from plimsoll.train.data.sampler import BatchPartition, BlockShuffleSampler, sampler_for
from plimsoll.train.data.streaming import StreamedBatches
from plimsoll.train.data.tensors import TensorBatch, TensorSplit, concatenated
from plimsoll.train.distributed.devices import memory_for_rows
from plimsoll.train.distributed.process_group import World

ROWS_AT_ONCE = 16384
"""Rows that are evaluated at once."""


class BatchSource(Protocol):
    """Where batches come from."""

    def batch(self, epoch: int, step: int) -> TensorBatch:
        """Returns this process's rows of a step of an epoch, both from 0; there may be none."""

    def close(self) -> None:
        """Lets go of what reading holds."""


class ResidentBatches:
    """A split on the device, its batches drawn by a permutation of indices."""

    def __init__(
        self, rows: TensorBatch, sampler: BlockShuffleSampler, partition: BatchPartition
    ) -> None:
        self._rows, self._sampler, self._partition = rows, sampler, partition
        self._epoch = -1
        self._bounds: list[int] = []
        self._window = -1
        self._indices = torch.empty(0, dtype=torch.int64)

    def batch(self, epoch: int, step: int) -> TensorBatch:
        """Returns this process's rows of a step of an epoch, both from 0; there may be none."""
        if epoch != self._epoch:
            self._epoch, self._bounds, self._window = epoch, self._sampler.window_bounds(epoch), -1
        start, stop = self._partition.bounds(step)
        if start == stop:
            return self._rows.slice(0, 0)
        return concatenated(
            [self._rows.select(indices) for indices in self._indices_between(start, stop)]
        )

    def close(self) -> None:
        """Does nothing: the rows go with this object."""

    def _indices_between(self, start: int, stop: int) -> Iterator[torch.Tensor]:
        for number, (low, high) in enumerate(pairwise(self._bounds)):
            if start >= high or stop <= low:
                continue
            if number != self._window:
                drawn = torch.from_numpy(self._sampler.window_rows(self._epoch, number))
                self._window, self._indices = number, drawn.to(self._rows.target.device)
            yield self._indices[max(0, start - low) : stop - low]


class EvalBatches:
    """The eval split, answered in batches of bounded size.

    Args:
        split: The split on disk.
        world: The processes among which it is cut.
        resident: Whether this process's part stays on the device.
    """

    def __init__(self, split: TensorSplit, world: World, *, resident: bool) -> None:
        rows = len(split)
        self._split = split
        self._start = world.rank * rows // world.size
        self._stop = (world.rank + 1) * rows // world.size
        self._rows = split.read(self._start, self._stop) if resident else None
        most = -(-rows // world.size)
        self._lacking = _batch_count(most) - _batch_count(self._stop - self._start)

    def filler_batches(self) -> Iterator[TensorBatch]:
        """Yields rows that do not count, so that all processes call the model equally often.

        Where weights are gathered from all processes, one that called less often would leave the
        others waiting.
        """
        for _ in range(self._lacking):
            yield self._split.read(0, 1)

    def batches(self) -> Iterator[TensorBatch]:
        """Yields this process's rows, in order, at most ``ROWS_AT_ONCE`` at a time."""
        for start in range(self._start, self._stop, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, self._stop)
            if self._rows is None:
                yield self._split.read(start, stop)
            else:
                yield self._rows.slice(start - self._start, stop - self._start)


def _batch_count(rows: int) -> int:
    return -(-rows // ROWS_AT_ONCE)


def is_resident(
    train: TensorSplit, held_out: TensorSplit, config: TrainConfig, world: World
) -> bool:
    """Returns whether the rows stay on the device: as configured, or where they fit."""
    if config.data != "auto":
        return config.data == "resident"
    needed = (len(train) + len(held_out)) * train.row_bytes
    fits = needed <= memory_for_rows(train.device, world)
    # All processes alike, so that the slowest does not hold up the others.
    return world.all_reduce(float(fits))[0] == world.size


def batch_source_for(
    split: TensorSplit, config: TrainConfig, world: World, *, resident: bool
) -> BatchSource:
    """Returns where a training's batches come from.

    Raises:
        DataError: if resident rows hold what cannot be learnt from.
    """
    sampler = sampler_for(len(split), split.row_bytes, config.seed)
    partition = BatchPartition(
        rows=len(split), batch=config.batch_size, rank=world.rank, size=world.size
    )
    if resident:
        return ResidentBatches(split.read(), sampler, partition)
    return StreamedBatches(split, sampler, partition)
