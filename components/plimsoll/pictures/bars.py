"""Bars and histograms."""

from collections.abc import Collection, Mapping, Sequence

from plimsoll.pictures.frame import (
    WIDTH,
    Margins,
    axes,
    down,
    empty_figure,
    figure,
    legend,
    margins_for,
    spoken,
    stretched,
)
from plimsoll.pictures.markup import Html, element, joined, shortened, text_width
from plimsoll.pictures.scales import Scale, column_texts, finite_number, linear_scale, number_text
from plimsoll.pictures.theme import series_class

Bucket = tuple[float, float, float]
MOST_BARS = 40
STANDING = 200
LONGEST_NAME = 150.0


def bar_chart(
    labels: Sequence[object],
    series: Mapping[str, Sequence[float | None]],
    *,
    title: str = "",
    note: str = "",
    value_label: str = "",
    horizontal: bool | None = None,
    domain: tuple[float, float] | None = None,
    hollow: Collection[str] = (),
) -> Html:
    """Returns bars, grouped where there are several series.

    Past 40 labels the rest is left out, and the note says so: sort before.

    Args:
        labels: What each group of bars is of.
        series: A value for each label by the series' name; None and NaN leave no bar.
        title: The caption.
        note: A line below the caption.
        value_label: What the bars measure.
        horizontal: Whether bars lie; by default they do if names are long or many.
        domain: The ends of the scale of values, if known.
        hollow: Names of the series drawn as outlines: references.
    """
    names = [str(label) for label in labels]
    spoken_label = spoken("Bar chart", title or value_label, series)
    values = {
        name: [
            finite_number(row[index]) if index < len(row) else None for index in range(len(names))
        ]
        for name, row in series.items()
    }
    if not any(value is not None for row in values.values() for value in row):
        return empty_figure(title, note, spoken_label)
    if len(names) > MOST_BARS:
        note = f"{note} The first {MOST_BARS} of {len(names):,} are drawn.".strip()
        names = names[:MOST_BARS]
    scale = linear_scale(
        [value for row in values.values() for value in row[: len(names)]],
        domain=domain,
        from_zero=True,
    )
    if horizontal is None:
        horizontal = sum(text_width(name) + 14 for name in names) > 440
    colours = [
        f"{series_class(index)} hollow" if name in hollow else series_class(index)
        for index, name in enumerate(series)
    ]
    if horizontal:
        marks, height, margins = _lying(names, values, scale, value_label, colours)
    else:
        height = STANDING
        margins = margins_for(scale.labels, x_label="", y_label=value_label)
        marks = joined(
            [
                axes(
                    None, scale, height=height, x_label="", y_label=value_label, left=margins.left
                ),
                *_standing(names, values, scale, height, colours),
            ]
        )
    return figure(
        marks,
        title=title,
        note=note,
        label=spoken_label,
        height=height,
        margins=margins,
        legend=legend(list(series), hollow=hollow),
    )


def histogram(
    series: Mapping[str, Sequence[Bucket]],
    *,
    x_label: str,
    y_label: str = "rows",
    title: str = "",
    note: str = "",
    share: bool = False,
    dashed: Collection[str] = (),
    height: int = 200,
) -> Html:
    """Returns how values are spread: filled buckets for one series, outlines for several.

    Args:
        series: Buckets (low, high, count), ascending, by the series' name; ``buckets`` makes them.
        x_label: What lies across.
        y_label: What is counted.
        title: The caption.
        note: A line below the caption.
        share: Whether counts become shares of their series, so that splits of different
            sizes can be compared.
        dashed: Names of the outlines drawn dashed: references.
        height: Of the plotted area, in pixels.
    """
    spoken_label = spoken("Histogram", title or x_label, series)
    spread = {name: _finite_buckets(row, share=share) for name, row in series.items()}
    every = [bucket for row in spread.values() for bucket in row]
    if not every:
        return empty_figure(title, note, spoken_label)
    x = linear_scale([end for bucket in every for end in bucket[:2]], ticks=6, round_ends=False)
    y_label = f"share of {y_label}" if share else y_label
    y = linear_scale([bucket[2] for bucket in every], ticks=4, from_zero=True)
    margins = margins_for(y.labels, x_label=x_label, y_label=y_label)
    outlined = len(spread) > 1
    shapes = []
    for index, (name, row) in enumerate(spread.items()):
        colour = series_class(index)
        if outlined:
            shapes += _outline(row, x, y, height, f"{colour} dashed" if name in dashed else colour)
        else:
            shapes += [_filled(bucket, x, y, height, colour, name) for bucket in row]
    marks = joined(
        [
            axes(x, y, height=height, x_label=x_label, y_label=y_label, left=margins.left),
            stretched(joined(shapes), height) if outlined else joined(shapes),
        ]
    )
    return figure(
        marks,
        title=title,
        note=note,
        label=spoken_label,
        height=height,
        margins=margins,
        legend=legend(list(series), strokes=outlined, dashed=dashed),
    )


def buckets(values: Sequence[float], count: int = 30) -> list[Bucket]:
    """Returns ``count`` buckets (low, high, number of values) of equal width over finite values."""
    numbers = [number for number in map(finite_number, values) if number is not None]
    if not numbers:
        return []
    low, high = min(numbers), max(numbers)
    if high / 2 - low / 2 <= max(abs(low), abs(high)) * 1e-12:
        around = abs(low) * 0.5 or 0.5
        return [(low - around, low + around, float(len(numbers)))]
    half_step = (high / 2 - low / 2) / count
    counts = [0] * count
    for number in numbers:
        counts[min(int((number / 2 - low / 2) / half_step), count - 1)] += 1
    ends = [low + 2 * half_step * index for index in range(count)] + [high]
    return [(ends[index], ends[index + 1], float(counts[index])) for index in range(count)]


