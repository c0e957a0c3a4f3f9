"""The gate's verdict in words: the notes of a run, and why it stopped."""

from collections import Counter
from collections.abc import Iterable, Sequence

from plimsoll.errors import GateError, shortened
from plimsoll.quantities import counted
from plimsoll.validate.checks.check import ERROR, LEVELS, PASS, WARNING, Check, Context
from plimsoll.validate.config import TESTS
from plimsoll.validate.drift.measurement import BASELINE, Measurement
from plimsoll.validate.drift.thresholds import UNBOUNDED

MOST_LISTED = 20
MOST_NOTED = 3
LONGEST_REASON = 300
BLIND = 0.75
"""A distance of 0 to 1 whose line is past this lets nearly all changes of a column through."""


def of_schema(context: Context) -> str:
    """Returns which schema was enforced."""
    columns = len(context.schema.feature)
    if context.is_given:
        return f"schema given: {columns} columns, enforced as written"
    return f"schema inferred from train: {columns} columns"


def of_verdict(context: Context, checks: Sequence[Check], mode: str) -> list[str]:
    """Returns how much was checked and measured, and the gravest of what was found."""
    anomalies = [check for check in checks if check.level == ERROR]
    warnings = [check for check in checks if check.level == WARNING]
    broken = counted(len(anomalies), "anomaly", "anomalies")
    beside = counted(len(warnings), "warning", "warnings")
    notes = [f"{len(checks)} checks: {broken}, {beside}"]
    if context.drift:
        columns = {item.column for item in context.drift}
        drifted = dict.fromkeys(item.column for item in context.drift if item.level != PASS)
        named = f"{len(drifted)} past the line: {shortened(list(drifted))}" if drifted else ""
        notes.append(f"drift measured of {len(columns)} columns, {named or 'none past the line'}")
        notes += _of_blind(context.drift)
    if anomalies and mode == "warn":
        notes.append(f"LET THROUGH in mode warn: {broken}")
    if anomalies and mode == "branch":
        notes.append(f"NOT PASSED in mode branch, the pipeline decides: {broken}")
    sentences = _sentences([*anomalies, *warnings])
    notes += sentences[:MOST_NOTED]
    if len(sentences) > MOST_NOTED:
        notes.append(f"{len(sentences) - MOST_NOTED} more in the report")
    return notes


def _of_blind(measurements: Sequence[Measurement]) -> list[str]:
    """Names columns whose lines since the last span hardly anything could pass."""
    lines: dict[str, list[Measurement]] = {}
    for item in measurements:
        if item.against == BASELINE and item.distance not in (*UNBOUNDED, *TESTS):
            lines.setdefault(item.column, []).append(item)
    blind = [
        column
        for column, items in lines.items()
        if all(item.threshold > BLIND and item.level == PASS for item in items)
    ]
    if not blind:
        return []
    where = "as where the baseline's rows are in order of a column, or few"
    return [f"drift can hardly be seen in {shortened(blind)}: the line is past {BLIND}, {where}"]


def reason(anomalies: Sequence[Check]) -> str:
    """Returns what is wrong in a line; empty without anomalies."""
    if not anomalies:
        return ""
    text = f"{counted(len(anomalies), 'anomaly', 'anomalies')}: {_sentences(anomalies)[0]}"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def stopped(anomalies: Sequence[Check]) -> GateError:
    """Returns the error that stops a run."""
    columns = sorted({check.column for check in anomalies if check.column})
    where = f" in {len(columns)} column{'' if len(columns) == 1 else 's'}" if columns else ""
    sentences = _sentences(anomalies)
    lines = sentences[:MOST_LISTED]
    if len(sentences) > MOST_LISTED:
        lines.append(f"{len(sentences) - MOST_LISTED} more in the report")
    return GateError(
        f"the data gate found {counted(len(anomalies), 'anomaly', 'anomalies')}{where}",
        cause="\n".join(lines),
        hint=f"look at this step's report; then {_way_on(anomalies)}; mode warn goes on regardless",
    )


def _way_on(anomalies: Sequence[Check]) -> str:
    """Returns what mends most: no schema accepts what other data did, only what its rules found."""
    if all(check.against for check in anomalies):
        return "correct the data, take another baseline, or set a threshold in the gate's config"
    return (
        "correct the data, drop the column in the problem file, "
        "or let the schema accept it: plimsoll schema accept last SCHEMA"
    )


def _sentences(checks: Iterable[Check]) -> list[str]:
    """Returns a sentence a column and kind, the gravest first and of those what is new.

    What is the same kind of thing in several splits is said of the first, and the others named.
    """
    groups: dict[tuple[str | int, ...], list[Check]] = {}
    ordered = sorted(
        checks, key=lambda check: (-LEVELS.index(check.level), check.against != BASELINE)
    )
    counts: Counter[tuple[str, ...]] = Counter()
    for check in ordered:
        same = (check.column, check.kind, check.level, check.against)
        # Of one split two are not the same thing: each is listed.
        number = counts[(*same, check.split)]
        counts[(*same, check.split)] += 1
        groups.setdefault((*same, "" if check.column else check.split, number), []).append(check)
    sentences = []
    for first, *others in groups.values():
        also = f"; likewise in {', '.join(check.split for check in others)}" if others else ""
        sentences.append(first.sentence() + also)
    return sentences
