"""What every chart stands in: margins, gridlines, tick labels, legend, caption.

A chart is as wide as its column while its text keeps its size: the outer SVG has no view box and
places things by percent, and only curves lie in an inner SVG whose view box is stretched.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from plimsoll.pictures.markup import Html, element, joined, shortened, text_width
from plimsoll.pictures.scales import Scale
from plimsoll.pictures.theme import series_class

WIDTH = 1000.0


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Pixels around the plotted area."""

    top: float = 12.0
    right: float = 14.0
    bottom: float = 24.0
    left: float = 44.0


def figure(
    marks: Html,
    *,
    title: str,
    note: str,
    label: str,
    legend: Html,
    height: int,
    margins: Margins,
    square: bool = False,
) -> Html:
    """Returns a figure around the marks of a chart.

    Args:
        marks: SVG elements placed by percent across and by pixel down.
        title: The caption, may be empty.
        note: A smaller line below it, may be empty.
        label: What a screen reader says.
        legend: Made by ``legend``, or empty.
        height: Of the plotted area, in pixels.
        margins: Around the plotted area.
        square: Whether the figure stays as narrow as it is high.
    """
    caption = joined([title, element("small", note) if note else ""])
    svg = element("svg", marks, class_="plot", role="img", aria_label=label)
    style = (
        f"--tall:{height}px;--top:{margins.top:.0f}px;--right:{margins.right:.0f}px;"
        f"--bottom:{margins.bottom:.0f}px;--left:{margins.left:.0f}px"
    )
    if square:
        style += f";max-width:{height + margins.left + margins.right:.0f}px"
    parts = [element("figcaption", caption) if caption else "", legend, svg]
    return element("figure", joined(parts), class_="chart", style=style)


def empty_figure(title: str, note: str, label: str) -> Html:
    """Returns the figure of a chart that has no finite value to show."""
    text = element("text", "nothing to show", x="50%", y="44", text_anchor="middle", class_="none")
    return figure(
        text,
        title=title,
        note=note,
        label=f"{label}: nothing to show",
        legend=Html(),
        height=80,
        margins=Margins(left=0, right=0, bottom=4),
    )


def legend(
    names: Sequence[str],
    *,
    strokes: bool = False,
    dashed: Collection[str] = (),
    hollow: Collection[str] = (),
) -> Html:
    """Returns the key to the series, or nothing if there is one series without a name."""
    if not names or list(names) == [""]:
        return Html()
    keys = []
    for index, name in enumerate(names):
        kind = "stroke-key " if strokes else ""
        kind += "dashed-key " if name in dashed else ""
        kind += "hollow-key " if name in hollow else ""
        swatch = element("i", class_=f"{kind}{series_class(index)}")
        keys.append(element("span", joined([swatch, shortened(name, 60)]), title=name))
    return element("div", joined(keys), class_="legend")


def axes(
    x: Scale | None,
    y: Scale | None,
    *,
    height: int,
    x_label: str,
    y_label: str,
    left: float,
    upright: bool = False,
) -> Html:
    """Returns gridlines and tick labels.

    Args:
        x: The scale across, or None to draw no ticks there.
        y: The scale down, or None.
        height: Of the plotted area, in pixels.
        x_label: What lies across; written below the right end.
        y_label: What lies down; written above the left end.
        left: Pixels left of the plotted area.
        upright: Whether the gridlines stand (bars that lie) rather than lie.
    """
    parts: list[Html] = []
    if y is not None:
        parts += [_tick_down(y, index, height, grid=not upright) for index in range(len(y.ticks))]
    if x is not None:
        parts += [_tick_across(x, index, height, grid=upright) for index in range(len(x.ticks))]
    if y_label:
        parts.append(element("text", f"↑ {y_label}", x=f"-{left:.0f}", y="-17", class_="name"))
    if x_label:
        parts.append(
            element(
                "text",
                f"{x_label} →",
                x="100%",
                y=f"{height + 36}",
                text_anchor="end",
                class_="name",
            )
        )
    return joined(parts)


def margins_for(y_labels: Sequence[str], *, x_label: str, y_label: str) -> Margins:
    """Returns margins that leave room for the labels."""
    widest = max((text_width(label) for label in y_labels), default=0.0)
    return Margins(
        top=32 if y_label else 10,
        bottom=42 if x_label else 24,
        left=max(widest + 12, 14),
    )


def stretched(shapes: Html, height: int) -> Html:
    """Returns an inner SVG, ``WIDTH`` wide in its own units, that fills the plotted area."""
    return Html(
        f'<svg viewBox="0 0 {WIDTH:.0f} {height}" width="100%" height="{height}" '
        f'preserveAspectRatio="none">{shapes}</svg>'
    )


def across(scale: Scale, value: float) -> str:
    """Returns where a value lies across the plotted area, as a percentage."""
    return f"{scale.share(value) * 100:.2f}%"


def down(scale: Scale, value: float, height: float) -> float:
    """Returns where a value lies down the plotted area, in pixels from the top."""
    return round((1 - scale.share(value)) * height, 2)


def spoken(kind: str, title: str, names: Mapping[str, object] | Sequence[str]) -> str:
    """Returns what a screen reader says of a chart before its details."""
    listed = ", ".join(name for name in names if name)
    return f"{kind}{f' of {title}' if title else ''}{f': {listed}' if listed else ''}"


def _tick_down(scale: Scale, index: int, height: int, *, grid: bool) -> Html:
    y = down(scale, scale.ticks[index], height)
    kind = "zero" if scale.ticks[index] == 0 or index == 0 else "gridline"
    line = element("line", x1="0", x2="100%", y1=y, y2=y, class_=kind) if grid else Html()
    text = element("text", scale.labels[index], x="-8", y=f"{y + 4:.2f}", text_anchor="end")
    return joined([line, text])


def _tick_across(scale: Scale, index: int, height: int, *, grid: bool) -> Html:
    x = across(scale, scale.ticks[index])
    kind = "zero" if scale.ticks[index] == 0 else "gridline"
    line = element("line", x1=x, x2=x, y1="0", y2=height, class_=kind) if grid else Html()
    text = element(
        "text",
        scale.labels[index],
        x=x,
        y=height + 18,
        text_anchor="middle",
        class_="spare" if index % 2 else None,
    )
    return joined([line, text])
