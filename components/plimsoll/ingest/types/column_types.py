"""Which one type holds all values of a column, over all batches of all files."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError
from plimsoll.formats.dataset import ARROW_TYPES, type_name
from plimsoll.ingest.types.columns import FLOAT, INT, TEXT, TIMESTAMP
from plimsoll.ingest.types.inference import NUMBER

BOOL = ARROW_TYPES["bool"]
NULL = pa.null()


@dataclass
class ColumnType:
    """The type that holds all values of one column that were seen."""

    name: str
    type: pa.DataType = NULL
    zoned: bool | None = None
    """Of timestamps: whether they name a zone."""
    bits: bool = True
    """Whether all whole numbers were 0 or 1, and so may be false and true."""
    turned: tuple[str, int] | None = None
    """The file and the row in it where the values turned out to be text after all."""
    in_one_file: bool = False
    """Whether they turned in a file in which they had been something else."""
    _first: tuple[str, str] = ("", "")
    _last_file: str = ""
    _declared: str = ""

    def add(self, values: pa.Array, file: str, row: int, *, declared: bool, zoned: bool) -> None:
        """Takes the values of a batch, of a dataset's type or null.

        Args:
            values: The values.
            file: The name of the file that they stand in.
            row: How many rows of the file come before them.
            declared: Whether the file says its types, so that there is no text to go back to.
            zoned: Whether the values are timestamps that name a zone.

        Raises:
            DataError: if no type holds them and those before, and a file declares its type.
        """
        kind = values.type
        if pa.types.is_null(kind):
            return
        type_text = type_name(kind)
        if declared and not self._declared:
            self._declared = file
        if kind == INT and self.bits and values.null_count < len(values):
            ends = pc.min_max(values).as_py()
            self.bits = ends["min"] >= 0 and ends["max"] <= 1
        common = self._common(kind, zoned)
        if common is None and self._declared:
            first, other = self._first
            raise DataError(
                f"column {self.name!r} is {type_text} in {file} and {other} in {first}",
                cause=f"{self._declared} says its types, so that there is no text to go back to",
                hint="write the files with the same types",
            )
        if common is None:
            self.turned = (file, row + _first_odd(values, self.type))
            self.in_one_file = file == self._last_file
        self.type = TEXT if common is None else common
        self._first = self._first if self._last_file else (file, type_text)
        self._last_file = file

    def _common(self, kind: pa.DataType, zoned: bool) -> pa.DataType | None:
        """Returns the type that holds the values so far and those of another type, or None."""
        if kind == TIMESTAMP and not self._declared:
            if self.zoned not in (None, zoned):
                return None
            self.zoned = zoned
        if self.type in (NULL, kind):
            # False and true may have been written 0 and 1 before, but not 2.
            return kind
        if {self.type, kind} == {INT, FLOAT}:
            return FLOAT
        if {self.type, kind} == {INT, BOOL} and self.bits and not self._declared:
            return BOOL
        return None


def _first_odd(values: pa.Array, before: pa.DataType) -> int:
    """Returns the index of the first value that is not of the type before."""
    if values.type == TEXT and before in (INT, FLOAT):
        odd = pc.invert(pc.match_substring_regex(values, NUMBER))
    else:
        odd = pc.is_valid(values)
    return max(int(pc.index(odd, pa.scalar(True)).as_py()), 0)
