import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pictures.drawn import HOSTILE, NAMES, NUMBERS, assert_drawable, of_class, parsed, tags, texts
from plimsoll.pictures.bars import bar_chart, buckets, histogram
from plimsoll.pictures.charts import calibration_chart, line_chart, scatter_chart
from plimsoll.pictures.scales import finite_number

NAN = math.nan
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8)
SERIES = st.dictionaries(NAMES, POINTS, max_size=3)


@settings(max_examples=60)
@given(SERIES, NAMES, st.booleans(), st.booleans())
def test_any_numbers_make_a_line_chart_that_can_be_drawn(series, label, dots, whole):
    assert_drawable(
        line_chart(
            series, x_label=label, y_label=label, title=label, dots=dots, x_whole=whole,
            x_marks={label: 3.0}, y_marks={label: NAN},
        )
    )  # fmt: skip


@settings(max_examples=40)
@given(SERIES, NAMES, st.booleans())
def test_any_numbers_make_dots_that_can_be_drawn(series, label, diagonal):
    assert_drawable(scatter_chart(series, x_label=label, y_label=label, diagonal=diagonal))
    assert_drawable(calibration_chart(series))


@settings(max_examples=60)
@given(
    st.lists(NAMES, max_size=6),
    st.dictionaries(NAMES, st.lists(NUMBERS | st.none(), max_size=7), max_size=3),
    st.sampled_from([None, True, False]),
)
def test_any_numbers_make_bars_that_can_be_drawn(labels, series, horizontal):
    assert_drawable(bar_chart(labels, series, title="t", horizontal=horizontal))


@settings(max_examples=60)
@given(st.dictionaries(NAMES, st.lists(NUMBERS, max_size=30), max_size=3), st.booleans())
def test_any_numbers_make_a_histogram_that_can_be_drawn(series, share):
    spread = {name: buckets(values, 5) for name, values in series.items()}
    assert_drawable(histogram(spread, x_label="x", share=share))


@given(st.lists(NUMBERS, max_size=50), st.integers(1, 40))
def test_buckets_hold_every_finite_value_once(values, count):
    made = buckets(values, count)
    numbers = [number for number in map(finite_number, values) if number is not None]
    assert sum(bucket[2] for bucket in made) == len(numbers)
    if numbers:
        assert made[0][0] <= min(numbers)
        assert max(numbers) <= made[-1][1]
    for before, after in itertools.pairwise(made):
        assert before[1] == after[0]


@pytest.mark.parametrize(
    "chart",
    [
        lambda name: line_chart(
            {name: [(0, 1), (1, 2)]}, x_label=name, y_label=name, title=name, note=name,
            x_marks={name: 1.0}, y_marks={name: 1.0},
        ),
        lambda name: scatter_chart({name: [(0, 1)]}, x_label=name, y_label=name, title=name),
        lambda name: bar_chart([name, name], {name: [1, 2]}, title=name, horizontal=True),
        lambda name: bar_chart([name], {name: [1]}, value_label=name, horizontal=False),
        lambda name: histogram({name: [(0, 1, 2)]}, x_label=name, y_label=name, title=name),
    ],
)  # fmt: skip
def test_hostile_names_stay_text(chart):
    markup = chart(HOSTILE)
    assert not tags(markup) & {"script", "img", "style"}
    assert HOSTILE in "".join(parsed(markup).itertext())


@pytest.mark.parametrize(
    "markup",
    [
        line_chart({}, x_label="x", y_label="y", title="losses"),
        line_chart({"a": [(NAN, 1), (1, math.inf)]}, x_label="x", y_label="y", title="losses"),
        scatter_chart({"a": []}, x_label="x", y_label="y", title="losses"),
        bar_chart(["a"], {"b": [None]}, title="losses"),
        bar_chart([], {}, title="losses"),
        histogram({"a": []}, x_label="x", title="losses"),
    ],
)
def test_nothing_to_show_is_said(markup):
    assert texts(markup) == ["nothing to show"]
    assert "losses" in "".join(texts(markup, "figcaption"))


def test_charts_tell_a_screen_reader_what_they_are():
    (plot,) = of_class(
        line_chart({"train": [(1, 2)], "eval": [(1, 3)]}, x_label="epoch", y_label="loss"), "plot"
    )
    assert plot.get("role") == "img"
    assert plot.get("aria-label") == "Line chart of loss by epoch: train, eval"


