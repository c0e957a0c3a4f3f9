"""All columns: type, role, what is missing, values, and a picture of each in each data set."""

import itertools
from collections.abc import Mapping, Sequence

from plimsoll.formats.distributions import CATEGORICAL, Distribution
from plimsoll.pictures.cells import silhouette
from plimsoll.pictures.markup import Html, element, escaped, joined
from plimsoll.pictures.scales import number_text
from plimsoll.pictures.tables import badge, collapsed, sparkline, table
from plimsoll.problem import SPLITS
from plimsoll.quantities import share_text, shown
from plimsoll.validate.checks.check import ERROR, PASS, WARNING, Check, Context
from plimsoll.validate.report.spreads import (
    OTHERS,
    are_alike,
    edges_of,
    ends_text,
    is_drawn,
    names_of,
    shares_by_name,
    shares_of,
)
from plimsoll.validate.schema.inference import role_of
from plimsoll.validate.statistics.summary import Summary

OPEN = 60
"""So many columns are shown; the others unfold."""
LABELLED = 30
"""The pictures of so many columns say on hover what each bar is: five times the bytes."""
BINS = 20
TOP_VALUES = 3
NO_BREAK = "\u00a0"
BESIDE = ("baseline", "serving")


def columns_table(context: Context, failed: Sequence[Check]) -> Html:
    """Returns the table: the label, then columns with failed checks, the others, the dropped."""
    levels = levels_of(failed)
    names = _ordered(context, levels)
    sources = sources_of(context)
    labelled = names[: LABELLED if len(names) > OPEN else OPEN]
    parts = [_table(context, names[:OPEN], levels, sources, labelled)]
    if names[OPEN:]:
        rest = _table(context, names[OPEN:], levels, sources, labelled)
        parts.append(collapsed(f"{len(names) - OPEN:,} more columns", rest))
    return joined(parts)


def columns_note(context: Context) -> str:
    """Returns how to read the table."""
    note = (
        "Bars are shares of the rows with a value, over the same range in each picture of a row; "
        "values far out count in the end bars."
    )
    if len(context.dataset.columns) > OPEN:
        note += (
            f" Of {len(context.dataset.columns):,} columns the first {OPEN} are shown; "
            "a search of the page finds the others too."
        )
    return note


def levels_of(failed: Sequence[Check]) -> dict[str, str]:
    """Returns the gravest level of each column's failed checks."""
    levels: dict[str, str] = {}
    for check in failed:
        both = (check.level, levels.get(check.column))
        levels[check.column] = ERROR if ERROR in both else WARNING
    return levels


def sources_of(context: Context) -> dict[str, Mapping[str, Distribution]]:
    """Returns the columns of each data set that was measured, the splits first."""
    sources: dict[str, Mapping[str, Distribution]] = {
        split: context.distributions.get(split, {}) for split in SPLITS
    }
    for name, columns in zip(BESIDE, (context.baseline, context.serving), strict=True):
        if columns:
            sources[name] = columns
    return sources


def named(context: Context, name: str, level: str = PASS) -> Html:
    """Returns a column's name, with its role if it is no feature, and a sign for failed checks."""
    role = role_of(context.dataset.problem, name)
    parts: list[object] = [plain(name)]
    if role != "feature":
        parts.append(badge(role, "info" if role == "label" else "dull"))
    if level != PASS:
        parts.append(badge("anomaly", "bad") if level == ERROR else badge("warning", "warn"))
    return joined(parts, " ")


def plain(name: str) -> Html:
    """Returns a column's name, which breaks where it is too long for a cell."""
    return element("strong", name, class_="column")


def _ordered(context: Context, levels: Mapping[str, str]) -> list[str]:
    problem = context.dataset.problem
    ranks = {"label": 0, "dropped": 4}
    graded = {ERROR: 1, WARNING: 2}

    def rank(name: str) -> int:
        return ranks.get(role_of(problem, name), graded.get(levels.get(name, PASS), 3))

    return sorted(context.dataset.column_names(), key=rank)


