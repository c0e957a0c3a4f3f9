"""Hashes of rows and keys that are the same on every machine and in every version."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plimsoll.statistics.hashing import FACTORS, STEP, mixed

SEPARATOR = "\x1f"
_MISSING = STEP


def hashes_of_rows(batch: pa.RecordBatch | pa.Table) -> NDArray[np.uint64]:
    """Returns a hash of each row's values; equal rows have equal hashes.

    Args:
        batch: Columns of a dataset's types.

    Returns:
        One number a row, spread evenly over 64 bits.
    """
    total = np.zeros(batch.num_rows, dtype=np.uint64)
    for column in batch.columns:
        total = mixed(total * FACTORS[0] + _bits(column))
    return total


def hashes_of_keys(columns: Sequence[pa.Array | pa.ChunkedArray]) -> NDArray[np.uint64]:
    """Returns the first 64 bits of the SHA-256 of each row's key, the text of its columns.

    Args:
        columns: Key columns without missing values.
    """
    texts = [column.cast(pa.string()) for column in columns]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, SEPARATOR)
    return _bits_of_texts(joined)


def _bits(column: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    if pa.types.is_string(column.type):
        return _bits_of_texts(column)
    missing = np.asarray(_as_numpy(column.is_null()), dtype=np.bool_)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    # The two zeros are equal but have different bits.
    values = _as_numpy(column.fill_null(0)) + 0
    kind = np.float64 if values.dtype.kind == "f" else np.int64
    bits = mixed(np.ascontiguousarray(values, dtype=kind).view(np.uint64))
    bits[missing] = _MISSING
    return bits


def _bits_of_texts(column: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    bits = np.empty(len(column), dtype=np.uint64)
    start = 0
    for chunk in chunks:
        encoded = chunk.dictionary_encode()
        words = encoded.dictionary.cast(pa.binary()).to_numpy(zero_copy_only=False)
        digests = b"".join([hashlib.sha256(word).digest()[:8] for word in words])
        table = np.append(np.frombuffer(digests, dtype=">u8").astype(np.uint64), _MISSING)
        codes = encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
        bits[start : start + len(chunk)] = table[codes]
        start += len(chunk)
    return bits


def _as_numpy(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    if isinstance(column, pa.ChunkedArray):
        return np.asarray(column.to_numpy())
    return np.asarray(column.to_numpy(zero_copy_only=False))
