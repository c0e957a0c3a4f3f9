import numpy as np
import pytest

from plimsoll.errors import RequestError
from plimsoll.models.transform import Label, SourceColumn, Transform
from plimsoll.models.transform_parts import Missing, Tokens
from plimsoll.transform.apply.apply import columns_from_lists, columns_from_rows

TYPES = {"fare": "float", "stops": "int", "paid": "bool", "city": "string", "at": "timestamp"}
TRANSFORM = Transform(
    columns=tuple(
        SourceColumn(name=name, type=kind, kind="", why="",
                     parts=(Missing(output=f"{name}.missing"),))
        for name, kind in TYPES.items()
    ),
    label=Label(name="late", type="bool", task="binary", classes=(False, True), positive=True),
    ignored=("late", "flight_number"),
)  # fmt: skip
GOOD = {"fare": 1.5, "stops": 2, "paid": True, "city": "Oslo", "at": "2013-10-01"}


def refusal(*rows):
    with pytest.raises(RequestError) as caught:
        columns_from_rows(TRANSFORM, list(rows))
    return caught.value


def test_rows_become_columns():
    empty = dict.fromkeys(GOOD)
    columns = columns_from_rows(TRANSFORM, [GOOD, empty])
    assert list(columns) == list(TYPES)
    assert columns["fare"].dtype == columns["stops"].dtype == columns["paid"].dtype == np.float64
    np.testing.assert_array_equal(columns["fare"], [1.5, np.nan])
    np.testing.assert_array_equal(columns["paid"], [1.0, np.nan])
    assert columns["city"].tolist() == ["Oslo", None]
    assert columns["at"].dtype == np.dtype("datetime64[us]")
    assert columns["at"][0] == np.datetime64("2013-10-01")
    assert np.isnat(columns["at"][1])


def test_no_rows_are_no_rows():
    assert {len(values) for values in columns_from_rows(TRANSFORM, []).values()} == {0}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fare", 3),
        ("fare", float("inf")),
        ("fare", np.float32(0.5)),
        ("fare", 10**300),
        ("stops", 3.0),
        ("stops", float("nan")),
        ("stops", np.int64(3)),
        ("stops", 2**60),
        ("paid", False),
        ("city", ""),
        ("city", "\ud800"),
        ("at", "2013-10-01T06:00:00Z"),
        ("at", " 2013-10-01 06:00:00.5+02:00 "),
        ("at", "0001-01-01"),
        ("late", "whatever"),
        ("flight_number", None),
    ],
)
def test_what_is_taken(name, value):
    columns_from_rows(TRANSFORM, [GOOD, {**GOOD, name: value}])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fare", True),
        ("fare", "1.5"),
        ("fare", [1.5]),
        ("fare", {}),
        ("fare", 10**400),
        ("stops", 1.5),
        ("stops", False),
        ("stops", "2"),
        ("stops", np.bool_(True)),
        ("paid", 1),
        ("paid", 0.0),
        ("paid", "true"),
        ("city", 3),
        ("city", True),
        ("city", ["Oslo"]),
        ("at", 1380585600),
        ("at", 1.5),
        ("at", "yesterday"),
        ("at", ""),
        ("at", "2013-13-01"),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("at", True),
    ],
)
def test_what_is_refused_with_the_place_and_the_column(name, value):
    error = refusal(GOOD, GOOD, {**GOOD, name: value}, GOOD)
    assert "instances[2]" in error.headline
    assert repr(name) in error.headline
    assert "it must be" in error.cause
    assert type(value).__name__ in error.cause


def test_numbers_in_quotes_come_with_the_way_out():
    assert refusal({**GOOD, "fare": "12"}).hint == "write 12 without quotes"
    assert refusal({**GOOD, "fare": "cheap"}).hint == ""
    assert refusal({**GOOD, "city": 7}).hint == 'write it in quotes: "7"'


def test_an_unknown_column_has_a_suggestion():
    error = refusal(GOOD, {**GOOD, "citty": "Oslo"})
    assert "instances[1]" in error.headline
    assert "'citty'" in error.headline
    assert error.cause == "did you mean 'city'?"
    assert set(error.choices) == {*TYPES, "late", "flight_number"}


def test_a_missing_column_is_named():
    error = refusal(GOOD, {name: value for name, value in GOOD.items() if name != "stops"})
    assert "instances[1]" in error.headline
    assert "'stops' is missing" in error.headline
    assert "null" in error.hint


def test_an_empty_instance_and_one_that_is_no_object():
    assert "no columns" in refusal({}).cause
    assert "instances[1] must be an object" in refusal(GOOD, [1, 2]).headline


def test_long_values_are_not_repeated_whole():
    assert len(str(refusal({**GOOD, "fare": "x" * 10_000}))) < 400


def test_columns_are_taken_like_rows():
    lists = {name: [value, None] for name, value in GOOD.items()}
    by_lists = columns_from_lists(TRANSFORM, {**lists, "late": [1, 2]})
    by_rows = columns_from_rows(TRANSFORM, [GOOD, dict.fromkeys(GOOD)])
    for name, values in by_rows.items():
        np.testing.assert_array_equal(by_lists[name], values)


def test_columns_are_refused_like_rows():
    lists = {name: [value] for name, value in GOOD.items()}
    for changed, said in [
        ({**lists, "citty": ["Oslo"]}, "no column 'citty'"),
        ({name: lists[name] for name in ("fare", "city")}, "'stops' is missing"),
        ({**lists, "fare": [1.0, 2.0]}, "different numbers of values"),
        ({**lists, "fare": ["1"]}, r"instances\[0\]: the column 'fare'"),
    ]:
        with pytest.raises(RequestError, match=said):
            columns_from_lists(TRANSFORM, changed)


LISTS = Transform(
    columns=(
        SourceColumn(name="tags", type="string", kind="", why="",
                     parts=(Tokens(output="tags", separator="|", values=("a",), most=2),)),
        SourceColumn(name="city", type="string", kind="", why="",
                     parts=(Missing(output="city.missing"),)),
    ),
    label=Label(name="y", type="int", task="regression"),
)  # fmt: skip


def test_a_list_of_texts_is_a_text_that_lists_them():
    given = [["a", "b c"], ("a",), [], "a|b", None, "\ud800"]
    expected = ["a|b c", "a", "", "a|b", None, "\ud800"]
    rows = [{"tags": value, "city": "Oslo"} for value in given]
    assert columns_from_rows(LISTS, rows)["tags"].tolist() == expected
    lists = {"tags": given, "city": ["Oslo"] * len(given)}
    assert columns_from_lists(LISTS, lists)["tags"].tolist() == expected


@pytest.mark.parametrize("value", [["a", None], [["a"]], [1], 5, {"a": 1}])
def test_a_list_of_anything_else_is_refused(value):
    with pytest.raises(RequestError, match=r"instances\[1\]: the column 'tags'") as caught:
        columns_from_rows(LISTS, [{"tags": "a", "city": None}, {"tags": value, "city": None}])
    assert "text, a list of texts or null" in caught.value.cause


def test_a_text_that_lists_nothing_is_not_to_be_a_list():
    with pytest.raises(RequestError, match=r"instances\[0\]: the column 'city'") as caught:
        columns_from_rows(LISTS, [{"tags": "a", "city": ["Oslo"]}])
    assert "text or null" in caught.value.cause
