"""Parts of a split: runs of rows that are measured apart and merged in one fixed order.

Where a part begins depends on the rows' numbers alone, not on shards, batches or processes, and
parts are merged two by two in the shape of one tree, whatever order they come in. So one process,
several processes and a cluster give the same bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias

import pyarrow as pa

from plimsoll.formats.dataset import Dataset
from plimsoll.statistics.accumulator import Measurement, PartAccumulator, Result
from plimsoll.statistics.reading import Opener, rebatched, rows_between

Position: TypeAlias = tuple[int, int]
"""Level and number of a node of the tree."""


@dataclass(frozen=True)
class Block:
    """Parts that follow each other, from ``first`` on; 2 ** ``level`` of them, the last fewer."""

    first: int
    level: int


class MergeTree(Generic[Result]):
    """Merges the accumulators of parts, in an order that depends on the parts' numbers alone.

    A node of level L and number N stands for the parts from N * 2**L on, 2**L of them. Two
    nodes that are the halves of another become that one as soon as both are there.
    """

    def __init__(self) -> None:
        self.nodes: dict[Position, PartAccumulator[Result]] = {}
        """(level, number) -> what was measured of its parts."""

    def add(self, level: int, number: int, node: PartAccumulator[Result]) -> None:
        """Adds a node, of level 0 for one part."""
        while (neighbour := self.nodes.pop((level, number ^ 1), None)) is not None:
            first, second = (neighbour, node) if number & 1 else (node, neighbour)
            first.merge(second)
            level, number, node = level + 1, number >> 1, first
        self.nodes[level, number] = node

    def add_all(self, nodes: Mapping[Position, PartAccumulator[Result]]) -> None:
        """Adds the nodes of another tree."""
        for (level, number), node in nodes.items():
            self.add(level, number, node)

    def finish(self, measurement: Measurement[Result]) -> Result:
        """Returns what was measured of all parts; the nodes are used up."""
        first, *later = [
            self.nodes[position]
            for position in sorted(self.nodes, key=lambda node: node[1] << node[0])
        ] or [measurement.start()]
        for node in later:
            first.merge(node)
        return first.finish()


def blocks_of(rows: int, part_rows: int, least: int) -> list[Block]:
    """Cuts a split into blocks.

    Args:
        rows: The split's.
        part_rows: The rows of a part.
        least: How many blocks there are at least, if there are as many parts.
    """
    parts = -(-rows // part_rows)
    level = max((parts // least).bit_length() - 1, 0)
    return [Block(first, level) for first in range(0, parts, 1 << level)]


def measure_parts(
    measurement: Measurement[Result], batches: Iterable[pa.RecordBatch], first_part: int = 0
) -> MergeTree[Result]:
    """Measures rows that follow each other.

    Args:
        measurement: What is measured.
        batches: The rows, cut anyhow, from the first row of a part on.
        first_part: The number of that part.
    """
    tree = MergeTree[Result]()
    part, first = first_part, first_part * measurement.part_rows
    accumulator = None
    for batch in rebatched(batches, measurement.batch_rows):
        accumulator = accumulator or measurement.start()
        accumulator.add(batch, first)
        first += batch.num_rows
        if first >= (part + 1) * measurement.part_rows:
            accumulator.close()
            tree.add(0, part, accumulator)
            accumulator, part = None, part + 1
    if accumulator is not None:
        accumulator.close()
        tree.add(0, part, accumulator)
    return tree


def measure_block(
    dataset: Dataset,
    measurement: Measurement[Result],
    block: Block,
    opener: Opener | None = None,
) -> dict[Position, PartAccumulator[Result]]:
    """Returns the nodes of a block's parts; ``opener`` is as in ``rows_between``."""
    first = block.first * measurement.part_rows
    last = first + (measurement.part_rows << block.level)
    batches = rows_between(
        dataset,
        measurement.split,
        measurement.columns,
        (first, min(last, dataset.rows(measurement.split))),
        opener,
        in_dictionaries=measurement.in_dictionaries,
    )
    return measure_parts(measurement, batches, block.first).nodes
