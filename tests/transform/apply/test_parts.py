import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import RequestError
from plimsoll.models.transform_parts import Cross, Hashed, Ngrams, Tokens, Vocabulary
from plimsoll.transform.apply.apply import DictionaryColumn, apply, columns_from_rows
from plimsoll.transform.apply.numbers import signed_log
from plimsoll.transform.apply.texts import LONGEST_TEXT, split_texts
from transform.made_transform import (
    HARD,
    KNOTS,
    SCORES,
    TRANSFORM,
    column,
    indices,
    labelled,
    only,
    transformed,
)


@pytest.mark.parametrize(
    ("value", "expected", "missing"),
    [
        (13.4, 1.0, 0.0),
        (None, (9.0 - 10.1) / 3.3, 1.0),
        (math.inf, (9.0 - 10.1) / 3.3, 1.0),
        (math.nan, (9.0 - 10.1) / 3.3, 1.0),
        (1e9, (90.0 - 10.1) / 3.3, 0.0),
        (-1e9, (-70.0 - 10.1) / 3.3, 0.0),
    ],
)
def test_a_number_is_filled_clipped_and_standardised(value, expected, missing):
    found = only("temp", value)
    assert found["temp"] == pytest.approx(expected, rel=1e-6)
    assert found["temp.missing"] == missing


@pytest.mark.parametrize("value", [-1e31, -1e30, -2.5, -1.0, 0.0, 0.05, 0.1, 3.0, 7.0, 8.0])
def test_a_quantile_table_is_followed_straight_between_knots(value):
    assert only("rain", value)["rain"] == pytest.approx(np.interp(value, KNOTS, SCORES), abs=1e-6)


def test_each_column_has_its_own_table():
    assert only("far", 2)["far"] == 1.0
    assert only("far", -4)["far"] == -3.0
    assert only("rain", -2.5)["rain"] == pytest.approx(-0.7)


@pytest.mark.parametrize(
    ("name", "output", "value", "index"),
    [
        ("dest", "dest", None, 0),
        ("dest", "dest", "LAX", 1),
        ("dest", "dest", "JFK", 2),
        ("dest", "dest", "", 3),
        ("dest", "dest", "nan", 4),
        ("hour", "h", None, 0),
        ("hour", "h", 8, 1),
        ("hour", "h", 7, 2),
        ("hour", "h", -0, 3),
        ("hour", "h", -3, 4),
        ("at", "at.week", None, 0),
        ("at", "at.week", "2013-10-07", 2),
        ("at", "at.week", "2013-10-13T23:59:59.999999", 8),
        ("at", "at.week", "1969-12-31T23:59", 4),
    ],
)
def test_categories_have_the_agreed_indices(name, output, value, index):
    assert only(name, value)[output] == index


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.3, -0.3, 1.0, -17.25, 1e12, -1e299, 5e-324])
def test_a_logarithm_is_right_to_the_last_digits(value):
    exact = math.copysign(math.log1p(abs(value) / 0.3), value)
    assert signed_log(np.array([value]), 0.3)[0] == pytest.approx(exact, rel=1e-14, abs=1e-15)
    assert only("temp", value)["temp.log"] == pytest.approx((exact - 0.4) / 1.7, rel=1e-6)


@given(st.lists(st.floats(-1e300, 1e300), min_size=2))
def test_a_logarithm_never_falls(values):
    found = signed_log(np.sort(values), 1.0)
    assert (np.diff(found) >= -1e-15 * np.abs(found[1:])).all()


