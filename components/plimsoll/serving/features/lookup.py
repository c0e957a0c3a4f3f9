"""Looks a request's features up in an online store, by the plan that travels in the package.

Use::

    lookup = FeatureLookup(plan, SqliteReader(path))
    rows = lookup.rows([{"carrier": "UA", "time_hour": "2013-10-01T06:00:00"}])

``rows`` and ``lists`` give back what they are given with the feature columns added. A value in
the request is kept as it is, null too. What the store lacks, keeps as null, or keeps past the
view's TTL becomes None, which the transform fills as it did in training.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from plimsoll.errors import PlimsollError, RequestError
from plimsoll.formats.feature_plan import FeaturePlan
from plimsoll.serving.features.entity_keys import NO_KEY, entity_keys, row_times
from plimsoll.serving.features.guarded_store import GuardedStore
from plimsoll.serving.features.metrics import (
    AHEAD,
    GIVEN,
    MISSING,
    PRESENT,
    STALE,
    UNAVAILABLE,
    LookupMetrics,
)
from plimsoll.serving.features.on_demand import OnDemandView
from plimsoll.serving.features.request_patterns import Lookup, RequestPatterns
from plimsoll.serving.features.requests import ListsRequest, Request, RowsRequest
from plimsoll.serving.lookup_config import IMPUTE, LookupConfig
from plimsoll.serving.online.store import (
    EntityKeys,
    FeatureRow,
    OnlineReader,
    StoreError,
    lookup_plan,
)


class FeaturesUnavailableError(PlimsollError):
    """The online store does not answer, and requests are not answered without it.

    Args:
        error: What the store did.
        retry_seconds: When it is worth asking again.
    """

    def __init__(self, error: StoreError, retry_seconds: float) -> None:
        super().__init__(
            "the features of this request cannot be looked up",
            cause=f"{error.headline} ({error.reason})",
            hint="send it again in a moment, or give the features in the request",
        )
        self.reason = error.reason
        self.retry_seconds = max(1, math.ceil(retry_seconds))


@dataclass(frozen=True)
class _Block:
    """Feature columns of one view: a tuple of values a row."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class _StoreAnswer:
    """What the store answered, and how rows lead to it."""

    keys: Mapping[int, Sequence[int]]
    """Entity -> by row, the index of its key; ``NO_KEY``: none."""
    times: Sequence[int]
    """By row, microseconds since 1970."""
    stored: Mapping[int, list[FeatureRow | None]] | None
    """View -> one a key; None: the store did not answer."""