def _lying(
    names: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    scale: Scale,
    label: str,
    colours: Sequence[str],
) -> tuple[Html, int, Margins]:
    thick = 18 if len(values) == 1 else 13
    row = thick * len(values) + (8 if len(values) == 1 else 14)
    height = row * len(names)
    left = min(max(text_width(name) for name in names) + 12, LONGEST_NAME)
    limit = int((LONGEST_NAME - 12) / 6.6)
    parts: list[Html] = []
    texts = {series: column_texts(column) for series, column in values.items()}
    for row_index, name in enumerate(names):
        top = row_index * row + (row - thick * len(values)) / 2
        text = element(
            "text",
            joined([shortened(name, limit), element("title", name)]),
            x=-8,
            y=f"{row_index * row + row / 2 + 4:.1f}",
            text_anchor="end",
            class_="name",
        )
        parts.append(text)
        for index, (series, column) in enumerate(values.items()):
            value = column[row_index]
            if value is not None:
                hover = _hover_text(name, series, value)
                parts.append(
                    _lying_bar(value, scale, (top + index * thick, thick), colours[index], hover)
                )
                parts.append(
                    _at_end(texts[series][row_index], value, scale, top + index * thick, thick)
                )
    grid = axes(scale, None, height=height, x_label=label, y_label="", left=left, upright=True)
    margins = Margins(top=8, right=52, bottom=42 if label else 24, left=left)
    return joined([grid, *parts]), height, margins


def _lying_bar(
    value: float, scale: Scale, lies: tuple[float, int], colour: str, hover: str
) -> Html:
    top, thick = lies
    zero, end = scale.share(0.0) * 100, scale.share(value) * 100
    return element(
        "rect",
        element("title", hover),
        x=f"{min(zero, end):.2f}%",
        width=f"{abs(end - zero):.2f}%",
        y=f"{top + 1:.1f}",
        height=thick - 2,
        rx=2.5,
        class_=f"bar {colour}",
    )


def _at_end(text: str, value: float, scale: Scale, top: float, thick: int) -> Html:
    x = max(scale.share(0.0), scale.share(value)) * 100
    return element(
        "text", text, x=f"{x:.2f}%", dx=6, y=f"{top + thick / 2 + 4:.1f}", class_="value"
    )


def _standing(
    names: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    scale: Scale,
    height: int,
    colours: Sequence[str],
) -> list[Html]:
    band = 100 / len(names)
    wide = band * (0.62 if len(values) == 1 else 0.76) / len(values)
    base = down(scale, 0.0, height)
    parts = []
    for position, name in enumerate(names):
        middle = band * (position + 0.5)
        limit = max(int(540 / len(names) / 6.6), 3)
        text = joined([shortened(name, limit), element("title", name)])
        parts.append(
            element(
                "text", text, x=f"{middle:.2f}%", y=height + 18, text_anchor="middle", class_="name"
            )
        )
        for index, (series, column) in enumerate(values.items()):
            value = column[position]
            if value is None:
                continue
            top = down(scale, value, height)
            start = middle + wide * (index - len(values) / 2)
            parts.append(
                element(
                    "rect",
                    element("title", _hover_text(name, series, value)),
                    x=f"{start:.2f}%",
                    width=f"{wide * 0.94:.2f}%",
                    y=min(top, base),
                    height=round(abs(base - top), 2),
                    rx=2.5,
                    class_=f"bar {colours[index]}",
                )
            )
    return parts


def _hover_text(name: str, series: str, value: float) -> str:
    return f"{', '.join(filter(None, [name, series]))}: {number_text(value)}"


def _finite_buckets(row: Sequence[Bucket], *, share: bool) -> list[Bucket]:
    kept = []
    for low, high, count in row:
        ends = finite_number(low), finite_number(high), finite_number(count)
        if ends[0] is not None and ends[1] is not None and ends[2] is not None:
            kept.append((ends[0], max(ends[0], ends[1]), ends[2]))
    total = sum(bucket[2] for bucket in kept)
    if not share or total <= 0:
        return kept
    return [(low, high, count / total) for low, high, count in kept]


def _filled(bucket: Bucket, x: Scale, y: Scale, height: int, colour: str, name: str) -> Html:
    low, high, count = bucket
    start, end = x.share(low) * 100, x.share(high) * 100
    top = down(y, count, height)
    span = f"{number_text(low)} to {number_text(high)}"
    return element(
        "rect",
        element("title", _hover_text(span, name, count)),
        x=f"{start:.2f}%",
        y=top,
        width=f"{max((end - start) * 0.94, 0.15):.2f}%",
        height=round(height - top, 2),
        rx=1,
        class_=f"bar {colour}",
    )


def _outline(row: Sequence[Bucket], x: Scale, y: Scale, height: int, colour: str) -> list[Html]:
    if not row:
        return []
    steps = "".join(
        f"L{x.share(low) * WIDTH:.1f} {down(y, count, height):.1f}"
        f"L{x.share(high) * WIDTH:.1f} {down(y, count, height):.1f}"
        for low, high, count in row
    )
    start, end = x.share(row[0][0]) * WIDTH, x.share(row[-1][1]) * WIDTH
    path = f"M{start:.1f} {height}{steps}L{end:.1f} {height}"
    return [
        element("path", d=path + "Z", class_=f"area {colour.partition(' ')[0]}"),
        element("path", d=path, class_=f"curve thin {colour}"),
    ]
