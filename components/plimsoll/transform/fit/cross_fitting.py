"""Deals the train split's rows into folds, for what must not know the label of its own row."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.statistics.hashing import mixed

_SEED = np.uint64(0x5851F42D4C957F2D)
"""Other than what rows are sampled by, so that a sample has rows of every fold."""


def folds_of(
    numbers: NDArray[np.int64], folds: int, keys: Sequence[pa.Array] = ()
) -> NDArray[np.int64]:
    """Returns the fold of each row, by its number or by its keys; it depends on nothing else.

    Args:
        numbers: Shape (rows,): each row's number in the split.
        folds: How many folds there are.
        keys: Columns that say whom a row is about: rows that agree in them are in one fold.

    Returns:
        Shape (rows,): 0 to ``folds`` - 1.
    """
    if keys:
        hashes = np.zeros(len(numbers), np.uint64)
        for key in keys:
            hashes = mixed(hashes ^ _hashed(key))
    else:
        hashes = mixed(numbers.astype(np.uint64))
    return np.asarray(mixed(hashes ^ _SEED) % np.uint64(folds), np.int64)


def _hashed(column: pa.Array) -> NDArray[np.uint64]:
    encoded = pc.cast(column, pa.string()).dictionary_encode()
    hashes = [
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
        for text in encoded.dictionary.to_pylist()
    ]
    table = np.array([0, *hashes], np.uint64)
    codes = pc.fill_null(pc.cast(encoded.indices, pa.int64()), -1).to_numpy(zero_copy_only=False)
    return np.asarray(table[codes + 1])
