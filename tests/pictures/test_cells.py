import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures.drawn import HOSTILE, NAMES, NUMBERS, assert_drawable, of_class, parsed, tags, texts
from plimsoll.pictures.cells import TALL, WIDE, bullet, share_table, signed_bar, silhouette

_END = re.compile(r"H([\d.]+)")


def end_of(markup):
    """Returns how far a bullet's bar reaches, as a share of the scale."""
    path = of_class(markup, "fill")[0].get("d")
    return max(float(number) for number in _END.findall(path)) / WIDE


def test_a_bullet_reaches_as_far_as_its_value_and_the_line_stands_at_one():
    markup = bullet(1.5, label="temp: 1.5 of the threshold", tone="bad", scale=3)
    assert end_of(markup) == pytest.approx(0.5)
    (line,) = of_class(markup, "limit")
    assert float(line.get("x1")) == pytest.approx(WIDE / 3, abs=0.1)
    assert of_class(markup, "fill")[0].get("class") == "fill bad"
    assert parsed(markup)[0].get("aria-label") == "temp: 1.5 of the threshold"


def test_what_is_not_past_the_line_is_an_outline():
    assert of_class(bullet(0.5, label="x", filled=False), "hollow")
    assert not of_class(bullet(1.5, label="x"), "hollow")


def test_a_bar_that_leaves_the_scale_ends_in_a_point():
    inside, outside = bullet(4, label="x", scale=4), bullet(9, label="x", scale=4)
    assert "L" not in of_class(inside, "fill")[0].get("d")
    assert f"L{WIDE} {TALL / 2:.0f}" in of_class(outside, "fill")[0].get("d")


@given(NUMBERS | st.none(), NAMES, st.floats(1.1, 1e6))
def test_any_number_makes_a_bullet(value, label, scale):
    markup = bullet(value, label=label, scale=scale)
    assert_drawable(markup)
    drawn = value is not None and math.isfinite(value) and value >= 0
    assert len(of_class(markup, "fill")) == drawn
    assert not drawn or end_of(markup) <= 1


def test_signed_bars_leave_the_middle_to_the_side_of_their_sign():
    (right,), (left,) = (of_class(signed_bar(value, label="r"), "bar") for value in (0.5, -0.5))
    assert (float(right.get("x")), float(right.get("width"))) == (WIDE / 2, WIDE / 4)
    assert (float(left.get("x")), float(left.get("width"))) == (WIDE / 4, WIDE / 4)
    assert "hollow" in left.get("class")
    assert "hollow" not in right.get("class")


@given(NUMBERS | st.none(), NAMES, st.floats(0.1, 10))
def test_any_number_makes_a_signed_bar(value, label, scale):
    markup = signed_bar(value, label=label, scale=scale)
    assert_drawable(markup)
    for bar in of_class(markup, "bar"):
        assert float(bar.get("x")) >= -0.1
        assert float(bar.get("x")) + float(bar.get("width")) <= WIDE + 1


def test_a_silhouette_is_one_shape_as_high_as_its_largest_share():
    markup = silhouette([0.5, 0.25, 0, None, 0.001], label="x in train", series=1)
    (shape,) = of_class(markup, "bar")
    assert shape.get("d") == "M0 100V0h1V50h1V100h1V100h1V96h1V100Z"
    assert "s2" in shape.get("class")
    assert len(markup) < 320


@given(st.lists(NUMBERS | st.none(), max_size=30), NAMES)
def test_any_shares_make_a_silhouette(shares, label):
    assert_drawable(silhouette(shares, label=label))


def test_shares_fill_their_cells_and_are_written_in_them():
    markup = share_table(
        ["age", "town"],
        ["train", "serving"],
        [[0.25, None], [0.0, 1.5]],
        [["25%", ""], ["none", "all"]],
        titles=[["train: 5 null", ""], ["", ""]],
    )
    assert texts(markup, "td") == ["25%", "–", "none", "all"]  # noqa: RUF001
    cells = list(parsed(markup).iter("td"))
    assert [cell.get("style") for cell in cells] == ["--share:0.2500", None, None, "--share:1.0000"]
    assert cells[0].get("title") == "train: 5 null"
    assert texts(markup, "th") == ["", "train", "serving", "age", "town"]


def test_names_in_cells_are_text():
    markup = bullet(1, label=HOSTILE) + signed_bar(1, label=HOSTILE)
    markup += silhouette([1], label=HOSTILE)
    markup += share_table([HOSTILE], [HOSTILE], [[0.5]], [[HOSTILE]], titles=[[HOSTILE]])
    assert not tags(markup) & {"script", "img", "style"}
    assert HOSTILE in texts(markup, "td")
