"""Shares the measuring of a split among processes of one machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from plimsoll.formats.dataset import Dataset
from plimsoll.parallel import parts
from plimsoll.parallel.parts import Block, Forest, Opener, Place
from plimsoll.parallel.workers import processes_that_pay, shared
from plimsoll.validate.statistics.accumulator import Fold, Folded, Plan, folded, forest_of, whole

__all__ = ["Block", "blocks_of", "fold_block", "folded_dataset", "rows_between"]

CELLS_THAT_PAY = 1 << 23
"""Rows times columns below which one process is faster."""
BLOCKS_A_PROCESS = 4
"""So many at least, where there are parts enough: the last to finish is not waited for long."""


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
    asked = processes or processes_that_pay(rows * len(plan.encodings), CELLS_THAT_PAY)
    blocks = blocks_of(rows, plan, asked * BLOCKS_A_PROCESS)
    if min(asked, len(blocks)) < 2:
        forest = folded(plan, rows_between(dataset, split, 0, rows))
        return whole(plan, forest).finish(plan)
    # Made before the fork: each worker would import the library by itself.
    plan.statistician.start()
    forest = forest_of(plan)
    work = partial(_folded_block, dataset, split, plan)
    for nodes in shared(work, blocks, asked, f"measured {split}"):
        forest.add_all(nodes)
    return whole(plan, forest).finish(plan)


def blocks_of(rows: int, plan: Plan, least: int) -> list[Block]:
    """Cuts a split into blocks: at least so many, if there are as many parts."""
    return parts.blocks_of(rows, plan.part_rows, least)


def fold_block(
    dataset: Dataset, split: str, plan: Plan, block: Block, opened: Opener | None = None
) -> Forest[Fold]:
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
    return parts.rows_between(dataset, split, dataset.column_names(), (first, last), opened)


def _folded_block(dataset: Dataset, split: str, plan: Plan, block: Block) -> dict[Place, Fold]:
    return fold_block(dataset, split, plan, block).nodes
