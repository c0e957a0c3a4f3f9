"""The page of the transform: what became of each column, and how informative each is."""

from collections.abc import Sequence

from plimsoll.models.transform import SourceColumn, Transform
from plimsoll.models.transform_parts import CategoricalPart, Part, indices, output_names, width
from plimsoll.pictures.bars import bar_chart
from plimsoll.pictures.page import Page
from plimsoll.pictures.tables import cards, table
from plimsoll.transform.fit.ranking import Relevance

SHOWN = 40


def report_html(
    transform: Transform, ranking: Sequence[Relevance], lines: Sequence[str] = ()
) -> str:
    """Returns the page.

    Args:
        transform: The transform.
        ranking: The columns, the most informative first; none: they were not ranked.
        lines: Sentences to begin with.
    """
    page = Page("Transform", "; ".join(lines) or "How raw columns become numbers.")
    left_out = sum(not column.parts for column in transform.columns)
    page.add_bare(
        "",
        cards(
            [
                ("columns used", len(transform.inputs), f"{left_out} left out"),
                ("numeric inputs", len(transform.numeric), ""),
                ("categorical inputs", len(transform.categorical), ""),
            ]
        ),
    )
    if ranking:
        page.add(
            "What each column tells of the label, alone",
            bar_chart(
                [item.column for item in ranking[:SHOWN]],
                {
                    "mutual information": [item.information for item in ranking[:SHOWN]],
                    "chance stays below": [item.noise for item in ranking[:SHOWN]],
                },
                value_label="nats",
                horizontal=True,
                hollow=("chance stays below",),
            ),
            f"Measured on rows of train. {_silent(ranking)} What columns only tell together is not "
            "seen here.",
        )
    ranked = {item.column: item for item in ranking}
    rows = [_row(column, ranked) for column in transform.columns]
    rows += [
        (cross.output, "", "cross", _information(ranked, cross.output), _made(cross), "")
        for cross in transform.crosses
    ]
    page.add(
        "Columns",
        table(("column", "type", "treated as", "nats", "becomes", "why"), rows),
        "The config's columns and the problem file's go before what is chosen here.",
    )
    return page.html()


def _silent(ranking: Sequence[Relevance]) -> str:
    silent = sum(not item.informative for item in ranking)
    if not silent:
        return "All tell more than chance."
    return f"{silent} of {len(ranking)} tell{'s' if silent == 1 else ''} no more than chance."


def _row(column: SourceColumn, ranked: dict[str, Relevance]) -> tuple[object, ...]:
    made = ", ".join(_made(part) for part in column.parts)
    name = column.name
    return name, column.type, column.kind, _information(ranked, name), made, column.why


def _information(ranked: dict[str, Relevance], name: str) -> float | None:
    return round(ranked[name].information, 5) if name in ranked else None


def _made(part: Part) -> str:
    if isinstance(part, CategoricalPart):
        many = f", up to {width(part)} a row" if width(part) > 1 else ""
        return f"{indices(part):,} indices{many}"
    outputs = len(output_names(part))
    scale = f" ({part.scale})" if hasattr(part, "scale") else ""
    return f"{outputs} number{'s' if outputs > 1 else ''}{scale}"
