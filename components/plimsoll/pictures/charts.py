"""Charts as SVG inside HTML: lines, scatter and calibration; bars are in ``bars``.

Every function takes plain numbers, escapes every name, and draws what is finite: NaN leaves a gap,
an empty series leaves a frame that says so.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict, Unpack

from plimsoll.pictures.frame import (
    WIDTH,
    across,
    axes,
    down,
    empty_figure,
    figure,
    legend,
    margins_for,
    spoken,
    stretched,
)
from plimsoll.pictures.markup import Html, element, joined
from plimsoll.pictures.scales import Scale, finite_number, linear_scale, number_text
from plimsoll.pictures.theme import series_class

Point = tuple[float, float]
UNIT = (0.0, 1.0)
MOST_HOVERS = 120
MOST_POINTS = 600
MOST_DOTS = 3000


class Look(TypedDict, total=False):
    """How curves and dots are drawn; all may be left out."""

    x_domain: tuple[float, float]
    """The ends across; values past them are drawn at the end. Default: those of the data."""
    y_domain: tuple[float, float]
    """The ends up. Default: those of the data, moved out to round numbers."""
    y_from_zero: bool
    """Whether zero must be on the vertical scale."""
    x_whole: bool
    """Whether x is counted (epochs), so that ticks are whole numbers."""
    dashed: Collection[str]
    """Names of the curves drawn dashed: baselines, references."""
    dots: bool
    """Whether each point of a curve is marked."""
    diagonal: bool
    """Whether to draw the line from corner to corner (chance, perfect calibration)."""
    square: bool
    """Whether both axes are as long."""
    x_marks: Mapping[str, float]
    """Upright lines by what is written at them ("best epoch")."""
    y_marks: Mapping[str, float]
    """Lying lines by what is written at them ("allowed")."""
    height: int
    """Of the plotted area, in pixels. Default: 240; 320 if square."""


def line_chart(
    series: Mapping[str, Sequence[Point]],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    note: str = "",
    **look: Unpack[Look],
) -> Html:
    """Returns curves over a number: losses by epoch, ROC, calibration.

    Args:
        series: Points (x, y) of each curve by its name, in the order they are joined.
        x_label: What lies across.
        y_label: What lies up.
        title: The caption.
        note: A line below the caption.
        **look: See ``Look``.
    """
    spoken_label = spoken("Line chart", title or f"{y_label} by {x_label}", series)
    curves = {name: _finite_points(points) for name, points in series.items()}
    points = [point for curve in curves.values() for point in curve if point is not None]
    if not points:
        return empty_figure(title, note, spoken_label)
    x_marks, y_marks = look.get("x_marks", {}), look.get("y_marks", {})
    x = linear_scale(
        [*(point[0] for point in points), *x_marks.values()],
        ticks=6,
        domain=look.get("x_domain"),
        whole=look.get("x_whole", False),
        round_ends=False,
    )
    y = linear_scale(
        [*(point[1] for point in points), *y_marks.values()],
        domain=look.get("y_domain"),
        from_zero=look.get("y_from_zero", False),
    )
    square, dashed = look.get("square", False), look.get("dashed", ())
    height = look.get("height", 320 if square else 240)
    margins = margins_for(y.labels, x_label=x_label, y_label=y_label)
    shapes = [_diagonal(height)] if look.get("diagonal") else []
    for index, (name, curve) in enumerate(curves.items()):
        kind = f"curve {series_class(index)}{' dashed' if name in dashed else ''}"
        shapes.append(element("path", d=_path(curve, x, y, height), class_=kind))
    marks = joined(
        [
            axes(x, y, height=height, x_label=x_label, y_label=y_label, left=margins.left),
            stretched(joined(shapes), height),
            _reference_lines(x_marks, y_marks, x, y, height),
            _dots(curves, x, y, height, always=look.get("dots", False)),
            _hovers(curves, x, y, height, x_label=x_label),
        ]
    )
    return figure(
        marks,
        title=title,
        note=note,
        label=spoken_label,
        height=height,
        margins=margins,
        legend=legend(list(series), strokes=True, dashed=list(dashed)),
        square=square,
    )


def scatter_chart(
    series: Mapping[str, Sequence[Point]],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    note: str = "",
    **look: Unpack[Look],
) -> Html:
    """Returns dots: predictions against truth, residuals.

    More dots than the page can carry are thinned evenly, and the note says so.

    Args:
        series: Points (x, y) by the name of their group.
        x_label: What lies across.
        y_label: What lies up.
        title: The caption.
        note: A line below the caption.
        **look: See ``Look``; with ``diagonal`` both axes have the same ends.
    """
    spoken_label = spoken("Scatter chart", title or f"{y_label} by {x_label}", series)
    groups = {
        name: [point for point in _finite_points(points) if point is not None]
        for name, points in series.items()
    }
    total = sum(map(len, groups.values()))
    if total == 0:
        return empty_figure(title, note, spoken_label)
    stride = -(-total // MOST_DOTS)
    if stride > 1:
        note = f"{note} One dot in {stride} is drawn.".strip()
    xs = [point[0] for points in groups.values() for point in points]
    ys = [point[1] for points in groups.values() for point in points]
    diagonal, square = look.get("diagonal", False), look.get("square", False)
    height = look.get("height", 320 if square else 260)
    x = linear_scale(xs + ys if diagonal else xs, ticks=6, domain=look.get("x_domain"))
    y = linear_scale(xs + ys if diagonal else ys, domain=look.get("y_domain"))
    margins = margins_for(y.labels, x_label=x_label, y_label=y_label)
    kind = "dot cloud" if total > 60 else "dot"
    drawn = [
        _dot(point, x, y, height, f"{kind} {series_class(index)}", _hover_text(name, point))
        for index, (name, points) in enumerate(groups.items())
        for point in points[::stride]
    ]
    marks = joined(
        [
            axes(x, y, height=height, x_label=x_label, y_label=y_label, left=margins.left),
            stretched(_diagonal(height), height) if diagonal else "",
            *drawn,
        ]
    )
    return figure(
        marks,
        title=title,
        note=note,
        label=spoken_label,
        height=height,
        margins=margins,
        legend=legend(list(series)),
        square=square,
    )


def calibration_chart(series: Mapping[str, Sequence[Point]]) -> Html:
    """Returns predicted probabilities against observed frequencies, with the ideal diagonal.

    Args:
        series: Points (mean predicted, observed share), both 0 to 1, by the model's name.
    """
    return line_chart(
        series,
        x_label="predicted",
        y_label="observed",
        title="Calibration",
        x_domain=UNIT,
        y_domain=UNIT,
        dots=True,
        diagonal=True,
        square=True,
    )


def _finite_points(points: Sequence[Point]) -> list[Point | None]:
    finite: list[Point | None] = []
    for x, y in points:
        left, up = finite_number(x), finite_number(y)
        finite.append(None if left is None or up is None else (left, up))
    return finite


def _path(curve: Sequence[Point | None], x: Scale, y: Scale, height: int) -> str:
    """Writes one subpath for each unbroken piece; a gap begins the next."""
    pieces = []
    for is_gap, run in itertools.groupby(curve, key=lambda point: point is None):
        if is_gap:
            continue
        points = _thinned([point for point in run if point is not None])
        placed = [f"{x.share(left) * WIDTH:.1f} {down(y, up, height):.1f}" for left, up in points]
        pieces.append("M" + "L".join(placed))
    return "".join(pieces)


def _thinned(points: list[Point]) -> list[Point]:
    """Keeps the first, lowest, highest and last point of each stretch of a long curve."""
    if len(points) <= MOST_POINTS:
        return points
    size = -(-len(points) * 4 // MOST_POINTS)
    kept: list[Point] = []
    for start in range(0, len(points), size):
        stretch = range(start, min(start + size, len(points)))
        lowest = min(stretch, key=lambda index: points[index][1])
        highest = max(stretch, key=lambda index: points[index][1])
        kept += [points[index] for index in sorted({stretch[0], lowest, highest, stretch[-1]})]
    return kept


def _diagonal(height: int) -> Html:
    return element("path", d=f"M0 {height}L{WIDTH:.0f} 0", class_="curve dashed thin s7")


def _reference_lines(
    x_marks: Mapping[str, float], y_marks: Mapping[str, float], x: Scale, y: Scale, height: int
) -> Html:
    parts = []
    for name, value in x_marks.items():
        if (number := finite_number(value)) is not None:
            x_at, late = across(x, number), x.share(number) > 0.6
            parts.append(element("line", x1=x_at, x2=x_at, y1=0, y2=height, class_="guide"))
            parts.append(
                element(
                    "text",
                    name,
                    x=x_at,
                    y=10,
                    dx=-6 if late else 6,
                    text_anchor="end" if late else "start",
                    class_="mark",
                )
            )
    for name, value in y_marks.items():
        if (number := finite_number(value)) is not None:
            y_at = down(y, number, height)
            parts.append(element("line", x1=0, x2="100%", y1=y_at, y2=y_at, class_="guide"))
            parts.append(
                element("text", name, x="100%", y=y_at - 5, text_anchor="end", class_="mark")
            )
    return joined(parts)


def _dots(
    curves: Mapping[str, list[Point | None]], x: Scale, y: Scale, height: int, *, always: bool
) -> Html:
    """Marks the points that no line would show: those alone between gaps; or all of them."""
    drawn = []
    for index, curve in enumerate(curves.values()):
        for position, point in enumerate(curve):
            beside = curve[max(position - 1, 0) : position] + curve[position + 1 : position + 2]
            alone = all(other is None for other in beside)
            if point is not None and (alone or (always and len(curve) <= MOST_POINTS)):
                drawn.append(_dot(point, x, y, height, f"dot {series_class(index)}"))
    return joined(drawn)


def _hover_text(name: str, point: Point) -> str:
    return ", ".join(filter(None, [name, f"{number_text(point[0])}: {number_text(point[1])}"]))


def _dot(point: Point, x: Scale, y: Scale, height: int, kind: str, hover: str = "") -> Html:
    return element(
        "circle",
        element("title", hover) if hover else "",
        cx=across(x, point[0]),
        cy=down(y, point[1], height),
        r=3 if "cloud" in kind else 4,
        class_=kind,
    )


def _hovers(
    curves: Mapping[str, list[Point | None]], x: Scale, y: Scale, height: int, *, x_label: str
) -> Html:
    """Returns invisible bands, one a place across, that show and tell every curve's value."""
    columns: dict[float, list[tuple[int, str, float]]] = {}
    for index, (name, curve) in enumerate(curves.items()):
        for point in curve:
            if point is not None:
                columns.setdefault(point[0], []).append((index, name, point[1]))
    xs = sorted(columns)
    xs = xs[:: -(-len(xs) // MOST_HOVERS)]
    shares = [x.share(at_x) * 100 for at_x in xs]
    bands = []
    for number, at_x in enumerate(xs):
        start = (shares[number - 1] + shares[number]) / 2 if number else 0.0
        end = (shares[number] + shares[number + 1]) / 2 if number + 1 < len(xs) else 100.0
        lines = [f"{x_label} {number_text(at_x)}".strip()]
        lines += [f"{name or 'value'}: {number_text(value)}" for _, name, value in columns[at_x]]
        rect = element(
            "rect",
            element("title", "\n".join(lines)),
            x=f"{start:.2f}%",
            width=f"{max(end - start, 0):.2f}%",
            y=0,
            height=height,
        )
        at = across(x, at_x)
        guide = element("line", x1=at, x2=at, y1=0, y2=height, class_="guide")
        dots = [
            _dot((at_x, value), x, y, height, f"dot {series_class(index)}")
            for index, _, value in columns[at_x]
        ]
        bands.append(element("g", joined([guide, *dots, rect]), class_="hit"))
    return joined(bands)
