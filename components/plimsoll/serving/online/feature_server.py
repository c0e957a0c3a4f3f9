"""Reads features through a Feast feature server, whichever online store is behind it.

``POST /get-online-features`` takes columns of join keys and gives, for each feature, values,
statuses and event timestamps. Views are looked up by their own keys alone, so that the keys of
several entities travel side by side in one request, unless they share a join key.
"""

import base64
import http.client
import io
import json
import socket
import ssl
import threading
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from plimsoll.serving.online.keys import microseconds
from plimsoll.serving.online.store import (
    DAMAGED,
    REFUSED,
    UNREACHABLE,
    Entity,
    EntityKeys,
    FeatureRow,
    LookupPlan,
    LookupView,
    StoreError,
    damaged,
    seconds_left,
    timed_out,
)
from plimsoll.serving.online.values import DamagedValueError, settled

ROUTE = "/get-online-features"
NOT_FOUND = "NOT_FOUND"
STATUSES = ("PRESENT", "NULL_VALUE", NOT_FOUND, "OUTSIDE_MAX_AGE")
MOST_BYTES = 256 << 20
CHUNK_BYTES = 1 << 16


class HttpReader:
    """Asks a Feast feature server.

    Args:
        url: Where it answers, such as ``http://localhost:6566``; a user and a password in it go
            along.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/") + ROUTE
        self._headers = {"Content-Type": "application/json", **_authorization(parts)}
        self._plan = LookupPlan(project="", entities=(), views=())
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def prepare(self, plan: LookupPlan) -> None:
        """Takes what will be read, once, before the first read; touches no store."""
        self._plan = plan

    def read(
        self, keys: Mapping[int, EntityKeys], views: Collection[int], deadline: float
    ) -> dict[int, list[FeatureRow | None]]:
        """Reads views for keys, in as few requests as their join keys allow; see ``OnlineReader``.

        Raises:
            StoreError: if the server does not answer as it should, or not in time.
        """
        rows_of: dict[int, list[FeatureRow | None]] = {}
        for entities in _side_by_side({entity: self._plan.entities[entity] for entity in keys}):
            together = {
                index: view
                for index in views
                if (view := self._plan.views[index]).entity in entities
            }
            columns, rows = self._columns(entities, keys)
            body = {
                "features": [
                    f"{view.name}:{feature.name}"
                    for view in together.values()
                    for feature in view.features
                ],
                "entities": columns,
                "full_feature_names": True,
            }
            answer = self._posted(json.dumps(body).encode(), deadline)
            try:
                results = _results(answer, rows)
                for index, view in together.items():
                    rows_of[index] = _stored(view, results, len(keys[view.entity].keys))
            except (LookupError, AttributeError, TypeError, ValueError, OverflowError) as error:
                raise damaged(error, "the feature server's answer is not one") from error
        return rows_of

    def close(self) -> None:
        """Lets go of all threads' connections."""
        with self._lock:
            opened, self._opened = self._opened, []
        for connection in opened:
            connection.close()
        self._local = threading.local()

    def _columns(
        self, entities: Sequence[int], keys_of: Mapping[int, EntityKeys]
    ) -> tuple[dict[str, list[Any]], int]:
        rows = max(len(keys_of[entity].values) for entity in entities)
        columns: dict[str, list[Any]] = {}
        for entity in entities:
            keys = [*keys_of[entity].values]
            # Columns are of one length; what is sent again is not looked at.
            keys += keys[:1] * (rows - len(keys))
            for index, key in enumerate(self._plan.entities[entity].keys):
                columns[key.join_key] = [values[index] for values in keys]
        return columns, rows

    def _posted(self, body: bytes, deadline: float) -> Any:
        try:
            data = self._exchanged(body, deadline)
        except TimeoutError as error:
            raise timed_out() from error
        except OSError as error:
            raise StoreError(
                UNREACHABLE, "the feature server cannot be reached", cause=type(error).__name__
            ) from error
        except http.client.HTTPException as error:
            raise StoreError(
                REFUSED, "the feature server does not speak HTTP", cause=type(error).__name__
            ) from error
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise StoreError(DAMAGED, "the feature server's answer is not JSON") from error

    def _exchanged(self, body: bytes, deadline: float) -> bytes:
        kept = getattr(self._local, "connection", None) is not None
        try:
            return self._exchanged_once(body, deadline)
        except ConnectionError:
            # The server may close a connection that was idle; one that is new tells the truth.
            if not kept:
                raise
        return self._exchanged_once(body, deadline)

    def _exchanged_once(self, body: bytes, deadline: float) -> bytes:
        connection = self._connection(deadline)
        try:
            connection.request("POST", self._path, body, self._headers)
            connection.response_class = partial(_Response, deadline)  # type: ignore[assignment]
            with connection.getresponse() as response:
                if response.status != http.client.OK:
                    raise StoreError(
                        REFUSED,
                        "the feature server answered with an error",
                        cause=f"status {response.status}",
                    )
                return _content(response)
        except BaseException:
            # What is still under way on it would be taken for the answer to the next request.
            self._drop(connection)
            raise

    def _connection(self, deadline: float) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is not None and kept.sock is not None:
            kept.sock.settimeout(seconds_left(deadline))
            return kept
        left = seconds_left(deadline)
        made = (
            http.client.HTTPConnection(self._host, self._port, timeout=left)
            if self._tls is None
            else http.client.HTTPSConnection(
                self._host, self._port, timeout=left, context=self._tls
            )
        )
        with self._lock:
            self._opened.append(made)
        self._local.connection = made
        made.connect()
        # The head and the body of a request are two segments, and the second must not wait.
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        self._local.connection = None
        with self._lock:
            if connection in self._opened:
                self._opened.remove(connection)


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


