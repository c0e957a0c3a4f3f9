"""The page of the data gate: what was found, and what each column holds in each split."""

from __future__ import annotations

from collections.abc import Sequence

from plimsoll.pictures.markup import Html, element, escaped, joined
from plimsoll.pictures.page import Page
from plimsoll.pictures.scales import number_text
from plimsoll.pictures.tables import badge, cards, facts, notice, sparkline, table
from plimsoll.problem import SPLITS
from plimsoll.validate.check import (
    ERROR,
    PASS,
    WARNING,
    Check,
    Context,
    grouped,
    share_text,
    shown,
)
from plimsoll.validate.schema import role_of
from plimsoll.validate.summary import Summary, shares_between

MOST_PICTURES = 60
MOST_FINDINGS = 200
BINS = 20
BARS = 12
TOP_VALUES = 3
NO_BREAK = "\u00a0"
FAR = 8
"""A range this many times as wide as the middle nine tenths of values is cut to those."""


def report_html(context: Context, checks: Sequence[Check], mode: str) -> str:
    """Returns the page: verdict, findings, splits, and a table of the columns."""
    found = grouped(check for check in checks if check.level != PASS)
    page = Page("Data validation", _lede(context))
    page.add_bare("", joined([_verdict(checks, mode), _splits(context, checks)]))
    if found:
        page.add_bare("What was found", _findings(found), _findings_note(found))
    names = _ordered(context, found)
    page.add_bare("Columns", _columns(context, names, found), _columns_note(names))
    page.add("Checked", _checked(context))
    return page.html()


def _lede(context: Context) -> str:
    source = "the schema that was given" if context.is_given else "a schema inferred from train"
    return (
        f"Each split, measured with TensorFlow Data Validation and checked against {source}. "
        f"The label is {context.dataset.problem.label}."
    )


def _verdict(checks: Sequence[Check], mode: str) -> Html:
    errors = sum(check.level == ERROR for check in checks)
    warnings = sum(check.level == WARNING for check in checks)
    beside = f"{warnings} warning{'' if warnings == 1 else 's'} beside." if warnings else ""
    anomalies = f"{errors} anomal{'y' if errors == 1 else 'ies'}"
    if errors and mode == "fail":
        return notice(f"Stopped: {anomalies}", beside, "bad")
    if errors:
        return notice(f"Let through with {anomalies}, because mode is warn", beside, "bad")
    tone = "warn" if warnings else "good"
    return notice(f"Passed: {len(checks):,} checks, no anomalies", beside, tone)


def _splits(context: Context, checks: Sequence[Check]) -> Html:
    tiles: list[tuple[str, object, object]] = [
        (f"rows in {split}", context.measured[split].rows, _found_in(checks, split))
        for split in SPLITS
    ]
    features = len(context.dataset.feature_columns())
    tiles.append(("columns", len(context.dataset.columns), f"{features} of them features"))
    return element("div", cards(tiles), style="margin-top:14px")


def _found_in(checks: Sequence[Check], split: str) -> str:
    found = sum(check.level != PASS and check.split == split for check in checks)
    return f"{found} found" if found else "nothing found"


def _findings(found: Sequence[Check]) -> Html:
    rows = [
        [
            badge("anomaly", "bad") if check.level == ERROR else badge("warning", "warn"),
            check.split,
            element("strong", check.column) if check.column else "all",
            check.expected,
            check.found,
            check.values_text() or "–",  # noqa: RUF001 - a dash for no value, as in pictures
        ]
        for check in found[:MOST_FINDINGS]
    ]
    return table(["", "Split", "Column", "Expected", "Found", "For instance"], rows)


def _findings_note(found: Sequence[Check]) -> str:
    note = "Anomalies stop a run in mode fail; warnings never do."
    if len(found) > MOST_FINDINGS:
        note += f" The first {MOST_FINDINGS} of {len(found):,}; anomalies.json has them all."
    return note


def _ordered(context: Context, found: Sequence[Check]) -> list[str]:
    """Returns the label first, then columns with findings, then the others, dropped ones last."""
    problem = context.dataset.problem
    flagged = {check.column for check in found}
    ranks = {"label": 0, "dropped": 3}

    def rank(name: str) -> int:
        return ranks.get(role_of(problem, name), 1 if name in flagged else 2)

    return sorted(context.dataset.column_names(), key=rank)


def _columns_note(names: Sequence[str]) -> str:
    note = (
        "Bars are shares of the split, over the same range in the three splits; "
        "values far out count in the end bars."
    )
    if len(names) > MOST_PICTURES:
        note += f" Pictures of the first {MOST_PICTURES} of {len(names):,} columns are drawn."
    return note


def _columns(context: Context, names: Sequence[str], found: Sequence[Check]) -> Html:
    rows = []
    levels: dict[str, str] = {}
    for check in found:
        levels[check.column] = (
            ERROR if ERROR in (check.level, levels.get(check.column)) else WARNING
        )
    for place, name in enumerate(names):
        pictures = _pictures(context, name) if place < MOST_PICTURES else ["", "", ""]
        rows.append(
            [
                _named(context, name, levels.get(name, PASS)),
                context.types[name],
                _missing(context, name),
                _values(context, name),
                *pictures,
            ]
        )
    return table(
        ["Column", "Type", "Missing", "Values in train", *SPLITS],
        rows,
        tall=len(rows) <= MOST_PICTURES,
    )