@pytest.mark.parametrize(
    ("value", "shares"),
    [
        (-1e300, [0, 0, 0, 0, 0]),
        (-1.25, [1, 0.5, 0, 0, 0]),
        (0.0, [1, 1, 0, 0, 0]),
        (0.05, [1, 1, 1, 0.5, 0]),
        (3.55, [1, 1, 1, 1, 0.5]),
        (1e300, [1, 1, 1, 1, 1]),
        (None, [1, 1, 1, 1, 0]),
    ],
)
def test_bins_fill_up_one_after_another(value, shares):
    found = only("deep", value)
    assert [found[f"deep.{place}"] for place in range(5)] == pytest.approx(shares, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hour", None, {"hour.mean": -0.75}),
        ("hour", 5, {"hour.mean": 0.25}),
        ("hour", 7, {"hour.mean": 0.2}),
        ("wet", False, {"wet.mean": 0.5}),
        ("wet", True, {"wet.mean": -1.5}),
        ("dest", None, {"dest.mean.a": 7, "dest.mean.b": 8, "dest.mean.c": 9}),
        ("dest", "LAX", {"dest.mean.a": 0.25, "dest.mean.b": 0.5, "dest.mean.c": -0.1}),
        ("dest", "JFK", {"dest.mean.a": 4, "dest.mean.b": 5, "dest.mean.c": 6}),
    ],
)
def test_a_value_has_the_mean_of_its_label(name, value, expected):
    found = only(name, value)
    assert {key: found[key] for key in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [0, 0, 0]),
        ("", [0, 0, 0]),
        (" | ", [0, 0, 0]),
        ("a", [2, 0, 0]),
        ("b c|a", [3, 2, 0]),
        (" a |b c|a", [2, 3, 0]),
        ("b  c|x|y|a", [1, 2, 0]),
        (["a", "b c"], [2, 3, 0]),
        ([], [0, 0, 0]),
    ],
)
def test_a_list_of_texts_becomes_their_indices(value, expected):
    assert indices("tags", "tags", value) == expected


def test_the_first_of_too_many_texts_stay():
    part = Tokens(output="t", separator=", ", values=("a", "b", "c"), most=2)
    transform = replace(labelled(), columns=(column("t", "string", part),))
    found = apply(transform, {"t": np.array(["c, b, a", "z,a", None], object)})
    assert found.categorical.tolist() == [[4, 3], [1, 0], [0, 0]]
    assert split_texts("c, b,, c,  ", ", ") == ["c", "b,"]


@pytest.mark.parametrize(
    "part",
    [
        Tokens(output="t", separator="|", values=("a", "b"), most=1),
        Ngrams(output="t", of="words", sizes=(1,), buckets=1 << 20, most=1),
    ],
)
def test_one_of_the_texts_may_be_all_that_stays(part):
    transform = replace(labelled(), columns=(column("t", "string", part),))
    texts = ["b|a", "a", None, "b"]
    found = apply(transform, {"t": np.array(texts, object)}).categorical
    coded = apply(
        transform, {"t": DictionaryColumn(np.array([2, 1, -1, 0], np.int32), ["b", "a", "b|a"])}
    )
    assert found.shape == (4, 1)
    assert found[0] == found[3] != found[1]
    assert found[2] == 0
    assert coded.categorical.tobytes() == found.tobytes()
    for text, index in zip(texts, found, strict=True):
        assert apply(transform, {"t": np.array([text], object)}).categorical[0] == index


def test_ngrams_share_what_texts_share():
    one, two = (indices("note", "note.w", text) for text in ("Late plane", "late  PLANE, again"))
    assert 0 not in one[:3]
    assert one[3] == 0
    assert set(one[:3]) <= set(two)
    assert indices("note", "note.w", "plane late") != one
    assert indices("note", "note.w", None) == indices("note", "note.w", " . ") == [0] * 4
    assert indices("note", "note.c", "x y") == indices("note", "note.c", "\tX\n Y ")
    assert 0 in indices("note", "note.c", "x")


def test_case_does_not_count_in_ngrams_and_odd_characters_do():
    assert indices("note", "note.w", "STRASSE") == indices("note", "note.w", "straße")
    hashed = [indices("dest", "dest.hashed", text) for text in ("\ud800", "\ud801", "?", "\ufffd")]
    assert len({tuple(some) for some in hashed}) > 1


@pytest.mark.parametrize("known", [(7, 0, -3), (7, 10**15, -3)])
def test_a_number_that_is_not_whole_is_unknown_in_any_batch(known):
    part = Vocabulary(output="v", values=known)
    transform = replace(labelled(), columns=(column("n", "int", part),))
    values = np.array([7.5, 6.999, -3.0001, -0.0, 7.0, 1e300, -1e300, math.inf, math.nan])
    values[3:5] = 7.0
    expected = [1, 1, 1, 2, 2, 1, 1, 0, 0]
    few = apply(transform, {"n": values}).categorical[:, 0].tolist()
    many = apply(transform, {"n": np.tile(values, 20)}).categorical[:, 0].tolist()
    assert (few, many) == (expected, expected * 20)


def test_the_first_ngrams_of_a_long_text_stay_however_long_it_is():
    text = "abc " * LONGEST_TEXT
    assert indices("note", "note.c", text) == indices("note", "note.c", "abc ab")
    assert len(indices("note", "note.w", text)) == 4


