"""Rows of a feature view as an online store keeps them: Feast's own bytes, column by column.

Entity keys and values are serialized exactly as Feast serializes them one by one; whole columns
of the plain types are, at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError
from plimsoll.feature_store.types import KEY_COLUMNS, as_declared
from plimsoll.formats.feature_plan import COLUMN_TYPES
from plimsoll.timestamps import SECOND_US, microseconds

EVENT_US = "__event_us"
CREATED_US = "__created_us"
KEY_VERSION = 3
GROUPS = 10
"""Of seven bits, in a varint of 64."""
NO_VALUE = b""
"""An empty ValueProto: what Feast keeps for a null."""
TYPE_NUMBERS: Mapping[str, int] = {
    "STRING": 2,
    "INT32": 3,
    "INT64": 4,
    "DOUBLE": 5,
    "FLOAT": 6,
    "BOOL": 7,
    "UNIX_TIMESTAMP": 8,
}
"""Feast's value type -> its number, which is that of ValueProto's field too."""
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types of protobuf."""


@dataclass(frozen=True, kw_only=True)
class ViewSchema:
    """The columns of a view's rows."""

    view: str
    """For messages."""
    keys: Mapping[str, str]
    """Join key -> value type."""
    features: Mapping[str, str]
    """Feature -> value type."""

    def __post_init__(self) -> None:
        for name, kind in self.keys.items():
            if kind not in KEY_COLUMNS:
                raise DataError(
                    f"the entity key {name!r} of {self.view!r} has the type {kind}",
                    cause="it cannot be serialized into a key",
                    choices=tuple(KEY_COLUMNS),
                )


@dataclass(frozen=True, kw_only=True)
class EncodedRows:
    """Rows of one view, ready to be written; all lists are of the same length."""

    features: tuple[str, ...]
    """Names, in the order of ``values`` and ``texts``."""
    keys: Sequence[bytes]
    """Entity keys, as Feast serializes them."""
    values: Sequence[Sequence[bytes]]
    """By feature: ValueProto bytes a row."""
    texts: Sequence[Sequence[str | None]] = field(default=())
    """By feature: the value as text a row, None where it has none."""
    event_us: Sequence[int]
    """Event timestamp, microseconds UTC."""
    created_us: Sequence[int | None]
    """Created timestamp, microseconds UTC."""

    def __len__(self) -> int:
        return len(self.keys)

    def slices(self, rows: int) -> Iterator[EncodedRows]:
        """Yields the rows in parts of at most ``rows``."""
        for start in range(0, len(self), rows):
            part = slice(start, start + rows)
            yield EncodedRows(
                features=self.features,
                keys=self.keys[part],
                values=[column[part] for column in self.values],
                texts=[column[part] for column in self.texts],
                event_us=self.event_us[part],
                created_us=self.created_us[part],
            )


def view_schema(view: Any) -> ViewSchema:
    """Returns the columns of a Feast feature view's rows."""
    return ViewSchema(
        view=view.name,
        keys={item.name: item.dtype.to_value_type().name for item in view.entity_columns},
        features={item.name: item.dtype.to_value_type().name for item in view.features},
    )


def cast_as_declared(batch: pa.RecordBatch, schema: ViewSchema) -> dict[str, pa.Array]:
    """Returns the columns of a view by name, in their declared types.

    Args:
        batch: The view's keys and features, as a source has them.
        schema: The view's columns.

    Raises:
        DataError: if a value does not fit its declared type, or a key is null.
    """
    columns = {}
    for name, kind in schema.keys.items():
        columns[name] = as_declared(
            batch.column(name), kind, f"the entity key {name!r} of {schema.view!r}"
        )
        if columns[name].null_count:
            raise DataError(
                f"the entity key {name!r} of {schema.view!r} is null",
                cause=f"in {columns[name].null_count} of {len(columns[name])} rows",
                hint="leave such rows out: nothing is found by a null",
            )
    for name, kind in schema.features.items():
        column = batch.column(name)
        if kind in COLUMN_TYPES:
            column = as_declared(column, kind, f"the feature {name!r} of {schema.view!r}")
        columns[name] = column
    return columns


