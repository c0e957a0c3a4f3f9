"""The requests of a look-up: instances of v1, or columns of v2."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from plimsoll.errors import RequestError, nearest

_HINT = "give null for a value that is not known"


class RowsRequest:
    """Instances: one mapping of raw values a row.

    Args:
        rows: The instances.

    Raises:
        RequestError: if one is not a mapping.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        for index, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise RequestError(
                    f"instances[{index}] must be an object of raw column values",
                    cause=f"it is a {type(row).__name__}",
                )

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def given(self, names: frozenset[str]) -> list[frozenset[str]]:
        """Returns, row by row, which of some columns are given; one for all if it holds for all."""
        given = [names.intersection(row) for row in self.rows]
        return given[:1] if len(set(given)) == 1 else given

    def optional(self, name: str) -> list[Any] | None:
        """Returns a column, None where a row lacks it; None if no row has it."""
        values = [row.get(name) for row in self.rows]
        return None if values.count(None) == len(values) else values

    def values(self, name: str, rows: Sequence[int]) -> list[Any]:
        """Returns a column of some rows, given by their indices.

        Raises:
            RequestError: if one of the rows lacks it.
        """
        try:
            return [self.rows[row][name] for row in rows]
        except KeyError:
            row = next(row for row in rows if name not in self.rows[row])
            raise _lacking(f"instances[{row}]: ", name, self.rows[row]) from None


class ListsRequest:
    """Columns: one list of values each.

    Args:
        lists: Column name -> its values.

    Raises:
        RequestError: if the lengths differ.
    """

    def __init__(self, lists: Mapping[str, Sequence[Any]]) -> None:
        self.lists = lists
        lengths = {len(values) for values in lists.values()}
        if len(lengths) > 1:
            raise RequestError(
                "the columns have different numbers of values",
                cause=", ".join(f"{name}: {len(values)}" for name, values in lists.items()),
            )
        self._size = next(iter(lengths), 0)

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self._size

    def given(self, names: frozenset[str]) -> list[frozenset[str]]:
        """Returns which of some columns are given, which holds for all rows."""
        return [names.intersection(self.lists)]

    def optional(self, name: str) -> list[Any] | None:
        """Returns a column; None if the request lacks it."""
        values = self.lists.get(name)
        return None if values is None else list(values)

    def values(self, name: str, rows: Sequence[int]) -> list[Any]:
        """Returns a column of some rows, given by their indices.

        Raises:
            RequestError: if the request lacks it.
        """
        try:
            values = self.lists[name]
        except KeyError:
            raise _lacking("", name, self.lists) from None
        return [values[row] for row in rows]


Request: TypeAlias = RowsRequest | ListsRequest


def _lacking(where: str, name: str, given: Mapping[str, Any]) -> RequestError:
    close = nearest(name, [str(column) for column in given])
    return RequestError(
        f"{where}the column {name!r} is missing",
        cause=f"features are looked up by it; it has {', '.join(map(str, given)) or 'no columns'}"
        + (f"; {close}" if close else ""),
        hint=_HINT,
    )
