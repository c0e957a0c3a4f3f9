import hashlib
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.errors import DataError, RequestError
from plimsoll.formats.columns import DictionaryColumn
from plimsoll.transform.apply.apply import (
    apply,
    apply_out_of_fold,
    columns_from_rows,
    encode_labels,
)
from plimsoll.transform.apply.numbers import MOST_ROWS as ROWS_AT_ONCE
from plimsoll.transform.apply.steps import FEW
from transform.made_transform import (
    HARD,
    TRANSFORM,
    as_bytes,
    coded,
    labelled,
    many,
    only,
    rows,
    transformed,
)


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
    columns = columns_from_rows(TRANSFORM, instances)
    tiled = apply(TRANSFORM, {name: np.tile(some, FEW + 1) for name, some in columns.items()})
    for found, expected in zip(tiled, whole, strict=True):
        assert found[: len(instances)].tobytes() == expected.tobytes()


@given(st.lists(rows, max_size=20))
@example([HARD])
def test_everything_that_can_be_asked_is_answered_within_bounds(instances):
    found = transformed(instances)
    assert found.numeric.shape == (len(instances), len(TRANSFORM.numeric))
    assert found.numeric.dtype == np.float32
    assert found.categorical.dtype == np.int32
    assert np.isfinite(found.numeric).all()
    sizes = [[output.size] * output.width for output in TRANSFORM.categorical]
    assert (found.categorical >= 0).all()
    assert (found.categorical < np.concatenate(sizes)).all()


@given(st.lists(rows, min_size=1, max_size=90))
@example([HARD] * 3)
def test_texts_in_a_list_of_texts_are_the_same_bytes(instances):
    columns = columns_from_rows(TRANSFORM, instances)
    packed = {
        name: coded(values) if values.dtype == object else values
        for name, values in columns.items()
    }
    assert as_bytes(apply(TRANSFORM, packed)) == as_bytes(apply(TRANSFORM, columns))


def test_long_texts_are_the_same_bytes():
    long = {"dest": "\ud800" * 200_000, "tags": "x|a" * 100_000, "note": "aß 🛬" * 100_000}
    instances = [HARD, {**HARD, **long}, {**HARD, **long, "note": "\u0130" * 70_000}]
    whole = transformed(instances)
    alone = [transformed([row]) for row in instances]
    for place, found in enumerate(whole):
        assert found.tobytes() == b"".join(one[place].tobytes() for one in alone)
    columns = columns_from_rows(TRANSFORM, instances)
    packed = {name: coded(columns[name]) for name in long}
    assert as_bytes(apply(TRANSFORM, {**columns, **packed})) == as_bytes(whole)


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
    assert digest.hexdigest()[:16] == "95d7496b5ea2181d"


@pytest.mark.parametrize("name", ["temp", "gust", "level", "rain", "hour", "deep"])
def test_negative_zero_is_zero(name):
    blank = dict.fromkeys(HARD)
    plus, minus = (transformed([{**blank, name: zero}]) for zero in (0.0, -0.0))
    assert as_bytes(plus) == as_bytes(minus)


@given(st.lists(st.none() | st.integers(-(2**63) + 1, 2**63 - 1), min_size=1))
def test_times_far_outside_of_the_calendar_are_the_same_bytes(ticks):
    times = np.array([-(2**63) if tick is None else tick for tick in ticks]).view("datetime64[us]")
    blank = {**dict.fromkeys(HARD)}
    columns = {**columns_from_rows(TRANSFORM, [blank] * len(ticks)), "at": times}
    whole = apply(TRANSFORM, {name: np.tile(some, FEW + 1) for name, some in columns.items()})
    for row in range(len(ticks)):
        one = apply(TRANSFORM, {name: some[row : row + 1] for name, some in columns.items()})
        for found, expected in zip(whole, one, strict=True):
            assert found[row].tobytes() == expected.tobytes()


def test_means_out_of_fold_replace_those_of_the_transform():
    columns = many(300)
    folds = np.arange(300) % 2
    hour = np.array([[[1.0], [2.0], [3.0], [4.0], [5.0]], [[10.0], [20.0], [30.0], [40.0], [50.0]]])
    dest = np.arange(2 * 4 * 3.0).reshape(2, 4, 3)
    tables = {"hour.mean": hour, "dest.mean": dest}
    plain = apply(TRANSFORM, columns)
    packed = {**columns, "dest": coded(columns["dest"])}
    found = apply_out_of_fold(TRANSFORM, packed, folds, tables)
    assert found.categorical.tobytes() == plain.categorical.tobytes()
    names = list(TRANSFORM.numeric)
    replaced = [
        names.index(name) for name in ("hour.mean", "dest.mean.a", "dest.mean.b", "dest.mean.c")
    ]
    others = np.delete(np.arange(len(names)), replaced)
    assert found.numeric[:, others].tobytes() == plain.numeric[:, others].tobytes()
    for row in range(300):
        value = columns["hour"][row]
        place = {0.0: 2, 7.0: 3, 24.0: 4}.get(value, 1) if np.isfinite(value) else 0
        assert found.numeric[row, replaced[0]] == hour[folds[row], place, 0]
        place = {None: 0, "🛬": 2, "JFK": 3}.get(columns["dest"][row], 1)
        assert found.numeric[row, replaced[1:]].tolist() == dest[folds[row], place].tolist()


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


def test_labels_in_a_list_of_texts_become_indices():
    transform = labelled(type="string", task="multiclass", classes=("c", "a", "b"))
    values = DictionaryColumn(np.array([2, 0, 1, 2], np.int32), ["a", "b", "c", "never"])
    assert encode_labels(transform, values).tolist() == [0, 1, 2, 0]
    for code, shown in ((3, "'never'"), (-1, "None")):
        with pytest.raises(DataError, match="'y' has a value that the train split") as caught:
            encode_labels(transform, DictionaryColumn(np.array([0, code], np.int32), values.values))
        assert shown in caught.value.cause
        assert caught.value.choices == ("c", "a", "b")


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
