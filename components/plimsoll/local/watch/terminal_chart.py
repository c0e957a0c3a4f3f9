"""Curves in a terminal, of dots eight to a letter."""

import itertools
import math
from collections.abc import Mapping, Sequence

from rich.text import Text

_BLANK = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a Braille letter, by column and row of its dots."""
_ACROSS, _UP = 2, 4
STYLES = ("blue", "yellow", "green", "magenta")

Point = tuple[float, float]


def chart(series: Mapping[str, Sequence[Point]], *, width: int, height: int) -> list[Text]:
    """Returns the lines of a chart of curves, with the ends of its upright axis on the left.

    Args:
        series: Points (x, y) of each curve by its name, in order; what is not finite is left out.
        width: Letters across, the axis included.
        height: Lines, at least 2.
    """
    curves = {
        name: [point for point in points if all(map(math.isfinite, point))]
        for name, points in series.items()
    }
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return []
    low, high = min(y for _, y in points), max(y for _, y in points)
    labels = [f"{high:.4g}", *[""] * (height - 2), f"{low:.4g}"]
    margin = max(map(len, labels)) + 1
    canvas = _Canvas(max(4, width - margin), height)
    across = (min(x for x, _ in points), max(x for x, _ in points))
    for index, curve in enumerate(curves.values()):
        canvas.draw([_placed(point, across, (low, high), canvas) for point in curve], index)
    return [
        Text().append(label.rjust(margin - 1) + " ", style="dim").append(line)
        for label, line in zip(labels, canvas.lines(), strict=True)
    ]


class _Canvas:
    """Dots, and the curve that each letter shows."""

    def __init__(self, letters: int, lines: int) -> None:
        self.wide, self.tall = letters * _ACROSS, lines * _UP
        self._letters = [[_BLANK] * letters for _ in range(lines)]
        self._curves = [[0] * letters for _ in range(lines)]

    def draw(self, places: Sequence[tuple[int, int]], curve: int) -> None:
        """Draws a curve through places, each (dots from the left, dots from the top)."""
        for place in places[:1]:
            self._dot(*place, curve)
        for (x, y), (to_x, to_y) in itertools.pairwise(places):
            steps = max(abs(to_x - x), abs(to_y - y), 1)
            for step in range(steps + 1):
                share = step / steps
                self._dot(round(x + (to_x - x) * share), round(y + (to_y - y) * share), curve)

    def lines(self) -> list[Text]:
        """Returns the letters, each in the style of the curve drawn there last."""
        lines = []
        for letters, curves in zip(self._letters, self._curves, strict=True):
            line = Text()
            drawn = zip(letters, curves, strict=True)
            for curve, run in itertools.groupby(drawn, key=lambda item: item[1]):
                text = "".join(chr(letter) for letter, _ in run)
                line.append(text, style=STYLES[curve % len(STYLES)])
            lines.append(line)
        return lines

    def _dot(self, x: int, y: int, curve: int) -> None:
        line, letter = y // _UP, x // _ACROSS
        self._letters[line][letter] |= _DOTS[x % _ACROSS][y % _UP]
        self._curves[line][letter] = curve


def _placed(
    point: Point, across: tuple[float, float], up: tuple[float, float], canvas: _Canvas
) -> tuple[int, int]:
    x = _share(point[0], *across) * (canvas.wide - 1)
    y = (1 - _share(point[1], *up)) * (canvas.tall - 1)
    return round(x), round(y)


def _share(value: float, low: float, high: float) -> float:
    # Halved first: the difference of two great numbers of unlike sign is no number.
    span = high / 2 - low / 2
    return (value / 2 - low / 2) / span if span > 0 else 0.5
