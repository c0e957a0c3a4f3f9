"""Reads one Parquet file into Arrow, leaving out what has no place in a table of features."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.parquet as pq

from plimsoll.errors import DataError
from plimsoll.ingest.csv_layout import check_names
from plimsoll.ingest.sources import Source


def read_parquet(
    source: Source, *, skip: Collection[str]
) -> tuple[pa.Table, tuple[str, ...], dict[str, str]]:
    """Reads a Parquet file.

    Args:
        source: The file.
        skip: Columns not to read.

    Returns:
        The table, the names of all columns that could be read, and those that could not -> type.

    Raises:
        DataError: if it is cut off, damaged, or has two columns of one name.
    """
    try:
        with pq.ParquetFile(source.path) as file:
            schema = file.schema_arrow
            check_names(schema.names, source.name)
            nested = {field.name: str(field.type) for field in schema if _has_no_place(field.type)}
            names = [name for name in schema.names if name not in nested and name not in skip]
            table = file.read(columns=names).select(names)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{source.name} is not a whole Parquet file",
            cause=str(error),
            hint="write or copy it again",
        ) from error
    readable = tuple(name for name in schema.names if name not in nested)
    return table, readable, nested


def _has_no_place(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _has_no_place(kind.value_type)
    return (
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_interval(kind)
        or isinstance(kind, pa.ExtensionType)
    )