def _table(
    context: Context,
    names: Sequence[str],
    levels: Mapping[str, str],
    sources: Mapping[str, Mapping[str, Distribution]],
    labelled: Sequence[str],
) -> Html:
    rows = [
        [
            joined([named(context, name, levels.get(name, PASS)), _type(context, name)], "<br>"),
            element("div", _values(context, name), class_="values"),
            *_pictures(name, sources, small=name not in labelled),
        ]
        for name in names
    ]
    return table(["Column", "Values in train", *sources], rows, tall=True)


def _type(context: Context, name: str) -> Html:
    share = context.measured["train"].missing_share(name)
    missing = f", {share_text(share)} missing" if share else ""
    return element("small", f"{context.types[name]}{missing}", class_="kind")


def _values(context: Context, name: str) -> Html:
    summary = context.measured["train"].summaries.get(name)
    if summary is None or not summary.values:
        return escaped("no values")
    if summary.is_text:
        return _of_text(summary)
    encoding = context.encodings[name]
    if encoding.microseconds:
        ends = [encoding.timestamp(value) for value in (summary.low, summary.median, summary.high)]
        low, middle, high = (f"{end:%Y-%m-%d %H:%M}" if end else "?" for end in ends)
        return joined([f"{low} to {high}", f"median {middle}"], "<br>")
    spread = f"{number_text(summary.low)} to {number_text(summary.high)}"
    middle = f"median{NO_BREAK}{number_text(summary.median)}"
    average = f"mean {number_text(summary.mean)} ± {number_text(summary.std)}"
    return joined([f"{spread}, {middle}", average], "<br>")


def _of_text(summary: Summary) -> Html:
    distinct = f"{summary.distinct:,} distinct"
    if summary.counts and summary.counts[0][1] == 1:
        return joined([distinct, "each once"], "<br>")
    top = [
        f"{shown(value, 24)}{NO_BREAK}{share_text(count / summary.values)}"
        for value, count in summary.counts[:TOP_VALUES]
    ]
    return joined([distinct, ", ".join(top)], "<br>")


def _pictures(
    name: str, sources: Mapping[str, Mapping[str, Distribution]], *, small: bool
) -> list[Html]:
    columns = {source: held[name] for source, held in sources.items() if is_drawn(held.get(name))}
    drawn = list(columns.values())
    if not drawn or not are_alike(drawn):
        return [Html() for _ in sources]
    # Names are those of train, or the bars of a picture would not be in order of size anywhere.
    if drawn[0].kind == CATEGORICAL:
        names = names_of(drawn[0])
        shares = {source: shares_by_name(item, names) for source, item in columns.items()}
        labels = [shown(value) for value in names]
        if any(row[-1] > 1e-9 for row in shares.values()):
            labels.append(OTHERS)
        shares = {source: row[: len(labels)] for source, row in shares.items()}
    else:
        edges = edges_of(drawn, BINS)
        shares = {source: shares_of(item, edges) for source, item in columns.items()}
        labels = [] if small else _ends(drawn[0], edges)
    pictures = []
    for series, source in enumerate(sources):
        if source not in shares:
            pictures.append(Html())
        elif small:
            pictures.append(silhouette(shares[source], label=f"{name} in {source}", series=series))
        else:
            titles = [
                f"{label}: {share_text(min(share, 1.0))}"
                for label, share in zip(labels, shares[source], strict=True)
            ]
            pictures.append(
                sparkline(
                    shares[source],
                    label=f"{name} in {source}",
                    titles=titles,
                    series=series,
                    width=104,
                )
            )
    return pictures


def _ends(distribution: Distribution, edges: Sequence[float]) -> list[str]:
    if distribution.type == "int" and edges[1] - edges[0] == 1:
        return [number_text(edge + 0.5) for edge in edges[:-1]]
    texts = [ends_text(distribution, edge) for edge in edges]
    return [f"{low} to {high}" for low, high in itertools.pairwise(texts)]