def encode_rows(batch: pa.RecordBatch, schema: ViewSchema, *, texts: bool = False) -> EncodedRows:
    """Serializes a batch of rows, their values cast as they are declared.

    Args:
        batch: The view's keys and features, ``EVENT_US`` and ``CREATED_US`` as integers.
        schema: The view's columns.
        texts: Whether values are wanted as text too.

    Raises:
        DataError: if a value does not fit its declared type, or a key is null.
    """
    columns = cast_as_declared(batch, schema)
    kinds = schema.features.items()
    return EncodedRows(
        features=tuple(schema.features),
        keys=encode_keys({name: columns[name] for name in schema.keys}, schema.keys),
        values=[encode_values(columns[name], kind) for name, kind in kinds],
        texts=[values_as_text(columns[name], kind) for name, kind in kinds] if texts else (),
        event_us=batch.column(EVENT_US).to_pylist(),
        created_us=batch.column(CREATED_US).to_pylist(),
    )


def encode_keys(columns: Mapping[str, pa.Array], kinds: Mapping[str, str]) -> list[bytes]:
    """Serializes entity keys, version 3: names and values in the order of the names.

    Args:
        columns: Join key -> a value a row, none null, as ``as_declared`` gives them.
        kinds: Join key -> value type.
    """
    names = sorted(columns)
    prefix = struct.pack("<I", len(names)) + b"".join(_named(name) for name in names)
    parts = [_key_part(columns[name], kinds[name]) for name in names]
    if len(parts) == 1:
        return [prefix + part for part in parts[0]]
    return [prefix + b"".join(part) for part in zip(*parts, strict=True)]


def _named(name: str) -> bytes:
    text = name.encode()
    return struct.pack("<II", TYPE_NUMBERS["STRING"], len(text)) + text


def _key_part(column: pa.Array, kind: str) -> list[bytes]:
    number = TYPE_NUMBERS[kind]
    if kind == "STRING":
        return _by_value(column, lambda text: struct.pack("<II", number, len(text)) + text)
    width = 4 if kind == "INT32" else 8
    numbers = _numbers(column, kind).astype(f"<i{width}")
    head = np.frombuffer(struct.pack("<II", number, width), np.uint8)
    return _side_by_side(head, numbers)


def encode_values(column: pa.Array, kind: str) -> list[bytes]:
    """Serializes values as ValueProto; a null is an empty one.

    Args:
        column: Values as ``as_declared`` gives them; of lists and the like, as the source does.
        kind: The declared value type.

    Raises:
        DataError: if a value of a list, a map or the like does not fit.
    """
    if kind not in TYPE_NUMBERS:
        return _through_feast(column, kind)
    number = TYPE_NUMBERS[kind]
    if kind == "STRING":
        head = bytes([number << 3 | LENGTH])
        return _by_value(column, lambda text: head + _varint(len(text)) + text)
    return _with_nulls(column, _number_bytes(_numbers(column, kind), number, kind))


def values_as_text(column: pa.Array, kind: str) -> list[str | None]:
    """Returns values as the text that Feast keeps beside them, None for what has none."""
    if kind not in TYPE_NUMBERS or kind == "UNIX_TIMESTAMP":
        return [None] * len(column)
    if kind == "STRING":
        return list(column.to_pylist())
    texts: list[str | None] = list(map(str, column.to_pylist()))
    for row in _null_rows(column):
        texts[row] = None
    return texts


def _numbers(column: pa.Array, kind: str) -> Any:
    if kind == "UNIX_TIMESTAMP":
        column = pc.divide(column.cast(pa.int64()), SECOND_US)
    if column.null_count:
        column = pc.fill_null(column, pa.scalar(False if kind == "BOOL" else 0, column.type))
    return column.to_numpy(zero_copy_only=False)


def _number_bytes(numbers: Any, number: int, kind: str) -> list[bytes]:
    if kind == "DOUBLE":
        return _side_by_side(_tag(number, FIXED64), numbers.astype("<f8"))
    if kind == "FLOAT":
        return _side_by_side(_tag(number, FIXED32), numbers.astype("<f4"))
    if kind == "BOOL":
        both = (bytes([number << 3, 0]), bytes([number << 3, 1]))
        return [both[value] for value in numbers.tolist()]
    return _varints(numbers.astype(np.int64), number << 3 | VARINT)


def _tag(number: int, wire: int) -> Any:
    return np.array([number << 3 | wire], np.uint8)


