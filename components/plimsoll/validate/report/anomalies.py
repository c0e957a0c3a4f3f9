"""What did not pass: anomalies, drift and warnings, each with what was expected and where."""

from collections.abc import Sequence

from plimsoll.pictures.markup import Html, element, escaped, joined
from plimsoll.pictures.tables import badge, collapsed, table
from plimsoll.quantities import rows_text, shown
from plimsoll.validate.checks.check import ERROR, PASS, Check, grouped
from plimsoll.validate.report.columns import plain

OPEN, OPEN_DRIFT = 30, 10
"""So many of a group are shown; the others unfold. Drift has a section of its own."""
MOST = 500
DRIFT_KINDS = frozenset({"drift", "skew"})
"""Kinds of checks against another data set, besides those that name it."""
HEADERS = ("", "Column", "Where", "Expected", "Found", "For instance")


def failed_checks(checks: Sequence[Check]) -> list[Check]:
    """Returns the checks that did not pass, those that say the same of several splits as one."""
    return grouped(check for check in checks if check.level != PASS)


def anomalies_html(failed: Sequence[Check]) -> Html:
    """Returns failed checks in their groups, the gravest first."""
    drift = [check for check in failed if _is_drift(check)]
    others = [check for check in failed if not _is_drift(check)]
    groups = (
        ("Anomalies", [check for check in others if check.level == ERROR]),
        ("Drift and skew", drift),
        ("Warnings", [check for check in others if check.level != ERROR]),
    )
    opened = (OPEN, OPEN_DRIFT, OPEN)
    parts = [
        _group(name, group, most)
        for (name, group), most in zip(groups, opened, strict=True)
        if group
    ]
    return joined(parts)


def _is_drift(check: Check) -> bool:
    return check.kind in DRIFT_KINDS or bool(check.against)


def _group(name: str, group: Sequence[Check], most: int) -> Html:
    heading = element("h3", f"{name} ({len(group):,})", class_="group")
    parts = [heading, _rows(group[:most])]
    rest = group[most:MOST]
    if rest:
        text = f"{len(rest):,} more"
        if len(group) > MOST:
            text += f" of {len(group) - most:,}; anomalies.json has them all"
        parts.append(collapsed(text, _rows(rest)))
    return joined(parts)


def _rows(group: Sequence[Check]) -> Html:
    instances = any(check.values for check in group)
    rows = [
        [
            badge("anomaly", "bad") if check.level == ERROR else badge("warning", "warn"),
            plain(check.column) if check.column else "all columns",
            check.split,
            element("div", check.expected, class_="said"),
            element("div", check.observed.replace(" -> ", " → "), class_="said"),
            *([_instances(check)] if instances else []),
        ]
        for check in group
    ]
    return table(HEADERS if instances else HEADERS[:-1], rows, tall=True)


def _instances(check: Check) -> Html:
    if not check.values:
        return escaped("–")  # noqa: RUF001 - a dash for no value, as in pictures
    lines = []
    for index, (value, count) in enumerate(check.values):
        line = f"{shown(value)} ({rows_text(count)})"
        if index < len(check.locations):
            line = f"{line}, first: {check.locations[index]}"
        lines.append(element("div", line, class_="said"))
    return joined(lines)
