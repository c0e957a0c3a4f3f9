"""Columns of raw values as the transform takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class DictionaryColumn:
    """A dictionary-encoded column of text: what is made of it is made once a text."""

    codes: NDArray[np.int32]
    """Shape (rows,): the index of each row's text in ``values``, -1 for missing."""
    values: Sequence[str]
    """The texts; one may be there twice, or be in no row."""

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.codes)


Column: TypeAlias = NDArray[Any] | DictionaryColumn
Columns: TypeAlias = Mapping[str, Column]
"""Column name -> values, shape (rows,). int and float columns: float64, NaN for missing; bool:
float64 0 or 1, NaN for missing; string: object array of str, None for missing, or
``DictionaryColumn``; timestamp: datetime64[us] in UTC, NaT for missing. An infinity counts as
missing."""
