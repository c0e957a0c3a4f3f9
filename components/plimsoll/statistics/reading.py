"""Reads rows of a split by their numbers, and cuts them anew."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from plimsoll.formats.dataset import Dataset

Opener: TypeAlias = Callable[[str], Any]
"""Opens a shard by its name in the data set."""


def rows_between(
    dataset: Dataset,
    split: str,
    columns: Collection[str],
    bounds: tuple[int, int],
    opener: Opener | None = None,
    *,
    in_dictionaries: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Yields rows of a split, in order.

    Args:
        dataset: The data set.
        split: Which part of it.
        columns: The columns that are read, in this order.
        bounds: The number of the first row, and the number after the last row's.
        opener: Opens a shard; None: from the folder.
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
            with opener(shard.path) if opener else pa.OSFile(path) as source:
                file = pq.ParquetFile(source, read_dictionary=coded)
                yield from _rows_of(file, names, first - start, last - start)
        start += shard.rows


def rebatched(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cuts batches anew: each has ``rows`` rows, the last fewer."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        while batch.num_rows:
            part = batch.slice(0, rows - count)
            batch = batch.slice(part.num_rows)
            waiting.append(part)
            count += part.num_rows
            if count == rows:
                yield _joined(waiting)
                waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


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
                    columns = [batch.column(name).slice(low, high - low) for name in names]
                    yield pa.RecordBatch.from_arrays(columns, names=names)
                start += batch.num_rows
        start = end


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]
