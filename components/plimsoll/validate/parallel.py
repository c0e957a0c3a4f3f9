"""Shares the measuring of a split among processes of one machine.

Workers are forked: they have what was imported, where a new interpreter would spend seconds on
importing TFDV again. Each is asked for one block of parts at a time, so a slow one holds up
nobody; when the parent is gone, their pipes end, and so do they.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from plimsoll.artifacts.dataset import Dataset
from plimsoll.errors import PlimsollError, StepError
from plimsoll.validate.folding import Folded, Forest, Plan, folded

CELLS_THAT_PAY = 1 << 23
"""Rows times columns below which one process is faster."""
MOST_PROCESSES = 8
BLOCKS_A_PROCESS = 4
"""So many at least, where there are parts enough: the last to finish is not waited for long."""
SECONDS_TO_END = 10.0

Opener: TypeAlias = Callable[[str], Any]


@dataclass(frozen=True)
class Block:
    """Parts that follow each other, from ``first`` on; 2 ** ``level`` of them, the last fewer."""

    first: int
    level: int


def folded_dataset(dataset: Dataset, split: str, plan: Plan, processes: int = 1) -> Folded:
    """Folds a split of a data set.

    Args:
        dataset: The data set.
        split: Which part of it.
        plan: How.
        processes: How many share the work; 0: as many as pay off.

    Raises:
        PlimsollError: what a process raised.
        StepError: if a process is killed, or raises anything else.
    """
    rows = dataset.rows(split)
    asked = processes or _that_pay(rows * len(plan.shapes))
    blocks = blocks_of(rows, plan, asked * BLOCKS_A_PROCESS)
    processes = min(asked, len(blocks))
    if processes < 2:
        return folded(plan, rows_between(dataset, split, 0, rows)).whole().finish(plan)
    # Made before the fork: each worker would import the library by itself.
    plan.statistician.start()
    forest = Forest(plan)
    workers = _Workers(dataset, split, plan, processes)
    try:
        for nodes in workers.results(blocks):
            forest.add_all(nodes)
    finally:
        workers.end()
    return forest.whole().finish(plan)


def blocks_of(rows: int, plan: Plan, least: int) -> list[Block]:
    """Cuts a split into blocks: at least so many, if there are as many parts."""
    parts = -(-rows // plan.part_rows)
    level = max((parts // least).bit_length() - 1, 0) if least else 0
    return [Block(first, level) for first in range(0, parts, 1 << level)]


def fold_block(
    dataset: Dataset, split: str, plan: Plan, block: Block, opened: Opener | None = None
) -> Forest:
    """Folds one block; ``opened`` is as in ``rows_between``."""
    first = block.first * plan.part_rows
    last = first + (plan.part_rows << block.level)
    batches = rows_between(dataset, split, first, min(last, dataset.rows(split)), opened)
    return folded(plan, batches, block.first)


def rows_between(
    dataset: Dataset, split: str, first: int, last: int, opened: Opener | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a split from the number ``first`` to before ``last``, in order.

    Args:
        dataset: The data set.
        split: Which part of it.
        first: The number of the first row.
        last: The number after the last row's.
        opened: Opens a shard, named by its path in the data set; None: from the folder.
    """
    names = list(dataset.column_names())
    start = 0
    for shard in dataset.splits[split]:
        if start < last and start + shard.rows > first:
            path = str(dataset.folder / shard.path)
            with opened(shard.path) if opened else pa.OSFile(path) as source:
                file = pq.ParquetFile(source)
                yield from _rows_of(file, names, first - start, last - start)
        start += shard.rows


def _rows_of(
    file: pq.ParquetFile, names: list[str], first: int, last: int
) -> Iterator[pa.RecordBatch]:
    start = 0
    for group in range(file.metadata.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        if start < last and end > first:
            for batch in file.iter_batches(row_groups=[group], columns=names):
                low, high = max(first - start, 0), min(last - start, batch.num_rows)
                if low < high:
                    yield _in_order(batch.slice(low, high - low), names)
                start += batch.num_rows
        start = end


def _in_order(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [batch.column(batch.schema.get_field_index(name)) for name in names], names=names
    )


def _that_pay(cells: int) -> int:
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES) if cells >= CELLS_THAT_PAY else 1


class _Workers:
    """Processes that fold blocks."""

    def __init__(self, dataset: Dataset, split: str, plan: Plan, count: int) -> None:
        self._split = split
        self._processes: dict[Connection, Any] = {}
        context = multiprocessing.get_context("fork")
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve,
                args=(theirs, [*self._processes, ours], dataset, split, plan),
                daemon=True,
            )
            process.start()
            theirs.close()
            self._processes[ours] = process

    def results(self, blocks: list[Block]) -> Iterator[Any]:
        """Yields what is folded, in no order; a worker gets its next block when it is done."""
        left = iter(blocks)
        busy = set(self._processes)
        for connection in self._processes:
            self._ask(connection, next(left))
        while busy:
            for connection in [ready for ready in self._processes if ready in wait(busy)]:
                nodes = self._answer(connection)
                block = next(left, None)
                if block is None:
                    busy.remove(connection)
                else:
                    self._ask(connection, block)
                yield nodes

    def end(self) -> None:
        """Ends the workers, whatever they are doing."""
        for connection, process in self._processes.items():
            connection.close()
            process.kill()
        for process in self._processes.values():
            process.join(SECONDS_TO_END)

    def _ask(self, connection: Connection, block: Block) -> None:
        try:
            connection.send(block)
        except OSError as error:
            raise self._gone(connection) from error

    def _answer(self, connection: Connection) -> Any:
        try:
            answer = connection.recv()
        except (EOFError, OSError) as error:
            raise self._gone(connection) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _gone(self, connection: Connection) -> StepError:
        process = self._processes[connection]
        process.join(SECONDS_TO_END)
        code = process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return StepError(
            f"a process that measured {self._split} was killed",
            cause=f"{how}; signal 9 is what a lack of memory looks like",
            hint="give the step more memory, or measure with fewer processes",
        )


def _serve(
    connection: Connection, others: list[Connection], dataset: Dataset, split: str, plan: Plan
) -> None:
    """Folds the blocks that are asked for until the parent closes the pipe, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()
    while True:
        try:
            block = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Any = fold_block(dataset, split, plan, block).nodes
        except PlimsollError as error:
            answer = error
        except Exception as error:
            answer = _failed(split, error)
        connection.send(answer)


def _failed(split: str, error: Exception) -> StepError:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return StepError(
        f"a process that measured {split} failed",
        cause=f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})",
    )
