"""Brings columns of any Arrow type to the five types of a dataset."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError
from plimsoll.formats.dataset import ARROW_TYPES

INT, FLOAT, TEXT = ARROW_TYPES["int"], ARROW_TYPES["float"], ARROW_TYPES["string"]
TIMESTAMP = ARROW_TYPES["timestamp"]
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, which Python's datetime holds, in microseconds from the epoch."""


def to_dataset_types(table: pa.Table, file: str) -> pa.Table:
    """Returns the table with each column as int, float, bool, string, timestamp or null.

    Decimals and durations (seconds) become floats, dates and zoned times become timestamps in
    UTC, times of day and dictionaries become what they say. There is one zero.

    Args:
        table: Columns of any flat Arrow type.
        file: What to call their file in errors.

    Raises:
        DataError: if a column's values do not fit.
    """
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        try:
            columns.append(_normalized(_converted(column)))
        except (pa.ArrowException, OverflowError):
            # Arrow's own message quotes the value, which may be private.
            raise DataError(
                f"{file}: column {field.name!r} of type {field.type} cannot be kept",
                cause="a value is out of range, or Arrow knows no way to convert the type",
                hint="convert the column, or leave it out of the file",
            ) from None
    return pa.Table.from_arrays(columns, names=table.column_names)


def select_columns(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """Returns some columns of a batch, in the order asked for."""
    columns = [batch.column(batch.schema.get_field_index(name)) for name in names]
    return pa.RecordBatch.from_arrays(columns, names=list(names))


def without_infinities(table: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """Returns the table with NaN and infinities as missing, and how many infinities a column had.

    Args:
        table: Columns of a dataset's types.
    """
    counts = {}
    for index, field in enumerate(table.schema):
        if field.type != FLOAT:
            continue
        column = table.column(index)
        finite = pc.is_finite(column)
        if pc.all(finite).as_py() in (True, None):
            continue
        infinities = pc.sum(pc.is_inf(column)).as_py()
        if infinities:
            counts[field.name] = int(infinities)
        kept = pc.if_else(finite, column, pa.scalar(None, FLOAT))
        table = table.set_column(index, field.name, kept)
    return table, counts


def _converted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if kind in ARROW_TYPES.values() or pa.types.is_null(kind):
        return column
    for is_one, convert in _CONVERSIONS:
        if is_one(kind):
            return convert(column)
    raise pa.ArrowNotImplementedError(str(kind))


def _normalized(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type == FLOAT:
        # A whole -0 has lost its sign already, if it stood among whole numbers.
        return pc.add(column, 0.0)
    if column.type == TIMESTAMP:
        ends = pc.min_max(column.cast(INT)).as_py()
        if ends["min"] is not None and not EARLIEST <= ends["min"] <= ends["max"] <= LATEST:
            raise pa.ArrowInvalid("a moment is out of the calendar's range")
    return column


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return _converted(column.cast(column.type.value_type))


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(INT)
    except pa.ArrowInvalid:
        return column.cast(FLOAT, safe=False)


def _timestamps(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("ms" if pa.types.is_date64(kind) else "s")).cast(TIMESTAMP)
    # A zoned timestamp counts from the epoch in UTC already; only its type names the zone.
    naive = column.cast(INT).cast(pa.timestamp(kind.unit))
    return naive.cast(TIMESTAMP, safe=kind.unit != "ns")


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    return pc.divide(column.cast(INT).cast(FLOAT, safe=False), float(per_second))


_CONVERSIONS: tuple[
    tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], pa.ChunkedArray]], ...
] = (
    (pa.types.is_dictionary, _decoded),
    (pa.types.is_integer, _whole),
    (pa.types.is_floating, lambda column: column.cast(FLOAT)),
    (pa.types.is_decimal, lambda column: column.cast(FLOAT, safe=False)),
    (pa.types.is_large_string, lambda column: column.cast(TEXT)),
    (pa.types.is_date, _timestamps),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_time, lambda column: column.cast(TEXT)),
    (pa.types.is_duration, _seconds),
)
