"""Hashes of whole numbers, the same on every machine and in every version; numpy alone.

SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]
"""Uniform over 64 bits."""

STEP = np.uint64(0x9E3779B97F4A7C15)
FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)


def mixed(numbers: NDArray[np.uint64]) -> Hashes:
    """Returns the hash of each number: a step of the generator whose states they are."""
    return finalised(numbers + STEP)


def finalised(bits: NDArray[np.uint64]) -> Hashes:
    """Returns 64 bits each spread evenly: the generator's last step, which maps 0 to 0."""
    bits = bits ^ (bits >> _SHIFTS[0])
    bits *= FACTORS[0]
    bits ^= bits >> _SHIFTS[1]
    bits *= FACTORS[1]
    bits ^= bits >> _SHIFTS[2]
    return bits


def row_hashes(first: int, rows: int) -> Hashes:
    """Returns the hash of each row's number: the generator's outputs for the seed 0.

    Args:
        first: The number of the first row in its split.
        rows: How many rows.
    """
    return hashes_of_numbers(np.arange(first, first + rows))


def hashes_of_numbers(numbers: NDArray[np.int64]) -> Hashes:
    """Returns what ``row_hashes`` does, of rows of any numbers."""
    return mixed(numbers.astype(np.uint64) * STEP)
