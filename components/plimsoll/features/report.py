"""The page of a join: what has a value, how old it is, and what looks like a leak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plimsoll.feature_store.repository.plans import Join
from plimsoll.features.coverage import reasons, total_stats
from plimsoll.features.match_stats import MatchStats, ViewMatchStats
from plimsoll.features.point_in_time import point_in_time_error
from plimsoll.pictures.bars import bar_chart
from plimsoll.pictures.cells import share_table
from plimsoll.pictures.markup import Html, element, joined
from plimsoll.pictures.page import Page
from plimsoll.pictures.tables import badge, cards, collapsed, facts, notice, table
from plimsoll.problem import SPLITS
from plimsoll.quantities import time_span

if TYPE_CHECKING:
    from plimsoll.features.model import JoinFindings

OPEN = 25
MOST_BARS = 20
REASONS = ("the key is null", "no row of that key", "none known by then", "only stale ones",
           "the value is null")  # fmt: skip


def report_html(findings: JoinFindings) -> str:
    """Returns the page: self-contained, without scripts."""
    plan = findings.planned.plan
    page = Page(
        f"Features: {plan.service}",
        f"Each row has the values that were known as of its own time, the column {plan.time}. "
        f"The label is {findings.dataset.problem.label}.",
    )
    page.add_bare("", joined([_verdict(findings), _cards(findings)]))
    page.add_bare("Views", _views(findings), "TTL: how long after its event a value counts.")
    page.add_bare(
        "Coverage",
        _coverage(findings),
        "Shares of rows with a value; the model imputes the others.",
    )
    why = _why(findings)
    if why:
        page.add_bare("Why rows have no value", why, "All splits together, view by view.")
    ages = _ages(findings)
    if ages:
        page.add_bare(
            "Staleness", ages, "Age: a row's time less the event timestamp of what it found."
        )
    page.add_bare("Leakage", _leakage(findings), _about_leakage(findings))
    if findings.strengths:
        page.add_bare("What tells the label", _strengths(findings), _about_strengths(findings))
    page.add("Joined", _facts(findings))
    return page.html()


def _verdict(findings: JoinFindings) -> Html:
    wrong = point_in_time_error(findings.point_in_time, findings.alike)
    if wrong is not None:
        return notice(wrong.headline, wrong.cause, "bad")
    if findings.leaking and findings.config.telling == "fail":
        return notice(
            f"Stopped: {findings.leaking[0].feature} tells the label by itself", "", "bad"
        )
    rows = sum(findings.coverage.rows.values())
    text = f"{len(findings.planned.plan.columns)} features, {rows:,} rows, none from after its time"
    if findings.leaking:
        return notice(text, f"Suspicious: {findings.leaking[0].feature} tells the label.", "warn")
    return notice(text, "", "good")


def _cards(findings: JoinFindings) -> Html:
    shares = [findings.coverage.total(name) for name in findings.planned.plan.columns]
    known = [share for share in shares if share is not None]
    whole = sum(share == 1 for share in known)
    tiles: list[tuple[str, object, object]] = [
        (f"rows in {split}", findings.coverage.rows[split], "") for split in SPLITS
    ]
    tiles.append(("features", len(shares), f"{whole} of them in every row"))
    if known:
        tiles.append(("coverage", f"{sum(known) / len(known):.1%}", f"least {min(known):.1%}"))
    return element("div", cards(tiles), style="margin-top:14px")


def _views(findings: JoinFindings) -> Html:
    rows: list[list[object]] = []
    for join in findings.planned.joins:
        stats = findings.match_stats.get(join.name)
        total = total_stats(stats.splits) if stats else None
        rows.append(
            [
                join.name,
                ", ".join(key.column for key in join.view.keys if key.column) or "none",
                len(join.view.features),
                time_span(join.view.ttl_us) if join.view.ttl_us else "no end",
                stats.source_rows if stats else None,
                _percent(total.matched, total.rows) if total else None,
                time_span(total.age_p50) if total and total.age_p50 is not None else None,
            ]
        )
    for part in findings.planned.plan.on_demand:
        takes = ", ".join(part.inputs)
        rows.append(
            [part.name, f"on demand, from {takes}", len(part.features), "", None, None, None]
        )
    headers = ["view", "keys", "features", "TTL", "rows of source", "rows found", "median age"]
    return table(headers, rows)


def _coverage(findings: JoinFindings) -> Html:
    coverage = findings.coverage
    names = sorted(
        coverage.features,
        key=lambda name: (coverage.total(name) or 0.0, list(coverage.features).index(name)),
    )
    parts = [_share_table(findings, names[:OPEN])]
    if names[OPEN:]:
        parts.append(
            collapsed(f"{len(names) - OPEN:,} more features", _share_table(findings, names[OPEN:]))
        )
    return joined(parts)


def _share_table(findings: JoinFindings, names: Sequence[str]) -> Html:
    shares = [[findings.coverage.share(name, split) for split in SPLITS] for name in names]
    texts = [["" if share is None else _written(share) for share in row] for row in shares]
    return share_table(names, SPLITS, shares, texts)


def _written(share: float) -> str:
    if share in (0.0, 1.0):
        return "all" if share else "none"
    # What is nearly all, or nearly none, is not written as if it were.
    return f"{min(max(share, 0.0001), 0.9999):.2%}"


def _why(findings: JoinFindings) -> Html:
    rows: list[list[object]] = []
    for join in findings.planned.joins:
        stats = findings.match_stats.get(join.name)
        if stats is None:
            continue
        total = total_stats(stats.splits)
        for item in join.view.features:
            values = sum(findings.coverage.values[split][item.column] for split in SPLITS)
            why = reasons(total.rows - values, total)
            if why:
                rows.append([item.column, join.name, *(why.get(reason) for reason in REASONS)])
    if not rows:
        return Html()
    return table(["feature", "view", *REASONS], rows)


def _ages(findings: JoinFindings) -> Html:
    rows: list[list[object]] = []
    for name, stats in findings.match_stats.items():
        for split in SPLITS:
            item = stats.splits[split]
            if item.matched:
                ages = (item.age_p50, item.age_p90, item.age_max)
                rows.append([name, split, *map(time_span, ages), _percent(item.stale, item.rows)])
    if not rows:
        return Html()
    headers = ["view", "split", "median", "nine of ten within", "oldest", "only stale ones"]
    return joined([_used_ttl(findings), table(headers, rows)])


def _used_ttl(findings: JoinFindings) -> Html:
    """Draws how much of its TTL a view's values use up."""
    ttls = {join.name: join.view.ttl_us for join in findings.planned.joins}
    names = [name for name in findings.match_stats if ttls[name]][:MOST_BARS]
    shares: dict[str, list[float | None]] = {
        split: [
            _share(findings.match_stats[name].splits[split].age_p90, ttls[name]) for name in names
        ]
        for split in SPLITS
    }
    if not any(share for row in shares.values() for share in row):
        return Html()
    chart = bar_chart(
        names,
        shares,
        title="Age of nine in ten values, as a share of the TTL",
        note="At 1 a value is about to be stale.",
        horizontal=True,
        domain=(0.0, 1.0),
    )
    return element("div", chart, class_="panel", style="margin-bottom:14px")


