"""Divides rows by hash: by the hash of their key, or of what a model sees of them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.errors import DataError
from plimsoll.ingest.rows.rows import Rows
from plimsoll.problem import Problem
from plimsoll.statistics.hashing import mixed

TRAIN, EVAL, TEST = range(3)
REPEATED_SHARE = 0.5
"""Below this share of different rows, equal rows are common by nature and no duplicates."""
TWO_TO_64 = float(1 << 64)


def check_keys(rows: Rows, problem: Problem) -> None:
    """Checks that the rows can be divided by the problem's keys.

    Raises:
        DataError: if a key is missing, or a key column holds floats.
    """
    for name in problem.keys:
        if pa.types.is_floating(rows.types[name]):
            raise DataError(
                f"the key column {name!r} holds fractions, or numbers of more than 63 bits",
                cause="floats are compared by their last digit, which no key should depend on",
                hint="write the key as smaller whole numbers or as text",
            )
        missing = rows.missing(name)
        if not missing:
            continue
        _, first = rows.find(name, _is_missing)
        raise DataError(
            f"the key column {name!r} is missing in {missing:,} of {rows.count():,} rows",
            cause=f"first at {', '.join(where for where, _ in first)}",
            hint="fill it in, leave those rows out, or name other keys",
        )


def by_share(hashes: NDArray[np.uint64], fractions: tuple[float, float, float]) -> NDArray[np.int8]:
    """Returns each row's split by its hash alone, so that equal ones have one split.

    Args:
        hashes: One a row, spread evenly over 64 bits.
        fractions: The shares of train, eval and test, of many different hashes.

    Returns:
        0, 1 or 2 a row: train, eval, test.
    """
    train, evaluated, _ = fractions
    shares = hashes.astype(np.float64) / TWO_TO_64
    return np.searchsorted([train, train + evaluated], shares, side="right").astype(np.int8)


def dealt(
    hashes: NDArray[np.uint64], strata: NDArray[np.int64], fractions: tuple[float, float, float]
) -> NDArray[np.int8]:
    """Returns each row's split by the order of the hashes within each stratum.

    Every split gets its share of each stratum as far as there are rows. Rows of equal hashes
    stay together.

    Args:
        hashes: One a row, spread evenly over 64 bits.
        strata: Each row's stratum; rows of equal hashes are in one.
        fractions: The shares of train, eval and test.

    Returns:
        0, 1 or 2 a row: train, eval, test.
    """
    splits = np.full(len(hashes), TRAIN, dtype=np.int8)
    taken, due = np.zeros(2), np.zeros(2)
    _, strata, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    order = np.lexsort((hashes, strata))
    stops = np.cumsum(sizes)
    # Small strata first: what they cannot give, the large ones make up.
    for stratum in np.argsort(sizes, kind="stable").tolist():
        ordered = order[stops[stratum] - sizes[stratum] : stops[stratum]]
        due += np.asarray(fractions[1:]) * len(ordered)
        quota = _quota(due - taken, len(ordered), fractions)
        taken += _deal(splits, ordered, hashes[ordered], quota)
    _fill_empty(splits, hashes, strata == np.argmax(sizes))
    return splits


def rehash_repeated(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns hashes that differ where equal ones came again."""
    return mixed(hashes + _occurrence(hashes))


def _is_missing(values: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.is_null(values).to_numpy(zero_copy_only=False), dtype=np.bool_)


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
    """Returns how many of a stratum's rows go to eval and to test; one at least stays in train."""
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
    if len(starts) == len(hashes):
        splits[ordered[: quota[0]]] = EVAL
        splits[ordered[quota[0] : sum(quota)]] = TEST
        return np.asarray(quota, dtype=np.float64)
    stops = np.append(starts[1:], len(hashes))
    room = list(quota)
    for start, stop in zip(map(int, starts), map(int, stops), strict=True):
        if not any(room):
            break
        for index, split in enumerate((EVAL, TEST)):
            if stop - start <= room[index]:
                splits[ordered[start:stop]] = split
                room[index] -= stop - start
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