def _side_by_side(head: Any, numbers: Any) -> list[bytes]:
    """Returns ``head`` followed by each number's bytes."""
    width = len(head) + numbers.dtype.itemsize
    cells = np.empty((len(numbers), width), np.uint8)
    cells[:, : len(head)] = head
    cells[:, len(head) :] = numbers.view(np.uint8).reshape(len(numbers), numbers.dtype.itemsize)
    rows: list[bytes] = cells.view(f"V{width}").ravel().tolist()
    return rows


def _varints(numbers: Any, tag: int) -> list[bytes]:
    """Returns ``tag`` followed by each number as a varint of its 64 bits."""
    bits = numbers.view(np.uint64)
    shifts = np.arange(GROUPS, dtype=np.uint64) * np.uint64(7)
    cells = np.empty((len(bits), GROUPS + 1), np.uint8)
    cells[:, 0] = tag
    cells[:, 1:] = (bits[:, None] >> shifts & np.uint64(127)).astype(np.uint8) | 128
    lengths = np.ones(len(bits), np.int64)
    for group in range(1, GROUPS):
        lengths += bits >= np.uint64(1 << 7 * group)
    cells[np.arange(len(bits)), lengths] &= 127
    flat = cells.tobytes()
    starts = range(0, len(flat), GROUPS + 1)
    return [
        flat[start : start + length]
        for start, length in zip(starts, (lengths + 1).tolist(), strict=True)
    ]


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _by_value(column: pa.Array, serialized: Callable[[bytes], bytes]) -> list[bytes]:
    """Serializes each distinct text once."""
    coded = column.cast(pa.binary()).dictionary_encode()
    encoded = [serialized(value) for value in coded.dictionary.to_pylist()]
    encoded.append(NO_VALUE)
    indices = pc.fill_null(coded.indices, len(encoded) - 1).to_pylist()
    return [encoded[index] for index in indices]


def _with_nulls(column: pa.Array, encoded: list[bytes]) -> list[bytes]:
    for row in _null_rows(column):
        encoded[row] = NO_VALUE
    return encoded


def _null_rows(column: pa.Array) -> Iterable[int]:
    if not column.null_count:
        return ()
    rows: list[int] = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist()
    return rows


def _through_feast(column: pa.Array, kind: str) -> list[bytes]:
    """Serializes lists, maps and the like one by one, as Feast does."""
    from feast.type_map import python_values_to_proto_values
    from feast.value_type import ValueType

    try:
        protos = python_values_to_proto_values(column.to_pylist(), ValueType[kind])
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise DataError(f"a value cannot be kept as {kind}", cause=str(error)[:200]) from error
    return [proto.SerializeToString() for proto in protos]


def encode_protos(
    data: Sequence[tuple[Any, Mapping[str, Any], datetime, datetime | None]],
    *,
    key_version: int = KEY_VERSION,
    texts: bool = False,
) -> Iterator[EncodedRows]:
    """Serializes rows as Feast hands them to an online store, those with the same features at once.

    Args:
        data: Entity key, values, event and created timestamp a row; without a zone they are UTC.
        key_version: Feast's ``entity_key_serialization_version``.
        texts: Whether values are wanted as text too.

    Yields:
        The rows in their order, apart where their features differ.
    """
    from feast.infra.key_encoding_utils import serialize_entity_key
    from feast.infra.online_stores.helpers import extract_text_and_num

    start = 0
    while start < len(data):
        names = tuple(data[start][1])
        end = start + 1
        while end < len(data) and tuple(data[end][1]) == names:
            end += 1
        rows = data[start:end]
        columns = [[values[name] for _, values, _, _ in rows] for name in names]
        yield EncodedRows(
            features=names,
            keys=[serialize_entity_key(key, key_version) for key, _, _, _ in rows],
            values=[[value.SerializeToString() for value in column] for column in columns],
            texts=[
                [extract_text_and_num(value, False)[0] for value in column] for column in columns
            ]
            if texts
            else (),
            event_us=[microseconds(event) for _, _, event, _ in rows],
            created_us=[_or_none(created) for _, _, _, created in rows],
        )
        start = end


def _or_none(created: datetime | None) -> int | None:
    # Not a time is what pandas has for none, and is not itself.
    if created is None or created != created:  # noqa: PLR0124
        return None
    return microseconds(created)
