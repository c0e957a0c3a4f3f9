import datetime
import hashlib
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.artifacts.transform import (
    Cycle,
    Label,
    Missing,
    Number,
    SourceColumn,
    Transform,
    Vocabulary,
    Weekday,
)
from plimsoll.errors import DataError, RequestError
from plimsoll.transform.apply import apply, columns_from_rows, encode_labels
from plimsoll.transform.apply_numbers import MOST_ROWS as ROWS_AT_ONCE

KNOTS = (-1e30, -2.5, 0.0, 5e-324, 0.1, 7.0)
SCORES = (-2.8, -0.7, 0.1, 0.11, 0.4, 2.8)


STEEP = (-5.0, 1.0, 30.0)


def quantile(output, knots=KNOTS, scores=SCORES, **changes):
    return Number(
        output=output,
        fill=0.05,
        low=knots[0],
        high=knots[-1],
        scale="quantile",
        knots=knots,
        scores=scores,
        **changes,
    )


def standard(output, low=-70.0, high=90.0, center=10.1, spread=3.3, **changes):
    return Number(output=output, fill=9.0, low=low, high=high, scale="standard", center=center,
                  spread=spread, **changes)  # fmt: skip


def column(name, kind, *parts):
    return SourceColumn(name=name, type=kind, kind="", why="", parts=parts)


def every_part():
    return Transform(
        columns=(
            column("temp", "float", standard("temp"), Missing(output="temp.missing")),
            # Clipped at zero around zero: the sign of zero would show.
            column("gust", "float", standard("gust", low=0.0, high=0.0, center=0.0)),
            column("rain", "float", quantile("rain")),
            column("hour", "int", standard("hour"), Vocabulary(output="h", values=(7, 0, -3))),
            column("level", "float", standard("level", center=0.0)),
            column("far", "int", quantile("far", (-7.0, 2.0, 1e18), STEEP)),
            column(
                "wet",
                "bool",
                Number(output="wet", fill=1.0, low=0.0, high=1.0, scale="none"),
                Missing(output="wet.missing"),
            ),
            column(
                "dest",
                "string",
                Vocabulary(output="dest", values=("JFK", "", "nan", "🛬")),
                Missing(output="dest.missing"),
            ),
            column(
                "at",
                "timestamp",
                Cycle(output="at.time", of="time_of_day"),
                Cycle(output="at.year", of="day_of_year"),
                Weekday(output="at.week"),
                quantile("at.elapsed", of="elapsed_days"),
                Missing(output="at.missing"),
            ),
            column("gone", "string"),
        ),
        label=Label(name="y", type="int", task="binary", classes=(0, 1), positive=1),
        ignored=("y",),
    )


TRANSFORM = every_part()
floats = st.none() | st.floats() | st.sampled_from([-0.0, 0.0, *KNOTS, 1e308, 5e-324])
zones = st.integers(-1439, 1439).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
moments = st.datetimes(timezones=st.none() | zones).filter(lambda moment: 1 < moment.year < 9999)
texts = moments.map(lambda moment: moment.isoformat())
rows = st.fixed_dictionaries(
    {
        "temp": floats,
        "gust": floats,
        "level": floats,
        "rain": floats | st.integers(-(2**63), 2**63),
        "hour": st.none() | st.integers(-5, 25) | st.integers(-(2**70), 2**70),
        "far": st.none() | st.integers(),
        "wet": st.none() | st.booleans(),
        "dest": st.none() | st.text() | st.sampled_from(["JFK", "", "nan", "🛬", "\ud800"]),
        "at": st.none() | texts,
    }
)
HARD = {
    "temp": math.inf,
    "gust": -0.0,
    "level": -0.0,
    "rain": math.nan,
    "hour": -0,
    "far": 2**63,
    "wet": None,
    "dest": "\ud800",
    "at": "0001-01-01T00:00:00.000001",
}


def transformed(instances):
    return apply(TRANSFORM, columns_from_rows(TRANSFORM, instances))


def as_bytes(features):
    return features.numeric.tobytes(), features.categorical.tobytes()


@given(st.lists(rows, min_size=1, max_size=40), st.data())
@example([HARD] * 30, None)
def test_a_row_is_the_same_bytes_alone_and_in_any_batch(instances, data):
    whole = transformed(instances)
    cut = 11 if data is None else data.draw(st.integers(0, len(instances)))
    pieces = [transformed(instances[:cut]), transformed(instances[cut:])]
    alone = [transformed([row]) for row in instances]
    for parts in (pieces, alone):
        numeric = b"".join(part.numeric.tobytes() for part in parts)
        categorical = b"".join(part.categorical.tobytes() for part in parts)
        assert (numeric, categorical) == as_bytes(whole)


@given(st.lists(rows, max_size=20))
@example([HARD])
def test_everything_that_can_be_asked_is_answered_within_bounds(instances):
    found = transformed(instances)
    assert found.numeric.shape == (len(instances), len(TRANSFORM.numeric))
    assert found.numeric.dtype == np.float32
    assert found.categorical.dtype == np.int32
    assert np.isfinite(found.numeric).all()
    sizes = [output.size for output in TRANSFORM.categorical]
    assert (found.categorical >= 0).all()
    assert (found.categorical < np.array(sizes)).all()


