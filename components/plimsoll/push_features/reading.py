"""Reads rows to push: Parquet, CSV or JSON lines, each value of the type that is declared."""

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from plimsoll.errors import DataError, nearest, shortened
from plimsoll.feature_store.types import as_declared
from plimsoll.formats.feature_plan import COLUMN_TYPES
from plimsoll.timestamps import microseconds

TIME = "a time"
"""Kind of the columns of event and created timestamps."""
EXACT = pa.timestamp("us", "UTC")
KINDS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".json")
TEXT_TYPES: Mapping[str, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
}
JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int, float),
    "float": (int, float),
    "bool": (bool,),
    "string": (str,),
    "timestamp": (str,),
}
"""The dataset's column type -> what JSON may say for it."""

Column: TypeAlias = Any
"""An Arrow array, or a list of what JSON said."""


def read(path: Path, name: str, kinds: Mapping[str, str]) -> tuple[pa.Table, tuple[str, ...]]:
    """Reads a file's rows into memory.

    Args:
        path: The file.
        name: As it was asked for, whose ending says what it is.
        kinds: Column -> declared value type, or ``TIME``.

    Returns:
        The columns asked for, in their declared types, and the names of those left out.

    Raises:
        DataError: if the file cannot be read, a column is missing, or a value is not of its
            declared type; with the row, counted from 1, and the column.
    """
    columns = _raw(path, name, tuple(kinds))
    for wanted in kinds:
        if wanted not in columns:
            raise DataError(
                f"{name} has no column {wanted!r}",
                cause=nearest(wanted, columns),
                choices=tuple(columns),
                hint="the push source needs " + shortened(tuple(kinds), 20),
            )
    table = pa.table(
        {column: _converted(columns[column], column, kind) for column, kind in kinds.items()}
    )
    return table, tuple(column for column in columns if column not in kinds)


def _raw(path: Path, name: str, wanted: tuple[str, ...]) -> Mapping[str, Column]:
    lower = name.lower()
    try:
        if lower.endswith((".parquet", ".pq")):
            return _arrays(pq.read_table(path))
        if lower.endswith((".csv", ".csv.gz")):
            return _of_csv(path, wanted, packed=lower.endswith(".gz"))
        if lower.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".json")):
            return _of_json(path, name, packed=lower.endswith(".gz"))
    except (pa.ArrowInvalid, OSError, EOFError, UnicodeDecodeError) as error:
        # Behind the numbers of columns stands the row itself.
        text = re.sub(r"(got \d+):.*", r"\1", str(error), flags=re.DOTALL)
        raise DataError(
            f"{name} cannot be read", cause=f"{type(error).__name__}: {text[:200]}"
        ) from error
    raise DataError(
        f"what {name} is cannot be told from its name", choices=KINDS, hint="name it so"
    )


def _arrays(table: pa.Table) -> dict[str, pa.Array]:
    return {column: _joined(table.column(column)) for column in table.column_names}


def _joined(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _of_csv(path: Path, wanted: tuple[str, ...], *, packed: bool) -> dict[str, pa.Array]:
    """Reads all that is wanted as text: what a value is, its declared type says."""
    convert = pc_csv.ConvertOptions(
        column_types=dict.fromkeys(wanted, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with pa.input_stream(str(path), compression="gzip" if packed else None) as stream:
        return _arrays(pc_csv.read_csv(stream, convert_options=convert))


def _of_json(path: Path, name: str, *, packed: bool) -> dict[str, list[Any]]:
    opened: Any = gzip.open if packed else open
    columns: dict[str, list[Any]] = {}
    with opened(path, "rt", encoding="utf-8") as lines:
        rows = 0
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise DataError(f"line {number} of {name} is not a JSON object")
            for column, value in row.items():
                columns.setdefault(column, [None] * rows).append(value)
            rows += 1
            for values in columns.values():
                if len(values) < rows:
                    values.append(None)
    return columns


def _converted(column: Column, name: str, kind: str) -> pa.Array:
    def convert(values: Column) -> pa.Array:
        array = values if isinstance(values, pa.Array) else _from_json(values, kind)
        if kind == TIME:
            return _timestamps(array)
        if kind not in COLUMN_TYPES:
            return array
        return as_declared(_from_text(array, kind), kind, name)

    try:
        return convert(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, DataError) as error:
        row = _first_wrong(column, convert)
        raise DataError(
            f"row {row + 1}: the column {name!r} is not {_named(kind)}",
            cause=error.cause if isinstance(error, DataError) else "",
            hint="nothing was pushed; correct the row, or the type that the view declares",
        ) from error


def _named(kind: str) -> str:
    return "a time: ISO 8601, UTC unless it says" if kind == TIME else f"of the type {kind}"


def _first_wrong(column: Column, convert: Callable[[Column], pa.Array]) -> int:
    """Returns the first row that cannot be converted, found by halves."""
    fits, fails = 0, len(column)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        try:
            convert(column[:middle])
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, DataError):
            fails = middle
        else:
            fits = middle
    return fits


def _from_json(values: Sequence[Any], kind: str) -> pa.Array:
    column_type = "timestamp" if kind == TIME else COLUMN_TYPES.get(kind, "")
    allowed = JSON_TYPES.get(column_type, (object,))
    boolean = column_type in ("bool", "")
    for value in values:
        # To Python a boolean is a whole number.
        if value is not None and (
            not isinstance(value, allowed) or (isinstance(value, bool) and not boolean)
        ):
            raise ValueError(type(value).__name__)
    try:
        return pa.array(values)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _from_text(array: pa.Array, kind: str) -> pa.Array:
    """Returns what texts of a file without types say; other arrays as they are."""
    column_type = COLUMN_TYPES[kind]
    if not _is_text(array) or column_type == "string":
        return array
    if column_type == "timestamp":
        return _timestamps(array)
    return array.cast(TEXT_TYPES[column_type])


def _is_text(array: pa.Array) -> bool:
    return bool(pa.types.is_string(array.type) or pa.types.is_large_string(array.type))


def _timestamps(array: pa.Array) -> pa.Array:
    """Returns times in microseconds UTC; nanoseconds are cut off."""
    if pa.types.is_null(array.type):
        return array.cast(EXACT)
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us", array.type.tz), safe=False).cast(EXACT)
    if pa.types.is_date(array.type):
        return array.cast(pa.timestamp("us")).cast(EXACT)
    if not _is_text(array):
        raise ValueError(f"it is of the type {array.type}")
    coded = array.dictionary_encode()
    times = [microseconds(datetime.fromisoformat(text)) for text in coded.dictionary.to_pylist()]
    return pa.array(times, pa.int64()).take(coded.indices).cast(EXACT)
