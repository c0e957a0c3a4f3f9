"""Parts of a split: runs of rows that are measured apart and merged in one fixed order.

Where a part begins depends on the rows' numbers alone, not on shards, batches or processes, and
parts are merged two by two in the shape of one tree, whatever order they come in. So one process,
several processes and a cluster give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from plimsoll.formats.dataset import Dataset

Measured = TypeVar("Measured")
Opener: TypeAlias = Callable[[str], Any]
Place: TypeAlias = tuple[int, int]
"""Level and number of a node of the tree."""


@dataclass(frozen=True)
class Block:
    """Parts that follow each other, from ``first`` on; 2 ** ``level`` of them, the last fewer."""

    first: int
    level: int


class Forest(Generic[Measured]):
    """Merges what was measured of parts, in an order that depends on the parts' numbers alone.

    A node of level L and number N stands for the parts from N * 2**L on, 2**L of them. Two
    nodes that are the halves of another become that one as soon as both are there.

    Args:
        merged: Returns what was measured of earlier and of later rows; both may be used up.
    """

    def __init__(self, merged: Callable[[Measured, Measured], Measured]) -> None:
        self._merged = merged
        self.nodes: dict[Place, Measured] = {}
        """(level, number) -> what was measured of its parts."""

    def add(self, level: int, number: int, measured: Measured) -> None:
        """Adds a node, of level 0 for one part."""
        while (neighbour := self.nodes.pop((level, number ^ 1), None)) is not None:
            first, second = (neighbour, measured) if number & 1 else (measured, neighbour)
            level, number, measured = level + 1, number >> 1, self._merged(first, second)
        self.nodes[level, number] = measured

    def add_all(self, nodes: Mapping[Place, Measured]) -> None:
        """Adds the nodes of another forest."""
        for (level, number), measured in nodes.items():
            self.add(level, number, measured)

    def whole(self) -> Measured | None:
        """Returns what was measured of all parts; None: there was none."""
        whole: Measured | None = None
        for node in sorted(self.nodes, key=lambda node: node[1] << node[0]):
            whole = self.nodes[node] if whole is None else self._merged(whole, self.nodes[node])
        return whole


def blocks_of(rows: int, part_rows: int, least: int) -> list[Block]:
    """Cuts a split into blocks.

    Args:
        rows: The split's.
        part_rows: The rows of a part.
        least: How many blocks there are at least, if there are as many parts.
    """
    parts = -(-rows // part_rows)
    level = max((parts // least).bit_length() - 1, 0) if least else 0
    return [Block(first, level) for first in range(0, parts, 1 << level)]


def rows_between(
    dataset: Dataset,
    split: str,
    columns: Collection[str],
    bounds: tuple[int, int],
    opened: Opener | None = None,
    *,
    in_dictionaries: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Yields rows of a split, in order.

    Args:
        dataset: The data set.
        split: Which part of it.
        columns: The columns that are read, in this order.
        bounds: The number of the first row, and the number after the last row's.
        opened: Opens a shard, named by its path in the data set; None: from the folder.
        in_dictionaries: Whether texts come as dictionary arrays.
    """
    first, last = bounds
    names = list(columns)
    texts = {item.name for item in dataset.columns if item.type == "string"} & set(names)
    coded = sorted(texts) if in_dictionaries else None
    start = 0
    for shard in dataset.splits[split]:
        if start < last and start + shard.rows > first:
            path = str(dataset.folder / shard.path)
            with opened(shard.path) if opened else pa.OSFile(path) as source:
                file = pq.ParquetFile(source, read_dictionary=coded)
                yield from _rows_of(file, names, first - start, last - start)
        start += shard.rows


def in_steps(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cuts batches anew: each has ``rows`` rows, the last fewer."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        while batch.num_rows:
            part = batch.slice(0, rows - count)
            batch = batch.slice(part.num_rows)
            held.append(part)
            count += part.num_rows
            if count == rows:
                yield _joined(held)
                held, count = [], 0
    if held:
        yield _joined(held)


def prepare_to_fork() -> None:
    """Has pyarrow import what it imports with its first array, half a second of pandas.

    Done before processes are forked, it is done once instead of in each of them.
    """
    pa.array([0]).to_numpy()


def row_hashes(first: int, rows: int) -> NDArray[np.uint64]:
    """Returns the hash of each row's number, uniform over 64 bits (SplitMix64).

    Args:
        first: The number of the first row in its split.
        rows: How many rows.
    """
    return mixed(np.arange(first, first + rows).astype(np.uint64))


def mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns numbers mixed into hashes, uniform over 64 bits.

    SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    with np.errstate(over="ignore"):
        mixing = numbers + np.uint64(0x9E3779B97F4A7C15)
        mixing = (mixing ^ (mixing >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixing = (mixing ^ (mixing >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixing ^ (mixing >> np.uint64(31)))


def _rows_of(
    file: pq.ParquetFile, names: list[str], first: int, last: int
) -> Iterator[pa.RecordBatch]:
    start = 0
    for group in range(file.metadata.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        if start < last and end > first:
            # Threads would take more of the processor, and several processes read already.
            for batch in file.iter_batches(row_groups=[group], columns=names, use_threads=False):
                low, high = max(first - start, 0), min(last - start, batch.num_rows)
                if low < high:
                    yield _in_order(batch.slice(low, high - low), names)
                start += batch.num_rows
        start = end


def _in_order(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [batch.column(batch.schema.get_field_index(name)) for name in names], names=names
    )


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]
