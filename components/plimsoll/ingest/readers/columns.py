"""Which columns of a file can be read: each name once, each type a plain value's."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from plimsoll.errors import DataError, shortened


def check_names(names: Sequence[str], file: str) -> None:
    """Checks that no column name comes twice.

    Raises:
        DataError: if one does.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        positions = [
            str(position) for position, name in enumerate(names, start=1) if name == twice[0]
        ]
        raise DataError(
            f"{file} has two columns of one name: {shortened([repr(name) for name in twice])}",
            cause=f"{twice[0]!r} stands at columns {', '.join(positions)}",
            hint="rename or remove one of them",
        )


def unsupported_columns(schema: pa.Schema) -> dict[str, str]:
    """Returns the columns that are lists, records, bytes or the like -> their type."""
    return {field.name: str(field.type) for field in schema if _is_unsupported(field.type)}


def _is_unsupported(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_unsupported(kind.value_type)
    return (
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_interval(kind)
        or isinstance(kind, pa.ExtensionType)
    )
