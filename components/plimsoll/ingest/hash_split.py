"""Divides rows by hash: by the hash of their key, or of what a model sees of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.ingest.reading import Rows
from plimsoll.ingest.row_hashes import hashes_of_keys, hashes_of_rows, mixed
from plimsoll.problem import Problem

TRAIN, EVAL, TEST = range(3)
SHOWN = 5
REPEATED_SHARE = 0.5
"""Below this share of different rows, equal rows are common by nature and no duplicates."""
TWO_TO_64 = float(1 << 64)


def by_key(rows: Rows, problem: Problem) -> NDArray[np.int8]:
    """Returns each row's split by its key alone, so that a key has one split, now and later.

    Returns:
        0, 1 or 2 a row: train, eval, test.

    Raises:
        DataError: if a key is missing, or a key column holds floats.
    """
    columns = [rows.table.column(name) for name in problem.keys]
    for name, column in zip(problem.keys, columns, strict=True):
        _check_key(rows, name, column)
    train, evaluated, _ = problem.split.fractions
    shares = hashes_of_keys(columns).astype(np.float64) / TWO_TO_64
    return np.searchsorted([train, train + evaluated], shares, side="right").astype(np.int8)


def by_content(
    features: pa.Table, classes: NDArray[np.int64], fractions: tuple[float, float, float]
) -> tuple[NDArray[np.int8], bool]:
    """Returns each row's split by the order of the rows' hashes within each class.

    Every split gets its share of each class as far as there are rows. Equal rows stay together,
    unless equal rows are most of the data: then they are dealt out one by one.

    Args:
        features: What a model sees of each row, and the label.
        classes: Each row's class, from 0; all 0 for regression.
        fractions: The shares of train, eval and test.

    Returns:
        0, 1 or 2 a row (train, eval, test), and whether equal rows stayed together.
    """
    hashes = hashes_of_rows(features)
    together = len(np.unique(hashes)) >= REPEATED_SHARE * len(hashes)
    if not together:
        hashes = mixed(hashes + _occurrence(hashes))
    splits = np.full(len(hashes), TRAIN, dtype=np.int8)
    taken, due = np.zeros(2), np.zeros(2)
    sizes = np.bincount(classes)
    # Small classes first: what they cannot give, the large ones make up.
    for label in np.argsort(sizes, kind="stable"):
        members = np.flatnonzero(classes == label)
        due += np.asarray(fractions[1:]) * len(members)
        quota = _quota(due - taken, len(members), fractions)
        ordered = members[np.argsort(hashes[members], kind="stable")]
        taken += _deal(splits, ordered, hashes[ordered], quota)
    _fill_empty(splits, hashes, classes == np.argmax(sizes))
    return splits, together


def class_codes(label: pa.ChunkedArray) -> NDArray[np.int64]:
    """Returns each row's class as a number from 0, in the order of the classes."""
    values = pc.unique(label)
    ordered = values.take(pc.sort_indices(values))
    codes = pc.index_in(label, value_set=ordered)
    return np.asarray(codes.to_numpy(), dtype=np.int64)


def _check_key(rows: Rows, name: str, column: pa.ChunkedArray) -> None:
    if pa.types.is_floating(column.type):
        raise DataError(
            f"the key column {name!r} holds fractions",
            cause="floats are compared by their last digit, which no key should depend on",
            hint="write the key as whole numbers or as text",
        )
    if not column.null_count:
        return
    missing = np.flatnonzero(pc.is_null(column).to_numpy())
    places = ", ".join(rows.where(int(row)) for row in missing[:SHOWN])
    raise DataError(
        f"the key column {name!r} is missing in {len(missing):,} of {len(column):,} rows",
        cause=f"first at {places}",
        hint="fill it in, leave those rows out, or name other keys",
    )


def _occurrence(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns how many equal hashes come before each one."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.maximum.accumulate(np.where(first, np.arange(len(hashes)), 0))
    counts = np.empty(len(hashes), dtype=np.uint64)
    counts[order] = np.arange(len(hashes)) - starts
    return counts


def _quota(
    missing: NDArray[np.float64], rows: int, fractions: tuple[float, float, float]
) -> tuple[int, int]:
    """Returns how many of a class's rows go to eval and to test; one at least stays in train."""
    most = np.ceil(np.asarray(fractions[1:]) * rows)
    wanted = np.clip(np.floor(missing + 0.5), 0, most)
    evaluated = min(int(wanted[0]), rows - 1)
    return evaluated, min(int(wanted[1]), rows - 1 - evaluated)


def _deal(
    splits: NDArray[np.int8],
    ordered: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    quota: tuple[int, int],
) -> NDArray[np.float64]:
    """Gives rows, equal ones together, to eval and test until their quotas are full."""
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    stops = np.append(starts[1:], len(hashes))
    room = list(quota)
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if not any(room):
            break
        for place, split in enumerate((EVAL, TEST)):
            if stop - start <= room[place]:
                splits[ordered[start:stop]] = split
                room[place] -= stop - start
                break
    return np.asarray(quota, dtype=np.float64) - room


def _fill_empty(
    splits: NDArray[np.int8], hashes: NDArray[np.uint64], spare: NDArray[np.bool_]
) -> None:
    """Gives an empty eval or test a group of equal rows that another split has to spare."""
    for split in (EVAL, TEST):
        if (splits == split).any():
            continue
        having = [np.unique(hashes[spare & (splits == donor)]) for donor in (TRAIN, EVAL, TEST)]
        groups = max(having, key=len)
        if len(groups) > 1:
            splits[spare & (hashes == groups[0])] = split
