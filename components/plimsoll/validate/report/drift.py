"""Drift and skew: how much of what is allowed each column used, and what the drifted look like."""

import math
from collections.abc import Mapping, Sequence

from plimsoll.formats.distributions import CATEGORICAL, Distribution
from plimsoll.pictures.bars import bar_chart, histogram
from plimsoll.pictures.cells import MOST_TIMES, bullet
from plimsoll.pictures.markup import Html, element, escaped, joined
from plimsoll.pictures.scales import number_text
from plimsoll.pictures.tables import collapsed, table
from plimsoll.problem import SPLITS
from plimsoll.quantities import share_text, shown
from plimsoll.validate.checks.check import ERROR, PASS, Context
from plimsoll.validate.config import TESTS
from plimsoll.validate.drift.measurement import BASELINE, SERVING, TRAIN, Measurement
from plimsoll.validate.report.columns import named, plain
from plimsoll.validate.report.spreads import (
    are_alike,
    edges_of,
    is_drawn,
    names_changed,
    shares_by_name,
    shares_of,
    time_of,
)

OPEN, FEWEST_OPEN = 30, 8
"""So many columns past the threshold are ranked by picture, and at least so many columns in all;
the others unfold as text."""
MOST_LAID_OPEN = 6
MOST_OVERLAID = 24
BINS, BARS = 30, 8
MICROSECONDS_A_DAY = 86_400_000_000
AGAINST = {
    BASELINE: "the baseline",
    SERVING: "serving",
    TRAIN: "train",
}
NAMES = {
    "ks": "Kolmogorov-Smirnov",
    "rank_shift": "rank shift",
    "jensen_shannon": "Jensen-Shannon divergence",
    "jensen_shannon_distance": "Jensen-Shannon distance",
    "l_infinity": "L-infinity",
    "psi": "PSI",
    "wasserstein": "Wasserstein (in standard deviations)",
    "chi_squared": "chi-squared, p",
    "t_test": "t-test, p",
    "anova": "ANOVA, p",
}
Ranked = list[tuple[str, list[Measurement]]]


def used(measurement: Measurement) -> float:
    """Returns how much of what is allowed was used: above 1 is a finding.

    Of a test, whose p-value must not fall below the threshold, the logarithms are compared.
    """
    value, bound = measurement.value, measurement.threshold
    is_test = measurement.distance in TESTS
    if math.isnan(value) or (is_test and not 0 < bound < 1):
        return 0.0 if measurement.level == PASS else math.inf
    if is_test:
        return math.log(value) / math.log(bound) if value > 0 else math.inf
    if bound > 0:
        return value / bound
    return math.inf if value > 0 else 0.0


def drift(context: Context) -> Html:
    """Returns each comparison that was made, its columns ranked, then the drifted ones drawn."""
    groups: dict[tuple[str, str], dict[str, list[Measurement]]] = {}
    for item in context.drift:
        columns = groups.setdefault((item.against, item.split), {})
        columns.setdefault(item.column, []).append(item)
    parts = []
    for against in sorted({key[0] for key in groups}, key=[*AGAINST].index):
        splits = [split for other, split in groups if other == against]
        parts += [_comparison(context, against, split, _ranked(groups[against, split]))
                  for split in splits]  # fmt: skip
        parts.append(_overlays(context, against))
    return joined(parts)


def drift_note(context: Context) -> str:
    """Returns how to read the section."""
    note = (
        "Each bar is a column's distance as a share of its threshold, the upright line: a hollow "
        "bar stays within it, a filled one is past it."
    )
    if context.baseline:
        note += " The baseline is the data before these."
    else:
        note += " No baseline was given, so drift since the data before was not measured."
    if context.serving:
        note += " Serving is what the model is asked."
    return note


def drifted(context: Context) -> set[str]:
    """Returns the columns of which some distance is past its threshold."""
    return {item.column for item in context.drift if item.level != PASS}


