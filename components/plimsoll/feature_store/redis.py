"""An online store in Redis that an older value never gets into: Feast's layout, and one rule.

``online_store: {type: plimsoll.feature_store.redis.NewestRedisOnlineStore, ...}``, with the
options of Feast's own. A key's values are replaced, by a script that Redis runs alone, only if
(event timestamp, created timestamp) is the same or later: writers at once cannot pass each other
between a look and a write. Feast keeps no created timestamp in Redis; here it stands in a field
beside Feast's, ``_created:VIEW``, with the event that it belongs to: where plain Feast wrote
another event since, it does not count. ``skip_dedup`` has no effect.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from feast.infra.online_stores.helpers import _mmh3, compute_versioned_name
from feast.infra.online_stores.redis import (
    RedisOnlineStore,
    RedisOnlineStoreConfig,
    RedisType,
)
from google.protobuf.timestamp_pb2 import Timestamp
from redis.exceptions import NoScriptError

from plimsoll.feature_store.online.encoding import EncodedRows, encode_protos
from plimsoll.timestamps import SECOND_US

ROWS_A_SCRIPT = 64
"""Redis answers nobody else while a script runs."""
SCRIPTS_A_TRIP = 16
CONNECT_S = 5
ANSWER_S = 10
"""Where the connection string says nothing else, nothing waits longer."""
NEWEST_WINS = """
local function varint(text, at)
  local low, scale, complement = 0, 1, 0
  for group = 1, 10 do
    local byte = text:byte(at + group - 1)
    if group == 10 then
      return -(complement + 1), at + group
    end
    low = low + (byte % 128) * scale
    complement = complement + (127 - byte % 128) * scale
    scale = scale * 128
    if byte < 128 then
      return low, at + group
    end
  end
end

local function timestamp(text)
  local seconds, nanos, at = 0, 0, 1
  while at <= #text do
    local tag = text:byte(at)
    local value
    value, at = varint(text, at + 1)
    if tag == 8 then seconds = value else nanos = value end
  end
  return seconds, nanos
end

local function older(one, other)
  local seconds, nanos = timestamp(one)
  local other_seconds, other_nanos = timestamp(other)
  return seconds < other_seconds or (seconds == other_seconds and nanos < other_nanos)
end

local function since_created(mark)
  return mark:sub(2 + mark:byte(1))
end

local function refused(event, mark, kept, kept_mark)
  if not kept then return false end
  if kept ~= event then return older(event, kept) end
  local counts = kept_mark and kept_mark:sub(2, 1 + kept_mark:byte(1)) == kept
  if not counts then return false end
  return mark == '' or older(since_created(mark), since_created(kept_mark))
end

