"""The value offline at a time is the value online after materialising up to that time."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from feature_store.histories import History, Row, ViewHistory, as_kept, histories
from feature_store.made_repository import (
    applied,
    expected,
    offline_values,
    questions,
    taken,
    write_source,
)
from feature_store.online.online_sides import (
    RedisSide,
    Side,
    SqliteSide,
    feast_values,
    looking_up,
    materialize,
    online_values,
    push,
)
from plimsoll.timestamps import microseconds
from redis_server import redis_server

PROJECTS = (f"p{number}x" for number in itertools.count())
MakeSide = Callable[[Path], Side]
HISTORIES = int(os.environ.get("PLIMSOLL_HISTORIES", "4"))
"""Of each test; each takes a second. Hundreds are for who changes a store or the join."""
# What fails is told as it was found.
some = settings(
    max_examples=HISTORIES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def make_side(request: pytest.FixtureRequest) -> Iterator[MakeSide]:
    """Makes an online store for one repository."""
    if request.param == "sqlite":
        yield lambda folder: SqliteSide(folder / "online.db")
    else:
        with redis_server() as server:
            yield lambda folder: RedisSide(server)


@pytest.fixture(params=["America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Puts the machine into another zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@some
@given(history=histories())
def test_the_value_online_is_the_value_offline(make_side: MakeSide, history: History) -> None:
    equal_in_steps(make_side, history)


@settings(some, max_examples=max(HISTORIES // 2, 1))
@given(history=histories())
def test_it_is_on_a_machine_of_another_zone(
    zone: str, make_side: MakeSide, history: History
) -> None:
    equal_in_steps(make_side, history)


@some
@given(history=histories())
def test_steps_repeats_and_late_runs_leave_what_one_run_leaves(
    make_side: MakeSide, history: History
) -> None:
    last = history.times[-1]
    with both(make_side, history) as sides:
        materialize(sides.folder, last)
        sides.check(history, last)
        whole = sides.side.kept(sides.project)
    with both(make_side, history) as sides:
        for at in history.times:
            materialize(sides.folder, at)
        assert sides.side.kept(sides.project) == whole
        materialize(sides.folder, last, since=0)
        for at in reversed(history.times[:-1]):
            materialize(sides.folder, at, since=0)
        materialize(sides.folder, last)
        assert sides.side.kept(sides.project) == whole


@some
@given(history=histories())
def test_rows_that_come_late_count_once_they_are_there(
    make_side: MakeSide, history: History
) -> None:
    history = history.each(ViewHistory.punctual)
    with both(make_side, history) as sides:
        for at in history.times:
            for view in history.views:
                write_source(sides.folder, view.of(row for row in view.rows if row.created <= at))
            materialize(sides.folder, at)
            for view in history.views:
                write_source(sides.folder, view)
            sides.check(history, at, filter_by_created_timestamp=True)


@some
@given(history=histories(), data=st.data())
def test_pushed_rows_count_on_both_sides(
    make_side: MakeSide, history: History, data: st.DataObject
) -> None:
    # A push is as of its event: its source tells no two rows of one event apart.
    history = history.each(_with_one_row_an_event)
    pushed = {
        view.name: [row for row in view.rows if None not in row.key and data.draw(st.booleans())]
        for view in history.views
        if view.pushed
    }
    start = history.each(
        lambda view: view.of(row for row in view.rows if row not in pushed.get(view.name, ()))
    )
    with both(make_side, start) as sides:
        before = min(row.event for view in history.views for row in view.rows) - 1
        for at in history.times:
            early = data.draw(st.booleans())
            if early:
                materialize(sides.folder, at)
            for view in history.views:
                rows = [row for row in pushed.get(view.name, ()) if before < row.event <= at]
                if rows:
                    push(sides.folder, view, rows, "online_and_offline")
            if not early:
                materialize(sides.folder, at)
            before = at
            there = history.each(lambda view, at=at: _there(view, pushed, at))
            sides.check(there, at)


@settings(some, max_examples=max(HISTORIES // 2, 1))
@given(history=histories())
def test_feast_reads_the_same_but_for_age(make_side: MakeSide, history: History) -> None:
    at = history.times[-1]
    ageless = history.each(lambda view: replace(view, ttl=0))
    rows = [row for row in questions([at]) if row["text"] is not None]
    with both(make_side, history) as sides:
        materialize(sides.folder, at)
        found = feast_values(sides.folder, rows, sides.side.plain)
    for row, answer in zip(rows, found, strict=True):
        for one in taken(ageless):
            value = one.view.value(tuple(row[name] for name in one.keys), at)
            told = [
                as_kept(field.type, _plain(answer[f"{one.alias}__{field.name}"]))
                for field in one.view.fields
            ]
            assert told == ([None] * len(told) if value is None else list(value[0])), row


def _plain(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value


@dataclass(frozen=True)
class Both:
    """Both sides of one history."""

    folder: Path
    project: str
    side: Side
    store: Any
    lookup: Any

    def check(self, history: History, at: int, **options: Any) -> None:
        """Compares both sides at a time, with each other and with the rule.

        Args:
            history: What the sources ever have.
            at: The time, up to which the online store was brought.
            options: Of the historical retrieval.
        """
        rows = questions([at])
        known = at if options.get("filter_by_created_timestamp") else None
        online = online_values(self.lookup, rows)
        offline = offline_values(self.store, history, rows, **options)
        for row, one, other in zip(rows, offline, online, strict=True):
            assert one == expected(history, row, known), f"offline, at {row}"
            assert other == one, f"online, at {row}"


@contextmanager
def both(make_side: MakeSide, history: History) -> Iterator[Both]:
    """Yields both sides of a history, the online store empty."""
    with tempfile.TemporaryDirectory() as name:
        folder, project = Path(name), next(PROJECTS)
        side = make_side(folder)
        store = applied(folder, history, side.settings, project=project)
        with looking_up(folder, folder / "scratch", side) as lookup:
            yield Both(folder, project, side, store, lookup)


def equal_in_steps(make_side: MakeSide, history: History) -> None:
    with both(make_side, history) as sides:
        for at in history.times:
            materialize(sides.folder, at)
            sides.check(history, at)


def _there(view: ViewHistory, pushed: dict[str, list[Row]], at: int) -> ViewHistory:
    """Returns a view with what its source has, pushes included, at a time."""
    late = [row for row in pushed.get(view.name, ()) if row.event > at]
    return view.of(row for row in view.rows if row not in late)


def _with_one_row_an_event(view: ViewHistory) -> ViewHistory:
    return view.of({(row.key, row.event): row for row in view.rows}.values())
