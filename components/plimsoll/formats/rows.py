"""Rows of a dataset in the two forms that leave it: columns of numpy, and JSON objects."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def column_from_arrow(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Returns a dataset's column as the transform takes it.

    Args:
        column: Of the dataset's types: int64, float64, bool, string, timestamp[us].

    Returns:
        Of int, float and bool: float64, NaN for missing; of string: objects, None for missing;
        of timestamp: datetime64[us], NaT for missing.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
    if pa.types.is_string(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), object)
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), "datetime64[us]")
    # Casting to float64 with nulls kept would not do for integers past 2**53: those are rounded.
    numbers = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def decoded(column: pa.Array) -> pa.Array:
    """Returns a column whose values stand in it themselves."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def rows_from_table(table: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    """Returns rows as JSON objects, the form of a request's instances.

    Timestamps become ISO 8601 text in UTC without a zone; NaN and infinities become None.
    """
    names = table.schema.names
    columns = [_json_values(column) for column in table.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _json_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        times = column_from_arrow(column)
        texts = [str(text).removesuffix(".000000") for text in np.datetime_as_string(times)]
        return [None if text == "NaT" else text for text in texts]
    values: list[Any] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [value if value is not None and math.isfinite(value) else None for value in values]
    return values