local ttl, field, mark_field, count = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local at, written = 4 + count, 0
for _, key in ipairs(KEYS) do
  local event, mark = ARGV[at + 1], ARGV[at + 2]
  local kept = redis.call('HMGET', key, field, mark_field)
  if not refused(event, mark, kept[1], kept[2]) then
    local command = {'HSET', key, field, event}
    for feature = 1, count do
      command[2 * feature + 3] = ARGV[4 + feature]
      command[2 * feature + 4] = ARGV[at + 2 + feature]
    end
    if mark ~= '' then
      command[#command + 1] = mark_field
      command[#command + 1] = mark
    elseif kept[2] then
      redis.call('HDEL', key, mark_field)
    end
    redis.call(unpack(command))
    if ttl > 0 then redis.call('EXPIRE', key, ttl) end
    written = written + 1
  end
  at = at + 2 + count
end
return written
"""


class NewestRedisOnlineStoreConfig(RedisOnlineStoreConfig):
    """Configuration of ``NewestRedisOnlineStore``."""

    type: Literal["plimsoll.feature_store.redis.NewestRedisOnlineStore"] = (
        "plimsoll.feature_store.redis.NewestRedisOnlineStore"
    )
    """The class."""


class NewestRedisOnlineStore(RedisOnlineStore):
    """Feast's Redis store, with the newest value winning, whoever writes at the same time."""

    _sha = ""

    def online_write_batch(
        self,
        config: Any,
        table: Any,
        data: list[Any],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Writes rows as Feast hands them over, and says how many."""
        for rows in encode_protos(data, key_version=config.entity_key_serialization_version):
            self.write_rows(config, table, rows)
            if progress:
                progress(len(rows))

    async def online_write_batch_async(
        self,
        config: Any,
        table: Any,
        data: list[Any],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Writes rows as Feast hands them over, without holding up the event loop."""
        client = await self._get_client_async(config.online_store)
        for rows in encode_protos(data, key_version=config.entity_key_serialization_version):
            for keys, arguments in _calls(config, table, rows):
                await client.eval(NEWEST_WINS, len(keys), *keys, *arguments)
            if progress:
                progress(len(rows))

    def write_rows(self, config: Any, table: Any, rows: EncodedRows) -> None:
        """Writes encoded rows, each key whole or not at all.

        Args:
            config: Feast's configuration.
            table: The feature view.
            rows: The rows.
        """
        client = self._get_client(config.online_store)
        if config.online_store.redis_type == RedisType.redis_cluster:
            for keys, arguments in _calls(config, table, rows, rows_a_script=1):
                client.eval(NEWEST_WINS, 1, *keys, *arguments)
            return
        self._sha = self._sha or client.script_load(NEWEST_WINS)
        trip: list[tuple[list[bytes], list[Any]]] = []
        for call in _calls(config, table, rows):
            trip.append(call)
            if len(trip) == SCRIPTS_A_TRIP:
                self._send(client, trip)
                trip = []
        if trip:
            self._send(client, trip)

    def _send(self, client: Any, trip: list[tuple[list[bytes], list[Any]]]) -> None:
        try:
            self._run_pipeline(client, trip)
        except NoScriptError:
            # The server was started anew; what was written is written again, to no effect.
            self._sha = client.script_load(NEWEST_WINS)
            self._run_pipeline(client, trip)

    def _run_pipeline(self, client: Any, trip: list[tuple[list[bytes], list[Any]]]) -> None:
        with client.pipeline(transaction=False) as pipe:
            for keys, arguments in trip:
                pipe.execute_command("EVALSHA", self._sha, len(keys), *keys, *arguments)
            pipe.execute()

    @staticmethod
    def _parse_connection_string(connection_string: str) -> tuple[Any, dict[str, Any]]:
        nodes, options = RedisOnlineStore._parse_connection_string(connection_string)
        options.setdefault("socket_connect_timeout", CONNECT_S)
        options.setdefault("socket_timeout", ANSWER_S)
        return nodes, options


def _calls(
    config: Any, table: Any, rows: EncodedRows, rows_a_script: int = ROWS_A_SCRIPT
) -> Iterator[tuple[list[bytes], list[Any]]]:
    """Yields the keys and the arguments of each call of the script."""
    view = compute_versioned_name(table, config.registry.enable_online_feature_view_versioning)
    project = config.project.encode()
    events = _timestamps(rows.event_us)
    marks = _marks(events, rows.created_us)
    head: list[Any] = [config.online_store.key_ttl_seconds or 0, f"_ts:{view}", f"_created:{view}"]
    head += [len(rows.features), *(_mmh3(f"{view}:{name}") for name in rows.features)]
    by_row = list(zip(events, marks, *rows.values, strict=True))
    for start in range(0, len(rows), rows_a_script):
        part = slice(start, start + rows_a_script)
        arguments = list(head)
        for values in by_row[part]:
            arguments.extend(values)
        yield [key + project for key in rows.keys[part]], arguments


def _marks(events: Sequence[bytes], created_us: Sequence[int | None]) -> list[bytes]:
    """Returns each row's event timestamp, behind its length, and created timestamp.

    Nothing where there is no created timestamp: the earliest of all.
    """
    created = _timestamps(created_us)
    return [
        b"" if us is None else bytes([len(event)]) + event + timestamp
        for event, us, timestamp in zip(events, created_us, created, strict=True)
    ]


def _timestamps(times_us: Sequence[int | None]) -> list[bytes]:
    encoded: dict[int | None, bytes] = {None: b""}
    for us in {us for us in times_us if us is not None}:
        seconds, rest = divmod(us, SECOND_US)
        encoded[us] = Timestamp(seconds=seconds, nanos=rest * 1000).SerializeToString()
    return [encoded[us] for us in times_us]
