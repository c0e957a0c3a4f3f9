"""Which Arrow types are no plain values, and so have no place in a table of features."""

from __future__ import annotations

import pyarrow as pa


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