def _share(age: int | None, ttl: int) -> float | None:
    return None if age is None else age / ttl


def _leakage(findings: JoinFindings) -> Html:
    rows: list[list[object]] = []
    for join in findings.planned.joins:
        rows.append(
            [join.name, _checked(findings, join), *_created(findings.match_stats.get(join.name))]
        )
    headers = ["view", "values of after the row's time", "written after it", "source rows alike"]
    return table(headers, rows) if rows else element("p", "Nothing was looked up.")


def _checked(findings: JoinFindings, join: Join) -> Html:
    wrong = findings.point_in_time.late.get(join.name) or findings.point_in_time.other.get(
        join.name
    )
    if wrong is not None:
        return badge(f"{wrong.rows:,} rows", "bad" if join.name not in findings.alike else "warn")
    if join.name in findings.point_in_time.unchecked:
        return badge("not checked", "dull")
    return badge("none", "good")


def _created(stats: ViewMatchStats | None) -> tuple[object, object]:
    if stats is None:
        return None, None
    total: MatchStats = total_stats(stats.splits)
    return _percent(total.created_after, total.matched), stats.alike


def _about_leakage(findings: JoinFindings) -> str:
    if findings.config.filter_by_created_timestamp:
        return "Values that were written after a row's time were left out."
    return (
        "Values that were written after a row's time, as by a backfill, are used; "
        "filter_by_created_timestamp leaves them out."
    )


def _strengths(findings: JoinFindings) -> Html:
    best = sorted(findings.strengths.items(), key=lambda item: (-item[1], item[0]))[:MOST_BARS]
    names, values = [name for name, _ in best], [[value] for _, value in best]
    texts = [[f"{value:.3f}"] for _, value in best]
    return share_table(names, ["of 1"], values, texts)


def _about_strengths(findings: JoinFindings) -> str:
    how = (
        "half of the absolute rank correlation with it, and 0.5"
        if findings.dataset.problem.task == "regression"
        else "the area under the ROC curve of each feature alone"
    )
    return (
        f"On train: {how}. From {findings.config.telling_from:g} on a feature is suspected to know "
        "what came after."
    )


def _facts(findings: JoinFindings) -> Html:
    plan = findings.planned.plan
    return facts(
        {
            "Project": plan.project,
            "Service": plan.service,
            "Definitions": plan.registry_sha256,
            "Registry": findings.registry.status,
            "Rows of": findings.dataset.id,
        }
    )


def _percent(count: int, rows: int) -> str | None:
    return f"{count / rows:.1%}" if rows else None
