from hypothesis import given
from hypothesis import strategies as st

from pictures.drawn import HOSTILE, NUMBERS, assert_drawable, of_class, parsed, tags, texts
from plimsoll.pictures.heat import MOST_NUMBERED, correlation_map, signed_text

VALUES = [[1, 0.8, -0.6], [0.8, 1, None], [-0.6, None, 1]]


def test_the_lower_half_is_drawn_with_names_on_the_diagonal():
    markup = correlation_map(["a", "b", "c"], VALUES, label="correlations")
    assert [item.text for item in parsed(markup).findall(".//svg/text")] == ["a", "b", "c"]
    cells = parsed(markup).findall(".//svg/g")
    assert [cell.get("class") for cell in cells] == ["plus strong", "minus strong", "unknown"]
    assert [cell.find("text").text for cell in cells] == ["0.80", "−0.60", "–"]  # noqa: RUF001
    assert [cell.find("rect").get("fill-opacity") for cell in cells] == ["0.80", "0.60", None]


def test_hovering_tells_both_columns_and_both_measures():
    markup = correlation_map(
        ["a", "b", "c"], VALUES, label="x", also=[[1, 0.7, 0], [0.7, 1, 0], [0, 0, 1]],
        also_name="Spearman",
    )  # fmt: skip
    told = texts(markup, "title")
    assert "b, a: 0.80, Spearman 0.70" in told
    assert "c, b: unknown, Spearman 0.00" in told


def test_large_maps_write_a_sign_alone_and_only_where_it_matters():
    many = MOST_NUMBERED + 1
    values = [
        [0.9 if (row + column) % 2 else -0.9 for column in range(many)] for row in range(many)
    ]
    values[1][0], values[2][0] = -0.1, 0.9
    markup = correlation_map([f"c{place}" for place in range(many)], values, label="x")
    cells = parsed(markup).findall(".//svg/g")
    assert {cell.find("text").text for cell in cells if cell.find("text") is not None} == {"−"}  # noqa: RUF001
    assert cells[0].find("text") is None
    assert len(cells) == many * (many - 1) // 2


def test_signs_are_written_out_and_zero_has_none():
    assert [signed_text(value) for value in (0.126, -0.126, -0.001, 0)] == [
        "0.13", "−0.13", "0.00", "0.00",  # noqa: RUF001
    ]  # fmt: skip


def test_names_are_text_and_long_ones_are_cut():
    markup = correlation_map([HOSTILE, "y" * 80], [[1, 1], [1, 1]], label=HOSTILE)
    assert not tags(markup) & {"script", "img", "style"}
    assert "…" in "".join(texts(markup))
    assert f"{'y' * 80}" in texts(markup, "title")


@given(st.lists(st.lists(NUMBERS | st.none(), min_size=4, max_size=4), min_size=4, max_size=4))
def test_any_numbers_make_a_map(values):
    markup = correlation_map(["a", "b", "c", "d"], values, label="x")
    assert_drawable(markup)
    for item in parsed(markup).iter("rect"):
        opacity = item.get("fill-opacity")
        assert opacity is None or 0 <= float(opacity) <= 1


def test_no_columns_make_an_empty_map():
    assert not of_class(correlation_map([], [], label="x"), "plus")
