"""Tables, badges, cards and the small pictures that stand in a table's cell."""

from collections.abc import Mapping, Sequence

from plimsoll.pictures.markup import Html, element, escaped, joined
from plimsoll.pictures.scales import column_texts, finite_number, number_text
from plimsoll.pictures.theme import series_class

TONES = ("good", "bad", "warn", "info", "dull")
MOST_ROWS = 2000
SHORT = 28
SPARK_HEIGHT = 26


def badge(text: str, tone: str = "dull") -> Html:
    """Returns a small label.

    Args:
        text: A word or two.
        tone: ``good``, ``bad``, ``warn``, ``info`` or ``dull``; others count as ``dull``.
    """
    return element("span", text, class_=f"badge {_tone(tone)}")


def notice(heading: str, text: str = "", tone: str = "info") -> Html:
    """Returns a box that the reader should not miss: what stopped, what was found."""
    parts = [element("strong", heading), element("p", text) if text else ""]
    return element("div", joined(parts), class_=f"notice {_tone(tone)}")


def cards(items: Sequence[tuple[str, object, object]]) -> Html:
    """Returns large numbers side by side.

    Args:
        items: Name, value and a line below it (may be empty); numbers are formatted.
    """
    tiles = []
    for name, value, beside in items:
        parts = [element("dt", name), element("dd", _cell_text(value), class_="value")]
        if beside not in ("", None):
            parts.append(element("dd", _cell_text(beside), class_="beside"))
        tiles.append(element("dl", joined(parts), class_="tile"))
    return element("div", joined(tiles), class_="cards")


def facts(items: Mapping[str, object]) -> Html:
    """Returns names and values in two columns."""
    rows = [
        joined([element("dt", name), element("dd", _cell_text(value))])
        for name, value in items.items()
    ]
    return element("dl", joined(rows), class_="facts")


def grid(*parts: Html) -> Html:
    """Returns charts side by side where there is room, one below the other where not."""
    return element("div", joined(element("div", part) for part in parts), class_="grid")


def collapsed(summary: object, body: Html) -> Html:
    """Returns markup that a click on its summary shows, without scripts; a search finds it."""
    return element("details", joined([element("summary", summary), body]), class_="fold")


def table(
    headers: Sequence[object],
    rows: Sequence[Sequence[object]],
    *,
    caption: str = "",
    tall: bool = False,
) -> Html:
    """Returns a table: numbers to the right, headings that stay, a bar to scroll when wide.

    Args:
        headers: Column headings.
        rows: Cells: text (escaped), numbers (formatted), None (a dash), or ``Html``.
        caption: Above the table.
        tall: Whether a long table takes its full height rather than scroll.
    """
    numeric = [_is_numeric(rows, index) for index in range(len(headers))]
    heading = [
        element("th", header, scope="col", class_="number" if numeric[index] else None)
        for index, header in enumerate(headers)
    ]
    columns = [
        _column_cells([row[index] if index < len(row) else "" for row in rows[:MOST_ROWS]], right)
        for index, right in enumerate(numeric)
    ]
    body = [element("tr", joined(cells)) for cells in zip(*columns, strict=True)]
    if len(rows) > MOST_ROWS:
        caption = f"{caption} The first {MOST_ROWS:,} of {len(rows):,} rows.".strip()
    return scrolled_table(heading, body, caption, kind="scroll tall" if tall else "scroll")


def heat_table(
    row_labels: Sequence[object],
    column_labels: Sequence[object],
    values: Sequence[Sequence[float | None]],
    *,
    row_title: str = "",
    column_title: str = "",
    by_row: bool = False,
) -> Html:
    """Returns a table whose cells are shaded by their value: a confusion matrix, correlations.

    Args:
        row_labels: Down the side.
        column_labels: Along the top.
        values: A row of numbers for each row label.
        row_title: What the rows are ("actual").
        column_title: What the columns are ("predicted").
        by_row: Whether each cell is shaded, and labelled, as its share of the row.
    """
    numbers = [[finite_number(value) for value in row] for row in values]
    largest = max((abs(value) for row in numbers for value in row if value is not None), default=0)
    texts = iter(column_texts([value for row in values for value in row]))
    corner = " ".join(
        filter(
            None,
            [f"{row_title} ↓" if row_title else "", f"{column_title} →" if column_title else ""],
        )
    )
    heading = [element("th", corner, class_="axis")]
    heading += [element("th", label, scope="col") for label in column_labels]
    body = []
    for label, row in zip(row_labels, numbers, strict=True):
        whole = sum(abs(value) for value in row if value is not None) if by_row else largest
        cells = [_heat_cell(next(texts), value, whole, by_row=by_row) for value in row]
        body.append(element("tr", joined([element("th", label, scope="row"), *cells])))
    return scrolled_table(heading, body, "", look="heat", kind="scroll bare")