def _ranked(columns: Mapping[str, list[Measurement]]) -> Ranked:
    """Sorts columns, and the measurements of each, by how much of what is allowed was used."""
    ranked = [
        (name, sorted(items, key=lambda item: (item.level == PASS, -used(item))))
        for name, items in columns.items()
    ]
    return sorted(ranked, key=lambda pair: (pair[1][0].level == PASS, -used(pair[1][0])))


def _comparison(context: Context, against: str, split: str, ranked: Ranked) -> Html:
    title = f"{split} against {AGAINST.get(against, against)}"
    past = sum(items[0].level != PASS for _, items in ranked)
    counted = f"{len(ranked):,} column{'' if len(ranked) == 1 else 's'}"
    if past:
        heading = element(
            "h3", f"{title}: {past:,} of {counted} past the threshold", class_="group"
        )
        return joined([heading, _rows(context, ranked)])
    name, items = ranked[0]
    closest = f"the closest is {name}, at {_times(used(items[0]))} of its threshold"
    return collapsed(
        f"{title}: none of {counted} past the threshold; {closest}", _rows(context, ranked)
    )


def _rows(context: Context, ranked: Ranked) -> Html:
    past = sum(items[0].level != PASS for _, items in ranked)
    most = max(min(past, OPEN), FEWEST_OPEN)
    scale = min(max(max(used(items[0]) for _, items in ranked) * 1.05, 1.5), MOST_TIMES)
    rows = [
        [
            named(context, name, items[0].level) if name in context.types else plain(name),
            _bar(items[0], scale),
            _measured(items),
            _change(items[0]),
        ]
        for name, items in ranked[:most]
    ]
    parts = [
        table(["Column", "Share of what is allowed", "Distance", "What changed"], rows, tall=True),
        element("p", _how([items[0] for _, items in ranked]), class_="note"),
    ]
    rest = [
        [name, _times(used(items[0])), _distance(items[0]), items[0].value, items[0].threshold]
        for name, items in ranked[most:]
    ]
    if rest:
        headers = ["Column", "Of what is allowed", "Distance", "Measured", "Allowed"]
        parts.append(collapsed(f"{len(rest):,} more columns", table(headers, rest)))
    return joined(parts)


def _bar(item: Measurement, scale: float) -> Html:
    past = item.level != PASS
    tone = "dull" if not past else "bad" if item.level == ERROR else "warn"
    times = used(item)
    label = f"{_times(times)} of the threshold, {'past' if past else 'within'} what is allowed"
    shown_bar = bullet(min(times, scale * 2), label=label, tone=tone, filled=past, scale=scale)
    return joined([shown_bar, element("span", _times(times), class_="beside")], " ")


def _times(times: float) -> str:
    if math.isinf(times):
        return "far past"
    return f"{times:.2f}×" if times < 10 else f"{times:,.0f}×"  # noqa: RUF001 - a times sign


def _measured(items: Sequence[Measurement]) -> Html:
    lines = []
    for item in items:
        text = f"{_distance(item)} {number_text(item.value)}"
        word = "at least" if item.distance in TESTS else "allowed"
        bound = f"{word} {number_text(item.threshold)}"
        small = element("small", bound, title=item.how)
        lines.append(element("div", joined([text, small], ", "), class_="whole"))
    return joined(lines)


def _distance(item: Measurement) -> str:
    return NAMES.get(item.distance, item.distance.replace("_", " "))


def _change(item: Measurement) -> str:
    return item.change.replace(" -> ", " → ")


def _how(items: Sequence[Measurement]) -> str:
    """Says where the thresholds come from, the commonest source first."""
    counts: dict[str, int] = {}
    for item in items:
        counts[item.how] = counts.get(item.how, 0) + 1
    ranked = sorted(counts, key=lambda how: -counts[how])
    if not ranked or not ranked[0]:
        return ""
    return f"{'Most thresholds' if ranked[1:] else 'Thresholds'}: {ranked[0]}."


