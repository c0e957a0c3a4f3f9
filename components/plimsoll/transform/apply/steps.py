"""What the steps of applying a transform have in common."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plimsoll.formats.columns import Column, Columns, DictionaryColumn

FEW = 64
"""Up to so many values, Python's own look-ups are faster than numpy's."""


class Features(NamedTuple):
    """Transformed rows."""

    numeric: NDArray[np.float32]
    """Shape (rows, numeric outputs)."""
    categorical: NDArray[np.int32]
    """Shape (rows, widths of the categorical outputs together): 0 missing, 1 unknown, 2.. known."""


Fill = Callable[[slice, Features], None]
"""Writes a step's outputs of some rows: which rows, and the outputs of just these."""
Step = Callable[[Columns], Fill]
"""Gets ready for columns: what is done once, however many rows there are."""
Encode = Callable[[Any], NDArray[Any]]
"""Makes outputs of raw values: a list of texts and None, or a float64 array."""
RowEncoder = Callable[[slice], NDArray[Any]]
"""Returns the encoded values of some rows."""


def row_encoder(encode: Encode, column: Column) -> RowEncoder:
    """Gets ready to encode a column's rows; a coded column's texts are encoded here and now."""
    if isinstance(column, DictionaryColumn):
        # Code -1, missing, takes the last one.
        table, codes = encode([*column.values, None]), column.codes
        return lambda rows: table.take(codes[rows], axis=0, mode="wrap")
    if column.dtype == object:
        return lambda rows: encode(column[rows].tolist())
    return lambda rows: encode(column[rows])


def encoded_step(name: str, encode: Encode, outputs: slice, *, numeric: bool) -> Step:
    """Returns the step that encodes a column value by value.

    Args:
        name: The column.
        encode: Makes the outputs, shape (values,) or (values, outputs).
        outputs: Where the outputs stand.
        numeric: Whether among the numeric outputs or the categorical ones.
    """
    which = 0 if numeric else 1

    def step(columns: Columns) -> Fill:
        take = row_encoder(encode, columns[name])

        def fill(rows: slice, out: Features) -> None:
            encoded = take(rows)
            # What is made one by one is one number long, also where a list has room for one.
            where: Any = outputs if encoded.ndim > 1 else outputs.start
            out[which][:, where] = encoded

        return fill

    return step


def absent(values: Any) -> NDArray[np.bool_]:
    """Finds out which values are missing."""
    if isinstance(values, Sequence):
        return np.array([value is None for value in values], np.bool_)
    return np.asarray(~np.isfinite(values))