def sparkline(
    counts: Sequence[float | None],
    *,
    label: str = "",
    titles: Sequence[str] = (),
    series: int = 0,
    width: int = 120,
) -> Html:
    """Returns a histogram small enough for a table's cell.

    Args:
        counts: One bar each.
        label: What a screen reader says.
        titles: What each bar says on hover; its count if left out.
        series: Which of the colours, from 0.
        width: In pixels.
    """
    numbers = [finite_number(count) or 0.0 for count in counts]
    largest = max(numbers, default=0.0)
    wide = width / max(len(numbers), 1)
    bars = []
    for index, number in enumerate(numbers):
        tall = max(number / largest * SPARK_HEIGHT, 1.0) if largest > 0 and number > 0 else 0.0
        title = titles[index] if index < len(titles) else number_text(number)
        bars.append(
            element(
                "rect",
                element("title", title),
                x=f"{index * wide:.2f}",
                y=f"{SPARK_HEIGHT - tall:.2f}",
                width=f"{max(wide - (1 if wide > 3 else 0.2), 0.3):.2f}",
                height=f"{tall:.2f}",
                class_=f"bar {series_class(series)}",
            )
        )
    base = element("line", x1=0, x2=width, y1=SPARK_HEIGHT, y2=SPARK_HEIGHT, class_="gridline")
    return Html(
        f'<svg class="spark" role="img" aria-label="{escaped(label or "distribution")}" '
        f'width="{width}" height="{SPARK_HEIGHT}" viewBox="0 0 {width} {SPARK_HEIGHT}">'
        f"{joined([base, *bars])}</svg>"
    )


def scrolled_table(
    heading: Sequence[Html],
    body: Sequence[Html],
    caption: str = "",
    *,
    look: str | None = None,
    kind: str,
) -> Html:
    """Returns a table in a region that scrolls.

    Args:
        heading: Cells of the heading.
        body: Rows.
        caption: Above the table; empty: none.
        look: Class of the table.
        kind: Classes of the region.
    """
    parts = [
        element("caption", caption) if caption else "",
        element("thead", element("tr", joined(heading))),
        element("tbody", joined(body)),
    ]
    inner = element("table", joined(parts), class_=look)
    return element("div", inner, class_=kind, tabindex="0", role="region", aria_label="table")


def _tone(tone: str) -> str:
    return tone if tone in TONES else "dull"


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _is_numeric(rows: Sequence[Sequence[object]], index: int) -> bool:
    cells = [row[index] for row in rows if index < len(row) and row[index] is not None]
    return bool(cells) and all(_is_number(cell) for cell in cells)


def _cell_text(cell: object) -> Html:
    if cell is None or isinstance(cell, bool) or _is_number(cell):
        return escaped(number_text(cell))
    return escaped(cell)


def _column_cells(cells: Sequence[object], numeric: bool) -> list[Html]:
    if numeric:
        return [element("td", text, class_="number") for text in column_texts(cells)]
    return [_cell(cell) for cell in cells]


def _cell(cell: object) -> Html:
    if _is_number(cell):
        return element("td", _cell_text(cell), class_="number")
    brief = not isinstance(cell, Html) and len(str(cell)) <= SHORT
    return element("td", _cell_text(cell), class_="short" if brief else None)


def _heat_cell(text_of: str, value: float | None, whole: float, *, by_row: bool) -> Html:
    share = abs(value) / whole if value is not None and whole > 0 else 0.0
    text = joined([text_of, element("small", f"{share:.1%}") if by_row else ""])
    strong = "strong" if share > 0.6 else None
    return element("td", text, style=f"--share:{share * 0.86:.3f}", class_=strong)
