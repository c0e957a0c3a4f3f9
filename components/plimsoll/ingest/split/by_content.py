"""Divides rows by what is in them, or by strata of keys: exact shares while the rows are few."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plimsoll.ingest.rows.row_hashes import hashes_of_keys, hashes_of_rows
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.rows.sidecar import Sidecar
from plimsoll.ingest.split.by_hash import REPEATED_SHARE, by_share, dealt, rehash_repeated
from plimsoll.ingest.split.strata import Strata
from plimsoll.ingest.types.columns import select_columns
from plimsoll.statistics.distinct import Distinct
from plimsoll.statistics.hashing import mixed

MOST_DEALT = 1 << 23
"""Rows that are dealt out so that each split has its exact share of each stratum. Of more, each
row goes by its hash alone, which comes to the same shares but for chance."""
AT_ONCE = 1 << 18
SAMPLED = 1 << 14
Fractions = tuple[float, float, float]


def by_content(
    rows: Rows,
    columns: Sequence[str],
    strata: Strata,
    fractions: Fractions,
    total: int,
    folder: Path,
) -> tuple[Sidecar, bool]:
    """Returns each row's split by the order of the rows' hashes within each stratum.

    Every split gets its share of each stratum. Equal rows stay together, unless equal rows are
    most of the data: then they are dealt out one by one.

    Args:
        rows: The rows.
        columns: The columns that make rows equal: what a model sees, and the label.
        strata: Gives each row's stratum.
        fractions: The shares of train, eval and test.
        total: How many rows there are.
        folder: For what is written on the way.

    Returns:
        0, 1 or 2 a row (train, eval, test), and whether equal rows stayed together.
    """
    columns = list(dict.fromkeys([*columns, *strata.columns]))
    few = total <= MOST_DEALT
    hashes, codes = Sidecar(np.uint64, folder), Sidecar(np.int64, folder)
    different = Distinct(SAMPLED)
    for batch in rows.batches(columns):
        batch_hashes = hashes_of_rows(batch)
        hashes.append(batch_hashes)
        if few:
            codes.append(strata.of(batch))
        else:
            different.add(batch_hashes)
    hashes.rewind()
    codes.rewind()
    assigned = Sidecar(np.int8, folder)
    if few:
        every = hashes.read(total)
        together = len(np.unique(every)) >= REPEATED_SHARE * total
        every = every if together else rehash_repeated(every)
        assigned.append(dealt(every, codes.read(total), fractions))
    else:
        together = different.share >= REPEATED_SHARE
        for part in _parts(hashes, together):
            assigned.append(by_share(part, fractions))
    hashes.discard()
    codes.discard()
    return assigned, together


def by_strata_of_keys(
    rows: Rows,
    keys: Sequence[str],
    strata: Strata,
    fractions: Fractions,
    total: int,
    folder: Path,
) -> Sidecar:
    """Returns each row's split by the order of the keys' hashes within each stratum.

    A key never stands in two splits: one whose rows are of several strata counts for the stratum
    of most of its rows.

    Args:
        rows: The rows; each has its keys.
        keys: The key columns.
        strata: Gives each row's stratum.
        fractions: The shares of train, eval and test.
        total: How many rows there are.
        folder: For what is written on the way.

    Returns:
        0, 1 or 2 a row: train, eval, test.
    """
    assigned = Sidecar(np.int8, folder)
    hashes, codes = [], []
    for batch in rows.batches(list(dict.fromkeys([*keys, *strata.columns]))):
        batch_hashes = hashes_of_keys(select_columns(batch, keys).columns)
        if total > MOST_DEALT:
            assigned.append(by_share(batch_hashes, fractions))
        else:
            hashes.append(batch_hashes)
            codes.append(strata.of(batch))
    if hashes:
        joined = np.concatenate(hashes)
        assigned.append(dealt(joined, _of_most_rows(joined, np.concatenate(codes)), fractions))
    return assigned


def _parts(hashes: Sidecar, together: bool) -> Iterator[NDArray[np.uint64]]:
    for start in range(0, hashes.length, AT_ONCE):
        part = hashes.read(min(AT_ONCE, hashes.length - start))
        if not together:
            part = mixed(part + np.arange(start, start + len(part), dtype=np.uint64))
        yield part


def _of_most_rows(hashes: NDArray[np.uint64], strata: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns for each row the stratum that most rows of its key are of, of equals the lowest."""
    _, key_of = np.unique(hashes, return_inverse=True)
    kinds, kind_of = np.unique(strata, return_inverse=True)
    pairs, counts = np.unique(key_of * len(kinds) + kind_of, return_counts=True)
    order = np.lexsort((-counts, pairs // len(kinds)))
    first = np.concatenate([[True], np.diff(pairs[order] // len(kinds)) > 0])
    best = kinds[pairs[order][first] % len(kinds)]
    return np.asarray(best[key_of], dtype=np.int64)