def many(rows_wanted):
    random = np.random.default_rng(7)
    odd = random.choice([np.nan, np.inf, -np.inf, -0.0, 0.1, 7.0, 1e308], rows_wanted)
    mixed = np.where(random.random(rows_wanted) < 0.2, odd, random.normal(size=rows_wanted) * 20)
    words = np.array(["JFK", "", "nan", "🛬", "elsewhere", None], object)
    times = random.integers(-(10**15), 10**16, rows_wanted).view("datetime64[us]")
    times[::17] = np.datetime64("NaT")
    return {
        "temp": mixed,
        "gust": mixed[::-1],
        "level": mixed / 7,
        "rain": mixed,
        "hour": np.round(mixed),
        "far": np.round(mixed[::-1]),
        "wet": random.choice([0.0, 1.0, np.nan], rows_wanted),
        "dest": random.choice(words, rows_wanted),
        "at": times,
    }


def test_large_batches_are_the_same_bytes_as_their_rows():
    count = 2 * ROWS_AT_ONCE + 3
    columns = many(count)
    whole = apply(TRANSFORM, columns)
    edges = [0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE, count - 1]
    for row in [*edges, *range(100, count, 997)]:
        one = apply(TRANSFORM, {name: values[row : row + 1] for name, values in columns.items()})
        assert one.numeric.tobytes() == whole.numeric[row].tobytes()
        assert one.categorical.tobytes() == whole.categorical[row].tobytes()


def test_the_bytes_are_the_same_with_every_version_of_numpy():
    digest = hashlib.sha256()
    for part in as_bytes(apply(TRANSFORM, many(2000))):
        digest.update(part)
    assert digest.hexdigest()[:16] == "26b376b7edb7334b"


def only(name, value):
    blank = dict.fromkeys(HARD)
    found = transformed([{**blank, name: value}])
    numeric = dict(zip(TRANSFORM.numeric, found.numeric[0].tolist(), strict=True))
    outputs = [output.name for output in TRANSFORM.categorical]
    return numeric | dict(zip(outputs, found.categorical[0].tolist(), strict=True))


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


@pytest.mark.parametrize("name", ["temp", "gust", "level", "rain", "hour"])
def test_negative_zero_is_zero(name):
    blank = dict.fromkeys(HARD)
    plus, minus = (transformed([{**blank, name: zero}]) for zero in (0.0, -0.0))
    assert as_bytes(plus) == as_bytes(minus)


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


def test_the_parts_of_a_time_go_around():
    six = only("at", "2013-04-02T06:00:30")
    assert (six["at.time.sin"], six["at.time.cos"]) == (pytest.approx(1), pytest.approx(0))
    angle = 2 * math.pi * 91 / 366
    assert six["at.year.sin"] == pytest.approx(math.sin(angle), abs=1e-6)
    last = only("at", "2012-12-31")  # a leap year's 366th day
    assert last["at.year.cos"] == pytest.approx(math.cos(2 * math.pi * 365 / 366), abs=1e-6)
    nothing = only("at", None)
    assert [nothing[f"at.{part}"] for part in ("time.sin", "time.cos", "missing")] == [0, 0, 1]


def test_a_zone_is_brought_to_utc():
    assert only("at", "2013-10-07T01:00:00+02:00") == only("at", "2013-10-06T23:00:00Z")


def test_what_is_not_looked_at_changes_nothing():
    row = {**HARD, "y": "anything", "gone": [1, 2]}
    assert as_bytes(transformed([row])) == as_bytes(transformed([HARD]))


def test_a_missing_column_and_different_lengths_are_refused():
    columns = columns_from_rows(TRANSFORM, [HARD, HARD])
    with pytest.raises(DataError, match="different lengths"):
        apply(TRANSFORM, {**columns, "rain": np.zeros(3)})
    columns["rainn"] = columns.pop("rain")
    with pytest.raises(RequestError, match="'rain' is missing") as caught:
        apply(TRANSFORM, columns)
    assert "rainn" in caught.value.cause


def labelled(**fields):
    return Transform(columns=(), label=Label(name="y", **fields))


@pytest.mark.parametrize(
    ("classes", "values"),
    [
        ((7, -1), np.array([7.0, -1.0, 7.0])),
        ((False, True), np.array([0.0, 1.0, 0.0])),
        (("late", "on time"), np.array(["late", "on time", "late"], object)),
        ((0.5, 1.5), np.array([0.5, 1.5, 0.5])),
    ],
)
def test_labels_become_indices(classes, values):
    encoded = encode_labels(labelled(type="", task="binary", classes=classes), values)
    assert encoded.dtype == np.int64
    assert encoded.tolist() == [0, 1, 0]


@pytest.mark.parametrize("value", [2.0, math.nan])
def test_a_label_that_train_does_not_have_is_named(value):
    transform = labelled(type="int", task="multiclass", classes=(0, 1))
    with pytest.raises(DataError, match="'y' has a value that the train split") as caught:
        encode_labels(transform, np.array([0.0, value]))
    assert str(value) in caught.value.cause


def test_values_stay_values():
    transform = labelled(type="float", task="regression")
    encoded = encode_labels(transform, np.array([0.1, -3e7]))
    assert encoded.dtype == np.float32
    assert encoded.tolist() == np.array([0.1, -3e7], np.float32).tolist()
    for value in (1e39, math.nan, -math.inf):
        with pytest.raises(DataError, match="cannot be trained on"):
            encode_labels(transform, np.array([0.0, value]))