def test_a_gap_breaks_the_line_and_a_lone_point_is_a_dot():
    points = [(1, 1.0), (2, 2.0), (3, NAN), (4, 1.0), (5, NAN), (6, 2.0), (7, 1.0)]
    markup = line_chart({"a": points}, x_label="x", y_label="y")
    (curve,) = of_class(markup, "curve")
    assert curve.get("d").count("M") == 3
    hovered = {id(dot) for group in of_class(markup, "hit") for dot in group.iter("circle")}
    assert len(hovered) == 5
    assert len(of_class(markup, "dot")) == 5 + 1


def test_hovering_tells_every_curve_at_that_place():
    markup = line_chart(
        {"train": [(1, 0.5), (2, 0.4)], "eval": [(1, 0.6)]}, x_label="epoch", y_label="loss"
    )
    assert texts(markup, "title") == [
        "epoch 1\ntrain: 0.5000\neval: 0.6000",
        "epoch 2\ntrain: 0.4000",
    ]


def test_a_long_curve_is_thinned_but_keeps_its_peak():
    points = [(float(index), 0.0) for index in range(50_000)]
    points[31_234] = (31_234.0, 9.0)
    markup = line_chart({"a": points}, x_label="x", y_label="y")
    assert len(markup) < 120_000
    (curve,) = of_class(markup, "curve")
    assert " 24.00" in curve.get("d") or " 24.0L" in curve.get("d")


def test_a_baseline_is_dashed_in_the_chart_and_in_its_key():
    markup = line_chart(
        {"model": [(0, 0), (1, 1)], "baseline": [(0, 0), (1, 1)]}, x_label="x", y_label="y",
        dashed=["baseline"], diagonal=True,
    )  # fmt: skip
    assert len(of_class(markup, "dashed")) == 2
    assert len(of_class(markup, "dashed-key")) == 1


def test_a_reference_is_dashed_or_hollow_in_the_chart_and_in_its_key():
    spread = {"before": [(0, 1, 3), (1, 2, 1)], "now": [(0, 1, 1), (1, 2, 3)]}
    markup = histogram(spread, x_label="x", dashed=["before"])
    assert [item.get("class") for item in of_class(markup, "dashed")] == ["curve thin s1 dashed"]
    assert len(of_class(markup, "dashed-key")) == 1
    for horizontal in (True, False):
        markup = bar_chart(
            ["a"], {"before": [1], "now": [2]}, hollow=["before"], horizontal=horizontal
        )
        assert [item.get("class") for item in of_class(markup, "bar")] == [
            "bar s1 hollow",
            "bar s2",
        ]
        assert len(of_class(markup, "hollow-key")) == 1


def test_dots_past_what_a_page_carries_are_thinned_and_that_is_said():
    markup = scatter_chart({"a": [(i, i) for i in range(10_000)]}, x_label="x", y_label="y")
    assert len(of_class(markup, "dot")) == 2500
    assert "One dot in 4 is drawn." in markup


def test_bars_are_as_long_as_their_values():
    markup = bar_chart(["a", "b", "c"], {"": [4, 2, -2]}, horizontal=True, domain=(-2, 6))
    widths = [float(bar.get("width")[:-1]) for bar in of_class(markup, "bar")]
    starts = [float(bar.get("x")[:-1]) for bar in of_class(markup, "bar")]
    assert widths == [50, 25, 25]
    assert starts == [25, 25, 0]
    assert texts(markup, "title") == ["a", "a: 4", "b", "b: 2", "c", "c: -2"]


def test_bars_past_forty_are_left_out_and_that_is_said():
    markup = bar_chart([f"c{i}" for i in range(100)], {"": list(range(100))})
    assert len(of_class(markup, "bar")) == 40
    assert "The first 40 of 100 are drawn." in markup


def test_bars_lie_where_names_are_long():
    lying = bar_chart(["a very long name of a slice" * 2, "another"] * 3, {"": [1] * 6})
    standing = bar_chart(["AA", "UA"], {"": [1, 2]})
    assert {bar.get("height") for bar in of_class(lying, "bar")} == {"16"}
    assert {bar.get("width") for bar in of_class(standing, "bar")} == {"29.14%"}


def test_shares_let_splits_of_different_sizes_lie_on_each_other():
    spread = {"train": [(0, 1, 30), (1, 2, 10)], "eval": [(0, 1, 3), (1, 2, 1)]}
    areas = [item.get("d") for item in of_class(histogram(spread, x_label="x", share=True), "area")]
    assert areas[0] == areas[1]
    counted = [item.get("d") for item in of_class(histogram(spread, x_label="x"), "area")]
    assert counted[0] != counted[1]


def test_the_same_numbers_make_the_same_bytes():
    def chart():
        return line_chart({"a": [(1, 0.1), (2, 0.3)]}, x_label="x", y_label="y", dots=True)

    assert chart() == chart()
