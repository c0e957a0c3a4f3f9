"""Reads features from Redis, as Feast's store and ours write them: a hash a key.

All keys of all views travel in one round trip, unless they are very many, and views that share a
key share a command. The commands are packed here, for their fields are the same each time;
connections, TLS and passwords are the client's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.serving.online.keys import hash_field, time_field
from plimsoll.serving.online.store import (
    DAMAGED,
    REFUSED,
    UNREACHABLE,
    EntityKeys,
    FeatureRow,
    LookupPlan,
    StoreError,
    damaged,
    seconds_left,
    timed_out,
)
from plimsoll.serving.online.values import (
    DamagedValueError,
    Decoder,
    decoder,
    event_microseconds,
)

if TYPE_CHECKING:
    import redis


COMMANDS_AT_ONCE = 1000
"""Commands in one round trip; the server keeps the answers to all of them in memory."""
_WRONG_TYPE = "WRONGTYPE"


@dataclass(frozen=True, kw_only=True)
class _Slice:
    """Where a view's values stand in the answer to its key's command."""

    view: int
    first: int
    decoders: tuple[Decoder, ...]

    @property
    def time(self) -> int:
        """Index of the event timestamp, behind the values."""
        return self.first + len(self.decoders)


@dataclass(frozen=True, kw_only=True)
class _Command:
    """An HMGET but for its key."""

    head: bytes
    tail: bytes
    slices: tuple[_Slice, ...]


class RedisReader:
    """Reads from one Redis server through a pool of connections.

    Args:
        options: What ``redis.ConnectionPool`` takes: host, port, db, password and so on.
        timeout_seconds: How long a connection, and any wait on one, may take.

    Raises:
        TypeError: if an option is not one; also ValueError, if it has a wrong value.
    """

    def __init__(self, options: Mapping[str, Any], *, timeout_seconds: float) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._pool: redis.ConnectionPool = redis.ConnectionPool(
            **{
                **options,
                "protocol": 2,
                "socket_timeout": timeout_seconds,
                "socket_connect_timeout": timeout_seconds,
                "retry": Retry(NoBackoff(), 0),
                "retry_on_timeout": False,
            }
        )
        # The pool itself looks at the options only when it connects.
        self._pool.connection_class(**self._pool.connection_kwargs)
        self._errors = redis.exceptions
        self._plan = LookupPlan(project="", entities=(), views=())
        self._project = b""
        self._commands: dict[tuple[int, frozenset[int]], _Command] = {}

    def prepare(self, plan: LookupPlan) -> None:
        """Takes what will be read, once, before the first read; touches no store."""
        self._plan = plan
        self._project = plan.project.encode()
        self._commands = {}

    def read(
        self, keys: Mapping[int, EntityKeys], views: Collection[int], deadline: float
    ) -> dict[int, list[FeatureRow | None]]:
        """Reads views for keys, a thousand at a time; see ``OnlineReader``.

        Raises:
            StoreError: if the store does not answer as it should, or not in time.
        """
        chosen = frozenset(views)
        commands = {entity: self._command(entity, chosen) for entity in keys}
        packed = [
            b"%b$%d\r\n%b%b\r\n%b"
            % (command.head, len(key) + len(self._project), key, self._project, command.tail)
            for entity, command in commands.items()
            for key in keys[entity].keys
        ]
        answers = iter(self._answers(packed, deadline))
        rows_of: dict[int, list[FeatureRow | None]] = {}
        try:
            for entity, command in commands.items():
                rows = [next(answers) for _ in keys[entity].keys]
                for part in command.slices:
                    rows_of[part.view] = _stored(part, rows)
        except (DamagedValueError, TypeError, IndexError) as error:
            raise damaged(error) from error
        return rows_of

    def close(self) -> None:
        """Lets go of connections."""
        self._pool.disconnect()

    def _command(self, entity: int, views: frozenset[int]) -> _Command:
        command = self._commands.get((entity, views))
        if command is None:
            command = self._commands[entity, views] = self._packed_command(entity, views)
        return command

    def _packed_command(self, entity: int, views: frozenset[int]) -> _Command:
        fields: list[bytes] = []
        slices = []
        for index, view in enumerate(self._plan.views):
            if view.entity != entity or index not in views:
                continue
            decoders = tuple(decoder(item.type) for item in view.features)
            slices.append(_Slice(view=index, first=len(fields), decoders=decoders))
            fields += [hash_field(view.view.name, item.name) for item in view.features]
            fields.append(time_field(view.view.name))
        return _Command(
            head=b"*%d\r\n$5\r\nHMGET\r\n" % (len(fields) + 2),
            tail=b"".join(b"$%d\r\n%b\r\n" % (len(field), field) for field in fields),
            slices=tuple(slices),
        )

    def _answers(self, packed: Sequence[bytes], deadline: float) -> list[Any]:
        try:
            return self._exchanged(packed, deadline)
        except (self._errors.RedisError, OSError) as error:
            raise self._store_error(error) from error

    def _store_error(self, error: Exception) -> StoreError:
        # Not its text, which may hold what was sent.
        errors, cause = self._errors, type(error).__name__
        if isinstance(error, errors.TimeoutError):
            return timed_out()
        if isinstance(error, errors.ResponseError) and str(error).startswith(_WRONG_TYPE):
            headline = "the feature store holds a damaged value"
            return StoreError(DAMAGED, headline, cause="a key is no hash")
        if isinstance(error, errors.ResponseError):
            return StoreError(REFUSED, "the feature store answered with an error", cause=cause)
        if isinstance(error, (errors.AuthenticationError, errors.AuthorizationError)):
            return StoreError(REFUSED, "the feature store does not take the password", cause=cause)
        reason = REFUSED if isinstance(error, errors.InvalidResponse) else UNREACHABLE
        return StoreError(reason, "the feature store cannot be reached", cause=cause)

    def _exchanged(self, packed: Sequence[bytes], deadline: float) -> list[Any]:
        connection = self._pool.get_connection()
        try:
            answers: list[Any] = []
            for start in range(0, len(packed), COMMANDS_AT_ONCE):
                part = packed[start : start + COMMANDS_AT_ONCE]
                connection.send_packed_command([b"".join(part)], check_health=False)
                for _ in part:
                    if not connection.can_read(timeout=seconds_left(deadline)):
                        raise timed_out()
                    answers.append(connection.read_response())
        except BaseException:
            # What is still under way on it would be taken for the answer to the next request.
            connection.disconnect()
            raise
        finally:
            self._pool.release(connection)
        return answers


def _stored(part: _Slice, rows: Sequence[Sequence[bytes | None]]) -> list[FeatureRow | None]:
    first, last, decoders = part.first, part.time, part.decoders
    result: list[FeatureRow | None] = []
    for row in rows:
        stamp = row[last]
        values = row[first:last]
        if stamp is None:
            if any(value is not None for value in values):
                raise DamagedValueError("a key's values have no event timestamp")
            result.append(None)
            continue
        taken = [decode(value) for decode, value in zip(decoders, values, strict=True)]
        result.append(FeatureRow(event_microseconds(stamp), tuple(taken)))
    return result