class _Timely(io.RawIOBase):
    """What a server sends until a deadline, however small the parts that it comes in."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire = wire
        self._deadline = deadline
        # A file of the socket's own, for the client closes the socket where the server means to.
        self._raw = wire.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._wire.settimeout(seconds_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is there by a deadline, its head as well as its body."""

    def __init__(self, deadline: float, sock: socket.socket, method: str | None = None) -> None:
        super().__init__(sock, method=method)
        self.fp.close()
        self.fp = io.BufferedReader(_Timely(sock, deadline))


def _content(response: http.client.HTTPResponse) -> bytes:
    parts = []
    size = 0
    while part := response.read1(CHUNK_BYTES):
        size += len(part)
        if size > MOST_BYTES:
            raise StoreError(DAMAGED, "the feature server's answer does not end")
        parts.append(part)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    # The connection, which stays open, is ready for the next request.
    response.close()
    return b"".join(parts)


def _side_by_side(entities: Mapping[int, Entity]) -> list[list[int]]:
    """Returns groups of entities, no two of a group with a join key in common."""
    groups: list[tuple[set[str], list[int]]] = []
    for index, entity in entities.items():
        names = {key.join_key for key in entity.keys}
        group = next((group for group in groups if not group[0] & names), None)
        if group is None:
            groups.append((names, [index]))
        else:
            group[0].update(names)
            group[1].append(index)
    return [indices for _, indices in groups]


def _results(answer: Any, rows: int) -> dict[str, Mapping[str, Any]]:
    """Returns the answer's vectors by their features' names."""
    names = answer["metadata"]["feature_names"]
    vectors = dict(zip(names, answer["results"], strict=True))
    for vector in vectors.values():
        if any(len(vector[part]) != rows for part in ("values", "statuses", "event_timestamps")):
            raise DamagedValueError("a feature has another number of values than of keys")
    return vectors


def _stored(
    view: LookupView, results: Mapping[str, Mapping[str, Any]], keys: int
) -> list[FeatureRow | None]:
    vectors = [results[f"{view.name}__{feature.name}"] for feature in view.features]
    types = [feature.type for feature in view.features]
    rows: list[FeatureRow | None] = []
    for row in range(keys):
        statuses = [vector["statuses"][row] for vector in vectors]
        if not set(statuses).issubset(STATUSES):
            raise DamagedValueError("a feature has a status that is not known")
        if all(status == NOT_FOUND for status in statuses):
            rows.append(None)
            continue
        values = tuple(
            None if status == NOT_FOUND else settled(kind, vector["values"][row])
            for status, kind, vector in zip(statuses, types, vectors, strict=True)
        )
        times = (
            microseconds(vector["event_timestamps"][row])
            for status, vector in zip(statuses, vectors, strict=True)
            if status != NOT_FOUND
        )
        rows.append(FeatureRow(min(times), values))
    return rows
