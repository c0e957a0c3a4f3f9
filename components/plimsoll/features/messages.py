"""What the step tells: short sentences of what was joined, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plimsoll.errors import GateError, shortened
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.registries import RegistryState
from plimsoll.features.config import FeaturesConfig
from plimsoll.features.coverage import drift_notes, reasons, total_stats
from plimsoll.problem import SPLITS

if TYPE_CHECKING:
    from plimsoll.features.model import JoinFindings

MOST_NAMED = 3


def notes(findings: JoinFindings) -> tuple[str, ...]:
    """Returns what the step's output tells, one sentence each."""
    return tuple(_notes(findings))


def check_registry(state: RegistryState, repository: Repository, config: FeaturesConfig) -> None:
    """Checks that the registry, from which the online side works, is as the repository defines.

    Raises:
        GateError: if it is stale and the config says that this stops.
    """
    if state.status == "stale" and config.stale_registry == "fail":
        raise GateError(
            f"the registry of the feature repository {repository.where} is stale: "
            f"{state.differences[0]}",
            cause="\n".join(
                [*map(str, state.differences[:6]), "what is online would be something else"]
            ),
            hint=f"feast -c {repository.where} apply, or run the pipeline that materialises",
        )


def _notes(findings: JoinFindings) -> Iterator[str]:
    plan = findings.planned.plan
    rows = sum(findings.coverage.rows.values())
    views = len(plan.views) + len(plan.on_demand)
    yield (
        f"{plan.service}: {len(plan.columns)} features of {views} view{'' if views == 1 else 's'} "
        f"joined to {rows:,} rows"
    )
    empty = [split for split in SPLITS if not findings.coverage.rows[split]]
    if empty:
        yield f"no rows in {shortened(empty)}"
    yield from _without_value(findings)
    yield from _of_views(findings)
    yield from drift_notes(findings.coverage, findings.config.coverage_drift)
    if findings.leaking:
        texts = [f"{item.feature} ({item.strength:.3f} of 1)" for item in findings.leaking]
        yield f"SUSPICIOUS, tells the label by itself: {shortened(texts, MOST_NAMED)}"
    if findings.registry.status == "missing":
        yield "the repository was never applied; nothing of it is online"
    if findings.registry.status == "stale":
        yield f"the registry is stale: {findings.registry}"


def _without_value(findings: JoinFindings) -> Iterator[str]:
    coverage = findings.coverage
    rows = sum(coverage.rows.values())
    lacking = []
    for join in findings.planned.joins:
        stats = findings.match_stats.get(join.name)
        for item in join.view.features:
            share = coverage.total(item.column)
            if share is not None and share < 1:
                missing = round((1 - share) * rows)
                why = list(reasons(missing, total_stats(stats.splits) if stats else None))
                lacking.append((share, item.column, why[0] if why else ""))
    lacking.sort()
    texts = [
        f"{name} {1 - share:.1%}{f' ({why})' if why else ''}"
        for share, name, why in lacking[:MOST_NAMED]
    ]
    if texts:
        more = f", and {len(lacking) - MOST_NAMED} more" if lacking[MOST_NAMED:] else ""
        yield f"no value: {', '.join(texts)}{more}"


def _of_views(findings: JoinFindings) -> Iterator[str]:
    for name, stats in findings.match_stats.items():
        total = total_stats(stats.splits)
        if total.created_after:
            yield (
                f"{name}: {total.created_after:,} of {total.matched:,} rows have values that were "
                "written only after the row's time; filter_by_created_timestamp leaves them out"
            )
        if stats.alike:
            yield f"{name}: {stats.alike:,} rows of its source are alike in key and timestamps"
    unchecked = [*findings.point_in_time.unchecked]
    if unchecked:
        yield f"not checked again as of each row's time: {shortened(unchecked, MOST_NAMED)}"
    for name, wrong in findings.point_in_time.other.items():
        yield f"{name}: {wrong.rows:,} rows have another of several rows that are alike"
