import math

from hypothesis import given
from hypothesis import strategies as st

from pictures.drawn import HOSTILE, NUMBERS, assert_drawable, of_class, parsed, tags, texts
from plimsoll.pictures.markup import Html
from plimsoll.pictures.tables import (
    badge,
    cards,
    collapsed,
    facts,
    heat_table,
    notice,
    sparkline,
    table,
)


def test_numbers_stand_to_the_right_and_line_up():
    markup = table(["column", "mean"], [["a", 0.5], ["b", 12.25], ["c", None]])
    assert texts(markup, "td") == ["a", "0.50", "b", "12.25", "c", "–"]  # noqa: RUF001
    assert [item.text for item in of_class(markup, "number")] == ["mean", "0.50", "12.25", "–"]  # noqa: RUF001


def test_cells_are_text_unless_they_are_markup():
    markup = table([HOSTILE], [[HOSTILE], [badge(HOSTILE, "warn")]], caption=HOSTILE)
    assert not tags(markup) & {"script", "img", "style"}
    assert texts(markup, "td") == [HOSTILE, HOSTILE]
    assert of_class(markup, "badge")[0].get("class") == "badge warn"


def test_rows_may_be_short_and_tables_empty():
    assert texts(table(["a", "b"], [[1]]), "td") == ["1", ""]
    assert texts(table([], []), "td") == []


def test_a_table_too_long_for_a_page_says_so():
    markup = table(["n"], [[index] for index in range(2500)])
    assert len(texts(markup, "td")) == 2000
    assert "The first 2,000 of 2,500 rows." in markup


def test_an_unknown_tone_is_dull():
    assert 'class="badge dull"' in badge("x", '"><script>')
    assert 'class="notice dull"' in notice("x", "", "purple")


def test_cards_and_facts_format_numbers_and_escape_text():
    markup = cards([(HOSTILE, 0.73421, HOSTILE), ("rows", 71201, "")]) + facts({HOSTILE: HOSTILE})
    assert not tags(markup) & {"script", "img"}
    assert [item.text for item in of_class(markup, "value")] == ["0.7342", "71,201"]
    assert len(of_class(markup, "beside")) == 1
    assert parsed(facts({"a": Html("<i>x</i>")})).find(".//dd/i") is not None


def test_a_confusion_matrix_is_shaded_by_the_share_of_its_row():
    markup = heat_table(["a", "b"], ["a", "b"], [[90, 10], [1, 3]], by_row=True, row_title="is")
    assert texts(markup, "td") == ["9090.0%", "1010.0%", "125.0%", "375.0%"]
    shades = [item.get("style") for item in parsed(markup).iter("td")]
    assert shades == ["--share:0.774", "--share:0.086", "--share:0.215", "--share:0.645"]
    assert len(of_class(markup, "strong")) == 2


@given(st.lists(st.lists(NUMBERS | st.none(), min_size=2, max_size=2), max_size=4), st.booleans())
def test_any_numbers_make_a_heat_table(values, by_row):
    markup = heat_table(range(len(values)), ["x", "y"], values, by_row=by_row)
    for cell in parsed(markup).iter("td"):
        assert 0 <= float(cell.get("style").removeprefix("--share:")) <= 1


@given(st.lists(NUMBERS | st.none(), max_size=40))
def test_any_numbers_make_a_sparkline(counts):
    markup = sparkline(counts, label=HOSTILE, titles=[HOSTILE])
    assert_drawable(markup)
    assert len(of_class(markup, "bar")) == len(counts)
    assert all(float(bar.get("height")) <= 26 for bar in of_class(markup, "bar"))


def test_a_sparkline_shows_the_smallest_count_and_hides_zero():
    heights = [
        float(bar.get("height")) for bar in of_class(sparkline([1_000_000, 1, 0, math.nan]), "bar")
    ]
    assert heights == [26, 1, 0, 0]


def test_what_is_folded_needs_no_script_to_unfold():
    markup = collapsed(HOSTILE, table(["a"], [["inside"]]))
    assert texts(markup, "summary") == [HOSTILE]
    assert texts(markup, "td") == ["inside"]
    assert of_class(markup, "fold")[0].tag == "details"
    assert "open" not in of_class(markup, "fold")[0].attrib