def test_hashes_fill_their_buckets_evenly():
    part = Hashed(output="h", buckets=50)
    transform = replace(
        labelled(),
        columns=(column("t", "string", part), column("n", "int", replace(part, output="n"))),
    )
    texts = np.array([f"value {number}" for number in range(20_000)], object)
    found = apply(transform, {"t": texts, "n": np.arange(20_000.0)})
    for indices_found in found.categorical.T:
        counts = np.bincount(indices_found, minlength=52)
        assert counts[:2].tolist() == [0, 0]
        # 400 each, give or take 20: five of these is one in a million.
        assert (abs(counts[2:] - 400) < 100).all()


@pytest.mark.parametrize(
    ("dest", "hour", "index"),
    [
        ("JFK", 7, 2),
        ("", 7, 3),
        ("JFK", -3, 4),
        ("", -3, 1),
        ("LAX", 7, 1),
        ("JFK", 8, 1),
        (None, 7, 0),
        ("JFK", None, 0),
        (None, 8, 0),
    ],
)
def test_a_cross_knows_what_comes_together(dest, hour, index):
    row = {**dict.fromkeys(HARD), "dest": dest, "hour": hour}
    place = [item.name for item in TRANSFORM.categorical].index("dest_x_hour") - len(
        TRANSFORM.categorical
    )
    assert transformed([row]).categorical[0, place] == index


@pytest.mark.parametrize("known", [20, 1500])
def test_a_cross_of_few_or_many_values_knows_its_own(known):
    values = tuple((str(place), place * place) for place in range(known))
    cross = Cross(output="c", columns=("a", "b"), values=values)
    columns = (column("a", "string"), column("b", "int"))
    transform = replace(labelled(), columns=columns, crosses=(cross,))
    texts = [text for text, _ in values] + ["1", "x", None, "3"]
    numbers = [number for _, number in values] + [4, 1, 9, math.nan]
    found = apply(transform, {"a": np.array(texts, object), "b": np.array(numbers, np.float64)})
    assert found.categorical[:, 0].tolist() == [*range(2, known + 2), 1, 1, 0, 0]


def test_a_hashed_cross_is_missing_where_a_column_is():
    full = {**dict.fromkeys(HARD), "wet": True, "dest": "JFK", "far": 3}
    assert transformed([full]).categorical[0, -1] >= 2
    for name in ("wet", "dest", "far"):
        assert transformed([{**full, name: None}]).categorical[0, -1] == 0
    others = [{**full, "far": far} for far in range(200)]
    assert set(transformed(others).categorical[:, -1]) == set(range(2, 11))


def test_columns_that_are_only_crossed_must_be_given():
    cross = Cross(output="c", columns=("a", "b"), buckets=4)
    transform = replace(
        labelled(), columns=(column("a", "string"), column("b", "int")), crosses=(cross,)
    )
    assert [item.name for item in transform.inputs] == ["a", "b"]
    with pytest.raises(RequestError, match="'b' is missing"):
        columns_from_rows(transform, [{"a": "x"}])


@pytest.mark.parametrize(
    ("moment", "week", "month", "hour", "day"),
    [
        (None, 0, 0, 0, 0),
        ("2013-10-07T23:59:59.999999", 2, 11, 25, 8),
        ("1969-12-31T00:00", 4, 13, 2, 32),
        ("2012-02-29T05:00", 4, 3, 7, 30),
        ("0001-01-01T00:00", 2, 2, 2, 2),
    ],
)
def test_a_calendar_tells_week_month_hour_and_day(moment, week, month, hour, day):
    found = only("at", moment)
    told = [found[f"at.{name}"] for name in ("week", "month", "hour", "day")]
    assert told == [week, month, hour, day]


def test_the_parts_of_a_time_go_around():
    six = only("at", "2013-04-02T06:00:30")
    assert (six["at.time.sin"], six["at.time.cos"]) == (pytest.approx(1), pytest.approx(0))
    angle = 2 * math.pi * 91 / 366
    assert six["at.year.sin"] == pytest.approx(math.sin(angle), abs=1e-6)
    last = only("at", "2012-12-31")  # a leap year's 366th day
    assert last["at.year.cos"] == pytest.approx(math.cos(2 * math.pi * 365 / 366), abs=1e-6)
    nothing = only("at", None)
    assert [nothing[f"at.{part}"] for part in ("time.sin", "time.cos", "missing")] == [0, 0, 1]
