"""Heat maps: correlations of columns with each other."""

from collections.abc import Sequence

from plimsoll.pictures.markup import Html, element, escaped, joined, shortened, text_width
from plimsoll.pictures.scales import finite_number

MOST_NUMBERED = 16
"""Up to so many columns each cell has its number written in it."""
NOTABLE = 0.3
"""In larger maps a minus sign stands in cells below minus this."""
LONGEST_NAME = 24
BOLD = 1.15
"""How much wider a name is in bold."""


def correlation_map(
    names: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    label: str,
    also: Sequence[Sequence[float | None]] = (),
    also_name: str = "",
) -> Html:
    """Returns the lower half of a matrix of correlations; names stand on its diagonal.

    A name labels the row to its left and the column below it. The stronger, the fuller the
    colour; one colour for each sign, and negative cells carry a minus sign as well.

    Args:
        names: Of the columns, in the order to draw.
        values: -1 to 1, a row for each name; None and NaN leave a cell empty.
        label: What a screen reader says.
        also: A second matrix, shown on hover.
        also_name: What that one is called.
    """
    numbered = len(names) <= MOST_NUMBERED
    wide, tall = (46, 28) if numbered else (20, 20)
    shown = [shortened(name, LONGEST_NAME) for name in names]
    parts: list[Html] = []
    for row, name in enumerate(names):
        for column in range(row):
            value = finite_number(values[row][column])
            second = finite_number(also[row][column]) if also else None
            hover = f"{name}, {names[column]}: {_written(value)}"
            if also_name:
                hover += f", {also_name} {_written(second)}"
            parts.append(_square(value, (column * wide, row * tall, wide, tall), hover, numbered))
        parts.append(_name(name, shown[row], row, (wide, tall)))
    across = max(
        (index * wide + 6 + BOLD * text_width(name, 12.5) for index, name in enumerate(shown)),
        default=0,
    )
    width, height = round(across + 8), len(names) * tall
    svg = Html(
        f'<svg class="matrix" role="img" aria-label="{escaped(label)}" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">{joined(parts)}</svg>'
    )
    return element("div", svg, class_="scroll bare", tabindex="0", role="region", aria_label=label)


def signed_text(value: float) -> str:
    """Returns a correlation with two decimals and a minus sign as long as a plus."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # noqa: RUF001


def _name(name: str, shown: str, row: int, size: tuple[int, int]) -> Html:
    wide, tall = size
    inside = joined([shown, element("title", name)])
    return element("text", inside, x=row * wide + 6, y=f"{row * tall + tall / 2 + 4:.1f}")


def _square(
    value: float | None, lies: tuple[int, int, int, int], hover: str, numbered: bool
) -> Html:
    left, top, wide, tall = lies
    strength = min(abs(value), 1.0) if value is not None else 0.0
    sign = "minus" if value is not None and value < 0 else "plus"
    kind = sign if value is not None else "unknown"
    if strength > 0.55:
        kind += " strong"
    inside = [
        element("title", hover),
        element(
            "rect",
            x=left + 1,
            y=top + 1,
            width=wide - 2,
            height=tall - 2,
            rx=3,
            fill_opacity=f"{strength:.2f}" if value is not None else None,
        ),
    ]
    text = ""
    if value is None:
        text = "–"  # noqa: RUF001 - a dash for no value, as in tables
    elif numbered:
        text = _written(value)
    elif value <= -NOTABLE:
        text = "−"  # noqa: RUF001 - a minus sign
    if text:
        middle = f"{top + tall / 2 + 4:.1f}"
        inside.append(
            element("text", text, x=f"{left + wide / 2:.1f}", y=middle, text_anchor="middle")
        )
    return element("g", joined(inside), class_=kind)


def _written(value: float | None) -> str:
    return "unknown" if value is None else signed_text(value)
