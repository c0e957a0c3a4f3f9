"""Shows one row's features: as of then, from the offline store, and as held online now."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll.errors import DataError
from plimsoll.feature_commands.offline import read_offline
from plimsoll.feature_commands.online import StoredRow, plain, read_online
from plimsoll.feature_commands.rows import (
    check_row,
    input_value,
    parse_timestamp,
    store_value,
    time_of,
)
from plimsoll.feature_store.repository.plans import ServicePlan, plan_of
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.feature_store.types import as_declared
from plimsoll.formats.feature_plan import FeaturePlan, OnDemand, View
from plimsoll.formats.plan_functions import load_function
from plimsoll.timestamps import MICROSECOND

NO_TIME = "event_timestamp"
"""What a plan's time is called where the row has no column of it."""


def show(
    repo: str, scratch: str, service: str, row: Mapping[str, Any], at: str = "", now: str = ""
) -> dict[str, Any]:
    """Returns one row's features as of its time, and what the online store holds for it.

    Args:
        repo: The repository: a folder, a configuration in it, or its address.
        scratch: A folder for what is made on the way.
        service: The feature service.
        row: Its keys and on-demand inputs by column.
        at: As of when: a timestamp or a column of the row; empty: the row's only timestamp.
        now: When the online store is asked, from which ages count; empty: now.

    Returns:
        ``features`` in the service's order, each with ``then`` and ``now``: value, event time,
        age and status; ``trouble`` is why the online store could not be read, if it could not.

    Raises:
        UsageError: if the row lacks a column, or the timestamp cannot be told.
        ConfigError: if there is no such repository or service.
        DataError: if a source cannot be read.
    """
    asked_at = parse_timestamp(now, "--now") if now else datetime.now(UTC)
    opened = open_repository(repo, Path(scratch))
    time, timestamp = time_of(row, at)
    planned = plan_of(opened, service, time or NO_TIME)
    plan = planned.plan
    check_row(row, plan, planned.input_types)
    then = tuple(read_offline(opened, view, row, timestamp) for view in plan.views)
    online = read_online(opened, plan.views, row)
    state = opened.registry_state(service)
    notes = [f"the registry is {state.status}: {state}"] if state.status == "stale" else []
    return {
        "repo": repo,
        "project": plan.project,
        "service": service,
        "row": dict(row),
        "at": timestamp.isoformat(),
        "now": asked_at.isoformat(timespec="seconds"),
        "features": [
            *_looked_up(plan, then, online.rows, (timestamp, asked_at), bool(online.trouble)),
            *_computed(planned, row, then, online.rows, (timestamp, asked_at)),
        ],
        "notes": notes,
        "trouble": online.trouble,
    }


def _looked_up(
    plan: FeaturePlan,
    then: tuple[StoredRow, ...],
    now: tuple[StoredRow, ...],
    timestamps: tuple[datetime, datetime],
    unavailable: bool,
) -> Iterator[dict[str, Any]]:
    at, asked_at = timestamps
    for view, known, stored in zip(plan.views, then, now, strict=True):
        status = "unavailable" if unavailable else _status(view, stored, asked_at)
        for item in view.features:
            was, holds = known.values.get(item.name), stored.values.get(item.name)
            yield {
                "name": item.column,
                "view": view.name,
                "type": item.type,
                "ttl_seconds": view.ttl_us / 1_000_000 if view.ttl_us else None,
                "then": _record(was, known.event, at, "missing" if was is None else "present"),
                "now": _record(
                    holds,
                    stored.event,
                    asked_at,
                    "missing" if holds is None and status != "unavailable" else status,
                ),
            }


def _status(view: View, stored: StoredRow, now: datetime) -> str:
    """Returns the verdict of a server's look-up: a value past its TTL counts as none."""
    if stored.event is None:
        return "missing"
    if stored.event > now:
        return "ahead"
    is_stale = bool(view.ttl_us) and (now - stored.event) // MICROSECOND > view.ttl_us
    return "stale" if is_stale else "fresh"


def _record(value: Any, event: datetime | None, at: datetime, status: str) -> dict[str, Any]:
    return {
        "value": value,
        "event_time": None if event is None else event.isoformat(),
        "age_seconds": None if event is None else (at - event).total_seconds(),
        "status": status,
    }


def _computed(
    planned: ServicePlan,
    row: Mapping[str, Any],
    then: tuple[StoredRow, ...],
    now: tuple[StoredRow, ...],
    timestamps: tuple[datetime, datetime],
) -> Iterator[dict[str, Any]]:
    """Yields the features computed on demand, of what was known then and of what counts now."""
    plan, asked_at = planned.plan, timestamps[1]
    counting = tuple(
        held if _status(view, held, asked_at) in ("fresh", "ahead") else StoredRow()
        for view, held in zip(plan.views, now, strict=True)
    )
    for part in plan.on_demand:
        sides = [_answers(part, planned, row, side) for side in (then, counting)]
        for item in part.features:
            yield {
                "name": item.column,
                "view": part.name,
                "type": item.type,
                "ttl_seconds": None,
                **{
                    side: _record(answers[item.column], None, asked_at, "computed")
                    for side, answers in zip(("then", "now"), sides, strict=True)
                },
            }


def _answers(
    part: OnDemand, planned: ServicePlan, row: Mapping[str, Any], side: tuple[StoredRow, ...]
) -> dict[str, Any]:
    known = {
        item.column: store_value(held.values.get(item.name), item.type)
        for view, held in zip(planned.plan.views, side, strict=True)
        for item in view.features
    }
    types = planned.input_types
    given = {
        name: [known[name] if name in known else input_value(row[name], types[name], name)]
        for name in part.inputs
    }
    try:
        made = load_function(planned.files[part.file], part.function)(given)
    except Exception as error:  # the repository's code, whose errors may be any
        raise DataError(
            f"the on-demand features of {part.name} cannot be computed",
            cause=f"{type(error).__name__}: {error}",
        ) from error
    return {
        item.column: plain(as_declared(pa.array(made[item.name]), item.type, item.name)[0].as_py())
        for item in part.features
    }