class FeatureLookup:
    """Gives requests the features of a plan; safe to use from several threads.

    Args:
        plan: The plan.
        reader: The online store; None: none, so that requests must give what is kept in it.
        folder: The plan's folder, with the files of its on-demand views; needed if it has any.
        columns: The feature columns that the model reads; None: all of the plan's.
        types: The dataset's type of request columns, for on-demand views.
        config: Time-out, fallback and pause.
        now: Returns the seconds since 1970, for rows that do not say their time.

    Raises:
        ArtifactError: if the plan's keys or functions are of no use here.
    """

    def __init__(
        self,
        plan: FeaturePlan,
        reader: OnlineReader | None,
        *,
        folder: Path | None = None,
        columns: Collection[str] | None = None,
        types: Mapping[str, str] | None = None,
        config: LookupConfig | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self.config = config or LookupConfig()
        self._now = now
        read = frozenset(plan.columns if columns is None else columns)
        selected = lookup_plan(plan, read)
        self._views, self._entities = selected.views, selected.entities
        self._patterns = RequestPatterns(selected, read)
        known = {item.column: item.column_type for item in plan.features()}
        known |= {plan.time: "timestamp", **(types or {})}
        self._on_demand = [
            OnDemandView(part, Path(folder or "."), known) for part in selected.on_demand
        ]
        self._nothing = [(None,) * len(view.features) for view in selected.views]
        self._parts = [
            *((view.name, view.columns) for view in selected.views),
            *((part.name, part.columns) for part in self._on_demand),
        ]
        self._metrics = LookupMetrics(name for name, _ in self._parts)
        self._store: GuardedStore | None = None
        if reader is not None:
            reader.prepare(selected)
            self._store = GuardedStore(reader, self.config, self._metrics)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that a request may leave out: they are looked up or computed."""
        if self._store is not None:
            return self._patterns.columns
        return frozenset(name for part in self._on_demand for name in part.columns)

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Returns rows with their features.

        Args:
            rows: Raw column values by name, one mapping a row.

        Raises:
            RequestError: if a row lacks a key that is needed, or has one of a wrong type.
            FeaturesUnavailableError: if the store does not answer and the fallback is ``refuse``.
        """
        blocks = self._blocks(RowsRequest(rows))
        if not blocks:
            return [dict(row) for row in rows]
        names = [name for block in blocks for name in block.columns]
        values = zip(*(block.rows for block in blocks), strict=True)
        return [
            {**dict(zip(names, chain.from_iterable(parts), strict=True)), **row}
            for parts, row in zip(values, rows, strict=True)
        ]

    def lists(self, lists: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """Returns columns with the feature columns added; see ``rows``.

        Args:
            lists: Column name -> its values, all of one length.

        Raises:
            RequestError: as ``rows``, and if the lengths differ.
            FeaturesUnavailableError: if the store does not answer and the fallback is ``refuse``.
        """
        features: dict[str, Sequence[Any]] = {}
        for block in self._blocks(ListsRequest(lists)):
            features.update(
                zip(block.columns, map(list, zip(*block.rows, strict=True)), strict=True)
            )
        return {**features, **lists}

    def close(self) -> None:
        """Lets go of the store's connections."""
        if self._store is not None:
            self._store.close()

    def _blocks(self, request: Request) -> list[_Block]:
        if not request.size:
            return []
        pending = self._patterns.lookup(request)
        self._count_given(pending)
        try:
            blocks = self._look_up(pending)
            for index, part in enumerate(self._on_demand):
                rows = pending.rows_to_compute(index)
                if rows:
                    blocks.append(_compute(part, pending, rows, blocks))
        finally:
            self._metrics.count(pending.tally)
        return blocks

    def _count_given(self, pending: Lookup) -> None:
        each = pending.request.size if len(pending.patterns) == 1 else 1
        for pattern in pending.patterns:
            if pattern.given:
                for name, columns in self._parts:
                    pending.tally[name, GIVEN] += len(pattern.given.intersection(columns)) * each

    def _look_up(self, pending: Lookup) -> list[_Block]:
        rows_of = {
            view: rows
            for view in range(len(self._views))
            if (rows := pending.rows_to_look_up(view))
        }
        if not rows_of:
            return []
        answer = self._read_store(pending, rows_of)
        return [
            _Block(self._views[view].columns, self._view_rows(view, pending, rows, answer))
            for view, rows in rows_of.items()
        ]

    def _read_store(self, pending: Lookup, rows_of: Mapping[int, Sequence[int]]) -> _StoreAnswer:
        if self._store is None:
            raise self._no_store(pending, rows_of)
        rows_of_entity: dict[int, Sequence[int]] = {}
        for view, rows in rows_of.items():
            entity = self._views[view].entity
            before = rows_of_entity.setdefault(entity, rows)
            if before != rows:
                rows_of_entity[entity] = sorted({*before, *rows})
        keys: dict[int, Sequence[int]] = {}
        keys_of: dict[int, EntityKeys] = {}
        for entity, rows in rows_of_entity.items():
            keys[entity], some = entity_keys(self._entities[entity], pending.request, rows)
            if some.keys:
                keys_of[entity] = some
        times = row_times(pending.request, self.plan.time, self._now)
        views = [view for view in rows_of if self._views[view].entity in keys_of]
        try:
            stored = self._store.read(keys_of, views) if views else {}
        except StoreError as error:
            if self.config.fallback == IMPUTE:
                return _StoreAnswer(keys, times, None)
            for view, rows in rows_of.items():
                number = sum(len(pending.pattern(row).free[view]) for row in rows)
                pending.tally[self._views[view].name, UNAVAILABLE] += number
            raise FeaturesUnavailableError(error, self._store.wait_seconds) from error
        return _StoreAnswer(keys, times, stored)

    def _view_rows(
        self, index: int, pending: Lookup, rows: Sequence[int], answer: _StoreAnswer
    ) -> list[tuple[Any, ...]]:
        """Returns what each row gets of a view, and counts it."""
        view, tally = self._views[index].view, pending.tally
        keys = answer.keys[self._views[index].entity]
        stored = [] if answer.stored is None else answer.stored.get(index, [])
        absent = UNAVAILABLE if answer.stored is None else MISSING
        chosen: list[tuple[Any, ...]] = [self._nothing[index]] * pending.request.size
        for row in rows:
            free = pending.pattern(row).free[index]
            kept = stored[keys[row]] if stored and keys[row] != NO_KEY else None
            if kept is None:
                tally[view.name, absent] += len(free)
                continue
            age = answer.times[row] - kept.event_us
            if view.ttl_us and age > view.ttl_us:
                tally[view.name, STALE] += len(free)
                continue
            values = chosen[row] = kept.values
            empty = values.count(None)
            if empty and len(free) < len(values):
                empty = [values[item] for item in free].count(None)
            tally[view.name, AHEAD if age < 0 else PRESENT] += len(free) - empty
            tally[view.name, MISSING] += empty
        return chosen

    def _no_store(self, pending: Lookup, rows_of: Mapping[int, Sequence[int]]) -> RequestError:
        row, index = min((rows[0], index) for index, rows in rows_of.items())
        view, free = self._views[index], pending.pattern(row).free[index]
        where = f"instances[{row}]: " if isinstance(pending.request, RowsRequest) else ""
        return RequestError(
            f"{where}the column {view.columns[free[0]]!r} is missing",
            cause=f"it is a feature of the view {view.name!r}, and this server has no feature "
            "store to look it up in",
            hint="give it, or start the server with --features, which says where the store is",
        )


def _compute(
    part: OnDemandView, pending: Lookup, rows: Sequence[int], blocks: Sequence[_Block]
) -> _Block:
    """Returns the features of an on-demand view for some rows, and counts them."""
    inputs = {name: _input(name, pending, rows, blocks) for name in part.view.inputs}
    computed = part.computed(inputs, len(rows))
    values: list[tuple[Any, ...]] = [(None,) * len(part.columns)] * pending.request.size
    for row, made in zip(rows, zip(*computed, strict=True), strict=True):
        values[row] = made
        given = pending.pattern(row).given
        for name, value in zip(part.columns, made, strict=True):
            if name not in given:
                pending.tally[part.name, MISSING if value is None else PRESENT] += 1
    return _Block(part.columns, values)


def _input(name: str, pending: Lookup, rows: Sequence[int], blocks: Sequence[_Block]) -> list[Any]:
    """Returns an input of an on-demand view: what the request gives, else what was looked up."""
    block = next((block for block in blocks if name in block.columns), None)
    if block is None:
        return pending.request.values(name, rows)
    position = block.columns.index(name)
    values = [block.rows[row][position] for row in rows]
    for index, row in enumerate(rows):
        if name in pending.pattern(row).given:
            values[index] = pending.request.values(name, [row])[0]
    return values
