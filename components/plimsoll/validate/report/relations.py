"""How columns go together: with the label, ranked, and with each other."""

import math
from collections.abc import Sequence

from plimsoll.pictures.cells import signed_bar
from plimsoll.pictures.heat import correlation_map, signed_text
from plimsoll.pictures.markup import Html, element, joined
from plimsoll.pictures.tables import badge, collapsed, table
from plimsoll.validate.checks.check import Context
from plimsoll.validate.report.columns import plain
from plimsoll.validate.statistics.correlations import (
    Association,
    Correlations,
    Pair,
    associations,
    clustered,
    correlations,
)

OPEN = 15
LEAST_SCALE = 0.25
"""A scale of bars ends no nearer, so that weak ties look weak."""
MOST_MAPPED = 40
MOST_PAIRS = 150
NEARLY = 0.95
"""From here on a column says nearly the same as another, or as the label."""
MOST_NAMED = 5


def relations(context: Context) -> Html:
    """Returns what goes with the label, then which columns go together."""
    problem = context.dataset.problem
    sample = context.measured["train"].sample
    features = [column.name for column in context.dataset.feature_columns()]
    held = [name for name in [problem.label, *features] if name in sample.column_names]
    if not sample.num_rows or not held:
        return element("p", "There are no rows to compare.")
    strengths, left = associations(sample, held, problem)
    pairs = correlations(sample, held, problem)
    first = joined([element("h3", f"With the label, {problem.label}", class_="group"),
                    _with_label(strengths, left)])  # fmt: skip
    return joined([first, _among(pairs)])


def relations_note(context: Context) -> str:
    """Returns how to read the section."""
    rows = context.measured["train"].sample.num_rows
    return (
        f"Over a sample of {rows:,} rows of train. A bar to the right: both rise together; a "
        "hollow one to the left: one falls as the other rises. Dropped columns are left out."
    )


def _with_label(strengths: Sequence[Association], left: Sequence[str]) -> Html:
    if not strengths:
        return element("p", "No column can be compared with the label.", class_="note")
    nearly = [badge("nearly the label", "warn")]
    scale = max(LEAST_SCALE, *(abs(item.value) for item in strengths))
    rows = [
        [
            joined([plain(item.column), *(nearly if abs(item.value) >= NEARLY else [])], " "),
            signed_bar(
                item.value,
                label=f"{item.column}: {item.measure} {_written(item.value)}",
                scale=scale,
            ),
            _written(item.value),
            _written(item.spearman),
            item.measure,
        ]
        for item in strengths[:OPEN]
    ]
    headers = ["Column", f"−{scale:.2g} to {scale:.2g}", "Strength", "Spearman", "Measured by"]  # noqa: RUF001
    parts = [table(headers, rows, tall=True)]
    rest = [
        [item.column, _written(item.value), _written(item.spearman), item.measure]
        for item in strengths[OPEN:]
    ]
    if rest:
        headers = ["Column", "Strength", "Spearman", "Measured by"]
        parts.append(collapsed(f"{len(rest):,} more columns", table(headers, rest)))
    if left:
        listed = ", ".join(left[:MOST_NAMED])
        more = f" and {len(left) - MOST_NAMED:,} more" if left[MOST_NAMED:] else ""
        text = f"Not compared, because they do not vary or have too many names: {listed}{more}."
        parts.append(element("p", text, class_="note"))
    return joined(parts)


def _among(pairs: Correlations) -> Html:
    heading = element("h3", "Columns of numbers with each other", class_="group")
    if len(pairs.columns) < 2:
        text = "There are fewer than two columns of numbers that vary."
        return joined([heading, element("p", text, class_="note")])
    strongest = pairs.pairs(MOST_PAIRS)
    parts = [heading]
    if len(pairs.columns) <= MOST_MAPPED:
        parts += [_map(pairs), element("p", _twins(strongest), class_="note")]
    else:
        text = f"The strongest of {len(pairs.columns) * (len(pairs.columns) - 1) // 2:,} pairs."
        parts += [element("p", text, class_="note"), _pairs(strongest[:OPEN], bars=True)]
        if strongest[OPEN:]:
            rest = _pairs(strongest[OPEN:], bars=False)
            parts.append(collapsed(f"{len(strongest) - OPEN} more pairs", rest))
    return joined(parts)


def _map(pairs: Correlations) -> Html:
    order = clustered(pairs.pearson)
    names = [pairs.columns[index] for index in order]
    return element(
        "div",
        correlation_map(
            names,
            pairs.pearson[order][:, order].tolist(),
            label=f"Pearson's correlations of {len(names)} columns",
            also=pairs.spearman[order][:, order].tolist(),
            also_name="Spearman",
        ),
        class_="panel",
    )


def _twins(strongest: Sequence[Pair]) -> str:
    note = (
        "Pearson's r; a name labels the row to its left and the column below it, and columns that "
        "go together stand side by side."
    )
    twins = [pair for pair in strongest if abs(pair.pearson) >= NEARLY]
    if twins:
        listed = "; ".join(
            f"{pair.left} and {pair.right} ({_written(pair.pearson)})"
            for pair in twins[:MOST_NAMED]
        )
        more = f"; {len(twins) - MOST_NAMED:,} more pairs" if twins[MOST_NAMED:] else ""
        note += f" Nearly the same: {listed}{more}."
    elif strongest:
        pair = strongest[0]
        note += f" The strongest: {pair.left} and {pair.right} ({_written(pair.pearson)})."
    return note


def _pairs(pairs: Sequence[Pair], *, bars: bool) -> Html:
    rows = []
    for pair in pairs:
        label = f"{pair.left}, {pair.right}: {_written(pair.pearson)}"
        bar = [signed_bar(pair.pearson, label=label)] if bars else []
        rows.append(
            [
                plain(pair.left),
                plain(pair.right),
                *bar,
                _written(pair.pearson),
                _written(pair.spearman),
                pair.rows,
            ]
        )
    headers = ["Column", "Column", *([""] if bars else []), "Pearson", "Spearman", "Rows"]
    return table(headers, rows, tall=bars)


def _written(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"  # noqa: RUF001 - a dash for no value, as in pictures
    return signed_text(value)