def _named(context: Context, name: str, level: str) -> Html:
    role = role_of(context.dataset.problem, name)
    parts: list[object] = [element("strong", name)]
    if role != "feature":
        parts.append(badge(role, "info" if role == "label" else "dull"))
    if level != PASS:
        parts.append(badge("!", "bad" if level == ERROR else "warn"))
    return joined(parts, " ")


def _missing(context: Context, name: str) -> Html:
    shares = [context.measured[split].missing_share(name) for split in SPLITS]
    if not any(shares):
        return escaped("none")
    if len(set(shares)) == 1:
        return escaped(share_text(shares[0]))
    parts = [
        f"{split}{NO_BREAK}{share_text(share)}" for split, share in zip(SPLITS, shares, strict=True)
    ]
    return joined(parts, "<br>")


def _values(context: Context, name: str) -> Html:
    summary = context.measured["train"].summaries.get(name)
    if summary is None or not summary.values:
        return escaped("no values")
    if summary.is_text:
        return _of_text(summary)
    shape = context.shapes[name]
    if shape.microseconds:
        ends = [shape.moment(value) for value in (summary.low, summary.median, summary.high)]
        low, middle, high = (f"{end:%Y-%m-%d %H:%M}" if end else "?" for end in ends)
        return joined([f"{low} to {high}", f"median {middle}"], "<br>")
    spread = f"{number_text(summary.low)} to {number_text(summary.high)}"
    middle = f"median {number_text(summary.median)}"
    average = f"mean {number_text(summary.mean)} ± {number_text(summary.std)}"
    return joined([spread, f"{middle}, {average}"], "<br>")


def _of_text(summary: Summary) -> Html:
    distinct = f"{summary.distinct:,} distinct"
    if summary.counts and summary.counts[0][1] == 1:
        return joined([distinct, "each once"], "<br>")
    top = [
        f"{shown(value, 24)} {share_text(count / summary.values)}"
        for value, count in summary.counts[:TOP_VALUES]
    ]
    return joined([distinct, ", ".join(top)], "<br>")


def _pictures(context: Context, name: str) -> list[Html]:
    summaries = [context.measured[split].summaries.get(name) for split in SPLITS]
    train = summaries[0]
    if train is not None and train.is_text:
        labels = [value for value, _ in train.counts[:BARS]]
        return [_bars(name, split, labels, summary) for split, summary in enumerate(summaries)]
    low, high = _common_range([item for item in summaries if item is not None and item.quantiles])
    return [
        _spread(context, name, (low, high), split, summary)
        for split, summary in enumerate(summaries)
    ]


def _bars(name: str, split: int, labels: Sequence[str], summary: Summary | None) -> Html:
    if summary is None or not summary.values:
        return escaped("")
    counts = dict(summary.counts)
    shares = [counts.get(label, 0) / summary.values for label in labels]
    told = [
        f"{shown(label)}: {share_text(share)}" for label, share in zip(labels, shares, strict=True)
    ]
    others = max(0.0, 1.0 - sum(shares))
    if others > 1e-9:
        shares.append(others)
        told.append(f"all others: {share_text(others)}")
    return sparkline(shares, label=f"{name} in {SPLITS[split]}", told=told, series=split, width=104)


def _spread(
    context: Context, name: str, ends: tuple[float, float], split: int, summary: Summary | None
) -> Html:
    low, high = ends
    if summary is None or not summary.quantiles:
        return escaped("")
    shares = shares_between(summary.quantiles, low, high, BINS)
    step = (high - low) / BINS
    told = []
    for index, share in enumerate(shares):
        start, end = (_shown_number(context, name, low + step * (index + add)) for add in (0, 1))
        told.append(f"{start} to {end}: {share_text(min(share, 1.0))}")
    return sparkline(shares, label=f"{name} in {SPLITS[split]}", told=told, series=split, width=104)


def _shown_number(context: Context, name: str, value: float) -> str:
    moment = context.shapes[name].moment(value)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else number_text(value)


def _common_range(summaries: Sequence[Summary]) -> tuple[float, float]:
    """Returns the range to draw: all values, or the middle ones if a few lie far out."""
    if not summaries:
        return 0.0, 1.0
    low = min(item.quantiles[0] for item in summaries)
    high = max(item.quantiles[-1] for item in summaries)
    inner_low = min(item.quantiles[1] for item in summaries)
    inner_high = max(item.quantiles[-2] for item in summaries)
    if high - low > FAR * (inner_high - inner_low) > 0:
        margin = inner_high - inner_low
        low, high = max(low, inner_low - margin), min(high, inner_high + margin)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _checked(context: Context) -> Html:
    problem = context.dataset.problem
    items: dict[str, object] = {
        "Data set": context.dataset.id,
        "Schema": "given, enforced as written" if context.is_given else "inferred from train",
        "Environment": context.environment or "none",
        "Task": problem.task,
        "Dropped": ", ".join(problem.drop) or "none",
    }
    if problem.private:
        items["Private"] = f"{len(problem.private)} columns, never measured"
    return facts(items)
