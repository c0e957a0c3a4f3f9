"""Pictures small enough for a table's cell: how far along a scale, which part of a whole."""

from collections.abc import Sequence

from plimsoll.pictures.markup import Html, element, escaped, joined
from plimsoll.pictures.scales import finite_number
from plimsoll.pictures.tables import scrolled_table
from plimsoll.pictures.theme import series_class

WIDE, TALL = 180, 18
MOST_TIMES = 4.0
"""Past so many times what is allowed a bar ends in a point."""


def bullet(
    value: object,
    *,
    label: str,
    tone: str = "dull",
    filled: bool = True,
    scale: float = MOST_TIMES,
) -> Html:
    """Returns a bar along a scale with a line at 1: how much of what is allowed was used.

    A bar that leaves the scale ends in a point.

    Args:
        value: 1 is what is allowed; what is not a finite number from 0 leaves the scale empty.
        label: What a screen reader and a hover say.
        tone: ``good``, ``bad``, ``warn``, ``info`` or ``dull``.
        filled: Whether the bar is more than an outline: what is past the line.
        scale: Where the scale ends, above 1; the same for bars that are compared.
    """
    number = finite_number(value)
    parts = [element("title", label), _track()]
    if number is not None and number >= 0:
        end = number / scale * WIDE
        kind = f"fill {tone}" if filled else f"fill hollow {tone}"
        if number > scale:
            shape = f"M0 5H{WIDE - 7}L{WIDE} {TALL / 2:.0f}L{WIDE - 7} {TALL - 5}H0Z"
        else:
            shape = f"M0 5H{max(end, 1.5):.1f}V{TALL - 5}H0Z"
        parts.append(element("path", d=shape, class_=kind))
    mark = WIDE / scale
    parts.append(_upright(mark, "limit"))
    return _cell(parts, label)


def signed_bar(value: object, *, label: str, scale: float = 1.0) -> Html:
    """Returns a bar from the middle: to the right if above 0, to the left and hollow if below.

    Args:
        value: What is not a finite number leaves the scale empty.
        label: What a screen reader and a hover say.
        scale: Where the scale ends on both sides; the same for bars that are compared.
    """
    number = finite_number(value)
    parts = [element("title", label), _track()]
    middle = WIDE / 2
    if number is not None:
        long = min(abs(number) / scale, 1.0) * middle
        kind = series_class(0) if number >= 0 else f"hollow {series_class(1)}"
        parts.append(
            element(
                "rect",
                x=f"{middle if number >= 0 else middle - long:.1f}",
                y=4,
                width=f"{max(long, 1.0):.1f}",
                height=TALL - 8,
                class_=f"bar {kind}",
            )
        )
    parts.append(_upright(middle, "zero"))
    return _cell(parts, label)


def silhouette(shares: Sequence[float | None], *, label: str, series: int = 0) -> Html:
    """Returns a histogram as one shape: a tenth of a sparkline's bytes, silent on hover.

    Args:
        shares: One bar each.
        label: What a screen reader says.
        series: Which of the colours, from 0.
    """
    numbers = [finite_number(share) or 0.0 for share in shares]
    largest = max(numbers, default=0.0)
    tall, steps = 100, []
    for number in numbers:
        high = max(number / largest * tall, 4) if largest > 0 and number > 0 else 0
        steps.append(f"V{tall - high:.0f}h1")
    wide = max(len(numbers), 1)
    shape = f'<path d="M0 {tall}{"".join(steps)}V{tall}Z" class="bar {series_class(series)}"/>'
    return Html(
        f'<svg class="spark shape" role="img" aria-label="{escaped(label)}" '
        f'viewBox="0 0 {wide} {tall}" preserveAspectRatio="none">{shape}</svg>'
    )


def share_table(
    row_labels: Sequence[object],
    column_labels: Sequence[object],
    shares: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str]],
    *,
    titles: Sequence[Sequence[str]] = (),
) -> Html:
    """Returns a table of shares, each cell filled from the left as far as its share goes.

    Args:
        row_labels: Down the side.
        column_labels: Along the top.
        shares: A row of shares, 0 to 1, for each row label; None leaves a dash.
        texts: The same as they are written.
        titles: What each cell says on hover; nothing if left out.
    """
    heading = [element("th", "", class_="axis")]
    heading += [element("th", label, scope="col") for label in column_labels]
    body = []
    for down, label in enumerate(row_labels):
        cells = [element("th", label, scope="row")]
        for across, share in enumerate(shares[down]):
            number = finite_number(share)
            if number is None:
                cells.append(element("td", "–", class_="absent"))  # noqa: RUF001 - a dash
                continue
            hover = titles[down][across] if titles else None
            filled = f"--share:{min(max(number, 0.0), 1.0):.4f}" if number > 0 else None
            cells.append(element("td", texts[down][across], style=filled, title=hover))
        body.append(element("tr", joined(cells)))
    return scrolled_table(heading, body, look="shares", kind="scroll bare")


def _track() -> Html:
    return element("line", x1=0, x2=WIDE, y1=TALL / 2, y2=TALL / 2, class_="track")


def _upright(x: float, kind: str) -> Html:
    return element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=0, y2=TALL, class_=kind)


def _cell(parts: Sequence[Html], label: str) -> Html:
    return Html(
        f'<svg class="spark" role="img" aria-label="{escaped(label)}" '
        f'width="{WIDE}" height="{TALL}" viewBox="0 0 {WIDE} {TALL}">{joined(parts)}</svg>'
    )