def _overlays(context: Context, against: str) -> Html:
    """Draws each drifted column beside what it is compared with, the farthest first."""
    drifted_columns: dict[str, list[Measurement]] = {}
    for item in sorted(context.drift, key=lambda item: -used(item)):
        if item.level != PASS and item.against == against:
            drifted_columns.setdefault(item.column, []).append(item)
    charts = []
    for column, items in list(drifted_columns.items())[:MOST_OVERLAID]:
        chart = _overlay(context, column, against, items)
        if chart is not None:
            charts.append(chart)
    if not charts:
        return Html()
    parts = [_panel(charts[:MOST_LAID_OPEN])]
    if charts[MOST_LAID_OPEN:]:
        text = f"{len(charts) - MOST_LAID_OPEN} more pictures"
        if len(drifted_columns) > MOST_OVERLAID:
            text += f", of {len(drifted_columns) - MOST_LAID_OPEN:,} that drifted"
        parts.append(collapsed(text, _panel(charts[MOST_LAID_OPEN:])))
    return joined(parts)


def _panel(charts: Sequence[Html]) -> Html:
    tiles = joined(element("div", chart) for chart in charts)
    return element("div", element("div", tiles, class_="grid"), class_="panel")


def _overlay(
    context: Context, column: str, against: str, items: Sequence[Measurement]
) -> Html | None:
    sources = {BASELINE: context.baseline, SERVING: context.serving}
    held = {against: sources.get(against, context.distributions.get(against, {})).get(column)}
    splits = sorted({item.split for item in items}, key=SPLITS.index)
    for split in splits:
        held[split] = context.distributions.get(split, {}).get(column)
    series = {name: item for name, item in held.items() if item is not None and is_drawn(item)}
    drawn = list(series.values())
    if len(drawn) < 2 or not are_alike(drawn):
        return None
    worst = items[0]
    note = f"{', '.join(splits)} against {against}"
    if worst.change:
        note += f": {_change(worst)}"
    if drawn[0].kind == CATEGORICAL:
        return _of_names(column, note, against, series)
    return _of_numbers(column, note, against, series)


def _of_names(column: str, note: str, against: str, series: Mapping[str, Distribution]) -> Html:
    names = names_changed(list(series.values()), BARS)
    shares = {name: shares_by_name(item, names) for name, item in series.items()}
    others = [row[-1] for row in shares.values()]
    if max(others) > 1e-9:
        together = " → ".join(share_text(min(share, 1.0)) for share in others)
        note += f". The values that changed most; all others together: {together}"
    return bar_chart(
        [shown(name, 24) for name in names],
        {name: row[:-1] for name, row in shares.items()},
        title=column,
        note=note,
        value_label="share of values",
        hollow=[against],
    )


def _of_numbers(column: str, note: str, against: str, series: Mapping[str, Distribution]) -> Html:
    edges = edges_of(list(series.values()), BINS)
    ends, x_label = _axis(next(iter(series.values())), edges)
    spread = {
        name: [
            (ends[index], ends[index + 1], share)
            for index, share in enumerate(shares_of(item, edges))
        ]
        for name, item in series.items()
    }
    return histogram(
        spread,
        x_label=x_label,
        y_label="values",
        title=column,
        note=note,
        share=True,
        dashed=[against],
    )


def _axis(distribution: Distribution, edges: Sequence[float]) -> tuple[list[float], str]:
    """Returns the bins' ends as an axis writes them: times as days since the first."""
    first = time_of(edges[0])
    if distribution.type != "timestamp" or first is None:
        return list(edges), "value"
    days = [(edge - edges[0]) / MICROSECONDS_A_DAY for edge in edges]
    return days, f"days since {first:%Y-%m-%d %H:%M}"


def drift_card(context: Context) -> tuple[str, object, object] | None:
    """Returns how many columns drifted as a card; None if nothing was compared."""
    if not context.drift:
        return None
    measured = {item.column for item in context.drift}
    return ("drifted", len(drifted(context)), escaped(f"of {len(measured):,} columns"))
