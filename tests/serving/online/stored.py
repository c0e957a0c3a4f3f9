"""Online stores as Feast lays them out, written without Feast: what look-ups are tested on."""

import calendar
import sqlite3
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plimsoll.formats.feature_plan import FeaturePlan, View

TYPES = {"STRING": 2, "INT32": 3, "INT64": 4, "UNIX_TIMESTAMP": 8}


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def value_bytes(kind: str, value: Any) -> bytes:
    """A ``Value`` message."""
    if value is None:
        return b""
    if kind == "STRING":
        return b"\x12" + varint(len(value.encode())) + value.encode()
    if kind == "DOUBLE":
        return b"\x29" + struct.pack("<d", value)
    if kind == "FLOAT":
        return b"\x35" + struct.pack("<f", value)
    tag = {"INT32": 3, "INT64": 4, "BOOL": 7, "UNIX_TIMESTAMP": 8}[kind] << 3
    return bytes([tag]) + varint(int(value))


def key_bytes(view: View, values: Mapping[str, Any]) -> bytes:
    """An entity key of version 3."""
    keys = sorted(view.keys, key=lambda key: key.join_key)
    out = struct.pack("<I", len(keys))
    for key in keys:
        name = key.join_key.encode()
        out += struct.pack("<II", 2, len(name)) + name
    for key in keys:
        value = values.get(key.column, "")
        data = {
            "STRING": lambda value=value: value.encode(),
            "INT32": lambda value=value: struct.pack("<i", value),
            "INT64": lambda value=value: struct.pack("<q", value),
            "UNIX_TIMESTAMP": lambda value=value: struct.pack("<q", value),
        }[key.type]()
        out += struct.pack("<II", TYPES[key.type], len(data)) + data
    return out


class SqliteStore:
    """A file with Feast's tables; ``exact`` adds the column of our store."""

    def __init__(self, path: Path, plan: FeaturePlan, *, exact: bool = False) -> None:
        self.path, self.plan, self.exact = path, plan, exact
        self.handle = sqlite3.connect(path, check_same_thread=False)
        for view in plan.views:
            more = ", event_us INTEGER" if exact else ""
            self.handle.execute(
                f'CREATE TABLE IF NOT EXISTS "{plan.project}_{view.name}" '
                "(entity_key BLOB, feature_name TEXT, "
                "value BLOB, value_text TEXT, vector_value BLOB, event_ts timestamp, "
                f"created_ts timestamp{more}, PRIMARY KEY(entity_key, feature_name))"
            )
        self.handle.commit()

    @property
    def where(self) -> str:
        return f"sqlite:{self.path}"

    def put(self, view: str, keys: Mapping[str, Any], event_us: int, **values: Any) -> None:
        """Keeps features of a key; bytes are kept as they are."""
        found = next(item for item in self.plan.views if item.name == view)
        types = {item.name: item.type for item in found.features}
        local = int(time.mktime(time.gmtime(event_us // 1_000_000)))
        assert calendar.timegm(time.localtime(local)) == event_us // 1_000_000
        for name, value in values.items():
            data = value if isinstance(value, bytes) else value_bytes(types[name], value)
            row = (key_bytes(found, keys), name, data, None, None, local, None)
            row += (event_us,) if self.exact else ()
            self.handle.execute(
                f'INSERT OR REPLACE INTO "{self.plan.project}_{view}" '
                f"VALUES ({','.join('?' * len(row))})",
                row,
            )
        self.handle.commit()


class RedisStore:
    """Feast's hashes on a server."""

    def __init__(self, url: str, plan: FeaturePlan) -> None:
        import redis

        from plimsoll.serving.online.keys import hash_field

        self.where, self.plan, self._field = url, plan, hash_field
        self.client = redis.Redis.from_url(url)

    def put(self, view: str, keys: Mapping[str, Any], event_us: int, **values: Any) -> None:
        """Keeps features of a key; bytes are kept as they are."""
        found = next(item for item in self.plan.views if item.name == view)
        types = {item.name: item.type for item in found.features}
        seconds, rest = divmod(event_us, 1_000_000)
        stamp = (b"\x08" + varint(seconds) if seconds else b"") + (
            b"\x10" + varint(rest * 1000) if rest else b""
        )
        fields = {
            self._field(view, name): value
            if isinstance(value, bytes)
            else value_bytes(types[name], value)
            for name, value in values.items()
        }
        key = key_bytes(found, keys) + self.plan.project.encode()
        self.client.hset(key, mapping={f"_ts:{view}".encode(): stamp, **fields})
