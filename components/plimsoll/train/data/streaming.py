"""Batches of rows that stay on disk: windows of blocks, read ahead by a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from plimsoll.errors import DataError
from plimsoll.train.data.sampler import BatchPartition, BlockShuffleSampler
from plimsoll.train.data.tensors import TensorBatch, TensorSplit, concatenated

PREFETCHED_WINDOWS = 1
"""Windows that wait to be taken, besides the one that is read and the one that is used."""
POLL_SECONDS = 0.5


class StreamedBatches:
    """A split's batches, of which only some windows are in memory.

    Batches are taken one after the other; to begin elsewhere, the reading begins
    anew. A process reads its own rows alone.
    """

    def __init__(
        self, split: TensorSplit, sampler: BlockShuffleSampler, partition: BatchPartition
    ) -> None:
        self._split, self._sampler, self._partition = split, sampler, partition
        self._reader: _Prefetcher | None = None
        self._next = (-1, -1)
        self._rest: TensorBatch | None = None

    def batch(self, epoch: int, step: int) -> TensorBatch:
        """Returns this process's rows of a step of an epoch, both from 0; there may be none."""
        if self._reader is None or self._next != (epoch, step):
            self.close()
            self._reader = _Prefetcher(self._split, self._sampler, self._partition, (epoch, step))
            self._rest = None
        self._next = (epoch, step + 1) if step + 1 < self._partition.steps else (epoch + 1, 0)
        start, stop = self._partition.bounds(step)
        return self._take(self._reader, stop - start)

    def close(self) -> None:
        """Ends the reading."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _take(self, reader: _Prefetcher, count: int) -> TensorBatch:
        parts: list[TensorBatch] = []
        while self._rest is None or count > len(self._rest):
            if self._rest is not None:
                parts.append(self._rest)
                count -= len(self._rest)
            self._rest = reader.window()
        parts.append(self._rest.slice(0, count))
        self._rest = self._rest.slice(count, len(self._rest))
        return concatenated(parts)


class _Prefetcher:
    """A thread that reads one window after the other, from a step of an epoch on."""

    def __init__(
        self,
        split: TensorSplit,
        sampler: BlockShuffleSampler,
        partition: BatchPartition,
        start: tuple[int, int],
    ) -> None:
        self._split, self._sampler, self._partition = split, sampler, partition
        self._queue: queue.Queue[TensorBatch | BaseException] = queue.Queue(
            maxsize=PREFETCHED_WINDOWS
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=start, daemon=True)
        self._thread.start()

    def window(self) -> TensorBatch:
        """Returns the next window's rows, which may be none.

        Raises:
            DataError: if they cannot be learnt from, or the thread ended early.
        """
        while True:
            try:
                item = self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if not self._thread.is_alive() and self._queue.empty():
                    raise DataError("the reading of the training rows ended early") from None
                continue
            if isinstance(item, BaseException):
                raise item
            return item

    def close(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._thread.join()

    def _run(self, epoch: int, step: int) -> None:
        try:
            for rows in self._windows(epoch, step):
                if not self._put(rows):
                    return
        except BaseException as error:
            # Raised again where the rows are used.
            self._put(error)

    def _windows(self, epoch: int, step: int) -> Iterator[TensorBatch]:
        begin = step * self._partition.batch
        while True:
            starts = self._sampler.window_bounds(epoch)
            for number, (start, stop) in enumerate(pairwise(starts)):
                if stop <= begin:
                    continue
                positions = np.arange(start, stop)
                ours = self._partition.is_owned(positions) & (positions >= begin)
                yield self._split.read_at(self._sampler.window_rows(epoch, number)[ours])
            epoch, begin = epoch + 1, 0

    def _put(self, item: TensorBatch | BaseException) -> bool:
        while not self._ended.is_set():
            try:
                self._queue.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False
