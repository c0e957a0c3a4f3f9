"""Reads features through a Feast feature server, whichever online store is behind it.

``POST /get-online-features`` takes columns of join keys and gives, for each feature, values,
statuses and event timestamps. Views are looked up by their own keys alone, so that the keys of
several entities travel side by side in one request, unless they share a join key.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plimsoll.serving.online_keys import microseconds
from plimsoll.serving.online_store import (
    DAMAGED,
    REFUSED,
    UNREACHABLE,
    Asked,
    Entity,
    Stored,
    StoreError,
    Wanted,
    WantedView,
    seconds_left,
    too_late,
)
from plimsoll.serving.online_values import DamagedValueError, settled

if TYPE_CHECKING:
    import httpx

ROUTE = "/get-online-features"
NOT_FOUND = "NOT_FOUND"
STATUSES = ("PRESENT", "NULL_VALUE", NOT_FOUND, "OUTSIDE_MAX_AGE")
MOST_BYTES = 256 << 20


class HttpReader:
    """Asks a Feast feature server.

    Args:
        url: Where it answers, such as ``http://localhost:6566``.
        timeout_seconds: How long a connection, and any wait on one, may take.
    """

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        import ssl

        import httpx

        self._client: httpx.Client = httpx.Client(
            base_url=url.rstrip("/"),
            timeout=timeout_seconds,
            # A proxy for the world outside is none for the store beside this server.
            trust_env=False,
            verify=ssl.create_default_context(),
        )
        self._errors = httpx
        self._wanted = Wanted(project="", entities=(), views=())

    def prepare(self, wanted: Wanted) -> None:
        """Takes what will be asked, once, before the first read; touches no store."""
        self._wanted = wanted

    def read(
        self, asked: Mapping[int, Asked], views: Collection[int], deadline: float
    ) -> dict[int, list[Stored | None]]:
        """Reads views for keys, in as few requests as their join keys allow; see ``OnlineReader``.

        Raises:
            StoreError: if the server does not answer as it should, or not in time.
        """
        found: dict[int, list[Stored | None]] = {}
        for entities in _side_by_side({place: self._wanted.entities[place] for place in asked}):
            together = [place for place in views if self._wanted.views[place].entity in entities]
            columns, rows = self._columns(entities, asked)
            body = {
                "features": [
                    f"{view.name}:{feature.name}"
                    for view in (self._wanted.views[place] for place in together)
                    for feature in view.features
                ],
                "entities": columns,
                "full_feature_names": True,
            }
            answer = self._posted(json.dumps(body).encode(), deadline)
            try:
                results = _results(answer, rows)
                for place in together:
                    view = self._wanted.views[place]
                    found[place] = _stored(view, results, len(asked[view.entity].keys))
            except (DamagedValueError, KeyError, TypeError, ValueError, OverflowError) as error:
                cause = str(error) if isinstance(error, DamagedValueError) else type(error).__name__
                raise StoreError(
                    DAMAGED, "the feature server's answer is not one", cause=cause
                ) from error
        return found

    def close(self) -> None:
        """Lets go of connections."""
        self._client.close()

    def _columns(
        self, entities: Sequence[int], asked: Mapping[int, Asked]
    ) -> tuple[dict[str, list[Any]], int]:
        rows = max(len(asked[entity].values) for entity in entities)
        columns: dict[str, list[Any]] = {}
        for entity in entities:
            keys = [*asked[entity].values]
            # Columns are of one length; what is asked again is not looked at.
            keys += keys[:1] * (rows - len(keys))
            for place, key in enumerate(self._wanted.entities[entity].keys):
                columns[key.join_key] = [values[place] for values in keys]
        return columns, rows

    def _posted(self, body: bytes, deadline: float) -> Any:
        errors = self._errors
        try:
            return self._exchanged(body, deadline)
        except errors.TimeoutException as error:
            raise too_late() from error
        except errors.DecodingError as error:
            raise StoreError(
                DAMAGED, "the feature server's answer cannot be read", cause=type(error).__name__
            ) from error
        except (errors.HTTPError, OSError) as error:
            raise StoreError(
                UNREACHABLE, "the feature server cannot be reached", cause=type(error).__name__
            ) from error

    def _exchanged(self, body: bytes, deadline: float) -> Any:
        headers = {"Content-Type": "application/json"}
        left = seconds_left(deadline)
        with self._client.stream(
            "POST", ROUTE, content=body, headers=headers, timeout=left
        ) as response:
            if response.status_code != 200:
                raise StoreError(
                    REFUSED,
                    "the feature server answered with an error",
                    cause=f"status {response.status_code}",
                )
            parts = []
            size = 0
            for part in response.iter_bytes():
                seconds_left(deadline)
                size += len(part)
                if size > MOST_BYTES:
                    raise StoreError(DAMAGED, "the feature server's answer does not end")
                parts.append(part)
        try:
            return json.loads(b"".join(parts))
        except ValueError as error:
            raise StoreError(DAMAGED, "the feature server's answer is not JSON") from error


def _side_by_side(entities: Mapping[int, Entity]) -> list[list[int]]:
    """Returns groups of entities, no two of a group with a join key in common."""
    groups: list[tuple[set[str], list[int]]] = []
    for place, entity in entities.items():
        names = {key.join_key for key in entity.keys}
        group = next((group for group in groups if not group[0] & names), None)
        if group is None:
            groups.append((names, [place]))
        else:
            group[0].update(names)
            group[1].append(place)
    return [places for _, places in groups]


def _results(answer: Any, rows: int) -> dict[str, Mapping[str, Any]]:
    """Returns the answer's vectors by their features' names."""
    names = answer["metadata"]["feature_names"]
    vectors = dict(zip(names, answer["results"], strict=True))
    for vector in vectors.values():
        if any(len(vector[part]) != rows for part in ("values", "statuses", "event_timestamps")):
            raise DamagedValueError("a feature has another number of values than of keys")
    return vectors


def _stored(
    view: WantedView, results: Mapping[str, Mapping[str, Any]], keys: int
) -> list[Stored | None]:
    vectors = [results[f"{view.name}__{feature.name}"] for feature in view.features]
    types = [feature.type for feature in view.features]
    found: list[Stored | None] = []
    for row in range(keys):
        statuses = [vector["statuses"][row] for vector in vectors]
        if not set(statuses).issubset(STATUSES):
            raise DamagedValueError("a feature has a status that is not known")
        if all(status == NOT_FOUND for status in statuses):
            found.append(None)
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
        found.append(Stored(min(times), values))
    return found
