"""Results as bytes, for a runner that hands back a file; nothing in it is run when it is read."""

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Blobs = list[NDArray[np.uint8]]


def to_bytes(result: Any) -> bytes:
    """Returns a result as JSON and, beside it, what is long: numpy's format of many arrays.

    Args:
        result: Plain values, tuples, mappings, times, arrays of numbers, tables and protocol
            buffers, in dataclasses.
    """
    blobs: Blobs = []
    text = json.dumps(_encoded(result, blobs))
    sink = io.BytesIO()
    np.savez(sink, *[np.frombuffer(text.encode(), np.uint8), *blobs])
    return sink.getvalue()


def from_bytes(data: bytes, types: Sequence[type]) -> Any:
    """Reads what ``to_bytes`` wrote.

    Args:
        data: The bytes.
        types: The dataclasses and protocol buffers that may be in it.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        text, *blobs = [arrays[name] for name in arrays.files]
    return _decoded(json.loads(text.tobytes()), blobs, {item.__name__: item for item in types})


def _encoded(value: Any, blobs: Blobs) -> Any:
    """Returns a value as JSON: what JSON lacks is an object of one key, its kind."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, np.ndarray):
        return {"array": [value.dtype.str, value.tolist()]}
    if isinstance(value, list | tuple):
        return [_encoded(item, blobs) for item in value]
    if isinstance(value, Mapping):
        return {"pairs": [[_encoded(side, blobs) for side in pair] for pair in value.items()]}
    if isinstance(value, pa.Table):
        return {"table": _blob(_arrow_file(value), blobs)}
    name = type(value).__name__
    if dataclasses.is_dataclass(value):
        fields = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return {"fields": [name, {key: _encoded(item, blobs) for key, item in fields.items()}]}
    return {"message": [name, _blob(value.SerializeToString(deterministic=True), blobs)]}


def _decoded(value: Any, blobs: Blobs, types: Mapping[str, type]) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(item, blobs, types) for item in value)
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "time":
        return datetime.fromisoformat(content)
    if kind == "array":
        return np.array(content[1], content[0])
    if kind == "pairs":
        return dict(_decoded(content, blobs, types))
    if kind == "table":
        return pa.ipc.open_file(pa.py_buffer(blobs[content])).read_all()
    if kind == "fields":
        fields = {key: _decoded(item, blobs, types) for key, item in content[1].items()}
        return types[content[0]](**fields)
    message: Any = types[content[0]]
    return message.FromString(blobs[content[1]].tobytes())


def _arrow_file(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _blob(data: bytes, blobs: Blobs) -> int:
    blobs.append(np.frombuffer(data, np.uint8))
    return len(blobs) - 1
