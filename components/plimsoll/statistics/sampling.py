"""Uniform samples of rows, chosen by a hash of the row's number.

The same rows are chosen however the data set is cut into batches, and whichever process reads
them: a row is kept if its hash is among the least (bottom-k sampling), or below a share of all.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.statistics.hashing import hashes_of_numbers, row_hashes

SAMPLE_ROWS = 1 << 16
SAMPLE_CELLS = 1 << 23
"""Rows times columns of a sample, at most: wide data give fewer rows."""
SAMPLE_BYTES = 1 << 28
"""Bytes of a sample, at most: long texts give fewer rows."""
FIXED_BYTES = 8
"""What a value that is no text counts for."""
HASHED_AT_ONCE = 1 << 20
ALL = 2**64 - 1


def sample_rows(columns: int) -> int:
    """Returns how many rows a sample has at most."""
    return min(SAMPLE_ROWS, max(SAMPLE_CELLS // max(columns, 1), 1))


def highest_hash(rows: int, most: int) -> int:
    """Returns the greatest hash that a sample of ``most`` of the first ``rows`` rows keeps.

    Whoever knows it beforehand need not hold rows that others push out again.
    """
    if rows <= most:
        return ALL
    kept = np.empty(0, dtype=np.uint64)
    for first in range(0, rows, HASHED_AT_ONCE):
        hashes = row_hashes(first, min(HASHED_AT_ONCE, rows - first))
        if len(kept) == most:
            hashes = hashes[hashes < kept.max()]
        kept = np.concatenate([kept, hashes])
        if len(kept) > most:
            kept = np.partition(kept, most - 1)[:most]
    return int(kept.max())


def chosen(batch: pa.RecordBatch, first: int, rate: float) -> pa.RecordBatch:
    """Returns the rows of a batch that a sample rate chooses.

    Args:
        batch: The rows.
        first: The number of its first row in its split.
        rate: The share of rows, 0 to 1; 1 keeps all.
    """
    if rate >= 1:
        return batch
    return batch.filter(pa.array(_below(first, batch.num_rows, rate)))


def rows_chosen(rows: int, rate: float) -> int:
    """Returns how many of the first ``rows`` rows a sample rate chooses."""
    if rate >= 1:
        return rows
    return sum(
        int(np.count_nonzero(_below(first, min(HASHED_AT_ONCE, rows - first), rate)))
        for first in range(0, rows, HASHED_AT_ONCE)
    )


def _below(first: int, rows: int, rate: float) -> NDArray[np.bool_]:
    below: NDArray[np.bool_] = row_hashes(first, rows) < np.uint64(rate * 2.0**64)
    return below


class Sampler:
    """Keeps a uniform sample of the rows that pass, in bounded memory.

    Args:
        columns: How many columns the rows have.
        rows: How many rows to keep at most; 0: as many as the number of columns allows.
        highest: The greatest hash to keep, where that is known beforehand: ``highest_hash``.
    """

    def __init__(self, columns: int, rows: int = 0, highest: int = ALL) -> None:
        self._most = rows or sample_rows(columns)
        self._schema: pa.Schema | None = None
        self._parts: list[pa.Table] = []
        self._numbers: list[NDArray[np.int64]] = []
        self._kept = 0
        self._bytes = 0
        self._highest = np.uint64(highest)

    def add(self, batch: pa.RecordBatch, first: int) -> None:
        """Adds rows, of which the first has the number ``first`` in its split."""
        self._schema = self._schema or batch.schema
        chosen = np.flatnonzero(row_hashes(first, batch.num_rows) <= self._highest)
        if len(chosen):
            self._keep(pa.Table.from_batches([batch.take(pa.array(chosen))]), chosen + first)

    def add_sample(self, table: pa.Table, numbers: NDArray[np.int64]) -> None:
        """Adds what another sampler kept of other rows of the split: see ``kept``."""
        self._schema = self._schema or table.schema
        if len(numbers):
            self._keep(table, numbers)

    def kept(self) -> tuple[pa.Table, NDArray[np.int64]]:
        """Returns the sample and its rows' numbers, in the rows' order."""
        self._prune()
        if self._schema is None:
            return pa.table({}), np.empty(0, dtype=np.int64)
        if not self._parts:
            return self._schema.empty_table(), np.empty(0, dtype=np.int64)
        return self._parts[0], self._numbers[0]

    def _keep(self, table: pa.Table, numbers: NDArray[np.int64]) -> None:
        self._parts.append(table)
        self._numbers.append(numbers)
        self._kept += len(numbers)
        self._bytes += table.nbytes
        if self._kept > 2 * self._most or self._bytes > 2 * SAMPLE_BYTES:
            self._prune()

    def _prune(self) -> None:
        """Keeps the rows of least hash, as many as fit by count and by bytes, in their order."""
        if not self._parts:
            return
        table = pa.concat_tables(self._parts)
        numbers = np.concatenate(self._numbers)
        hashes = hashes_of_numbers(numbers)
        by_hash = np.argsort(hashes, kind="stable")[: self._most]
        fits = np.cumsum(_row_bytes(table)[by_hash]) <= SAMPLE_BYTES
        by_hash = by_hash[: max(int(np.count_nonzero(fits)), 1)]
        if len(by_hash) < len(numbers):
            self._highest = hashes[by_hash[-1]]
        by_number = by_hash[np.argsort(numbers[by_hash])]
        table = table.take(pa.array(by_number)).combine_chunks()
        self._parts, self._numbers = [table], [numbers[by_number]]
        self._kept, self._bytes = len(by_number), table.nbytes


def _row_bytes(table: pa.Table) -> NDArray[np.int64]:
    texts = [column for column in table.columns if pa.types.is_string(column.type)]
    counted = np.full(table.num_rows, FIXED_BYTES * (table.num_columns - len(texts)))
    for column in texts:
        counted += pc.binary_length(column).fill_null(0).to_numpy()
    return counted
