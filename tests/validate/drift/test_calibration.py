"""Thresholds: two halves of one data set never alarm, a shift in one of fifty columns does."""

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.validate.config import Comparison
from plimsoll.validate.drift.calibration import chunk_count
from plimsoll.validate.drift.measurement import (
    DatasetPair,
    distance_requests,
    measure,
)
from plimsoll.validate.drift.thresholds import (
    FAMILYWISE_ERROR_RATE,
    LEAST_THRESHOLDS,
    threshold,
)
from validate.drift.test_distances import column

EVERY = Comparison(
    numeric=("ks", "rank_shift", "jensen_shannon", "jensen_shannon_distance", "psi",
             "wasserstein"),
    categorical=("jensen_shannon", "jensen_shannon_distance", "l_infinity", "psi"),
    tests=("t_test", "anova", "chi_squared"),
)  # fmt: skip
MADE = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "heavy": lambda rng, rows: rng.standard_cauchy(size=rows),
    "skewed": lambda rng, rows: rng.lognormal(0, 2, size=rows),
    "ties": lambda rng, rows: rng.integers(0, 3, rows),
    "months": lambda rng, rows: rng.integers(1, 13, rows),
    "zeros": lambda rng, rows: np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(size=rows)),
    "outlier": lambda rng, rows: np.where(rng.random(rows) < 0.999, 0.0, 1e8),
    "constant": lambda rng, rows: np.ones(rows),
    "nan": lambda rng, rows: np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
    "kinds": lambda rng, rows: np.array(list("abc"))[rng.choice(3, rows, p=[0.8, 0.15, 0.05])],
    "rare": lambda rng, rows: np.where(rng.random(rows) < 0.002, "x", "y"),
    "words": lambda rng, rows: np.char.add("z", rng.zipf(1.5, rows).astype(str)),
    "names": lambda rng, rows: np.char.add("u", rng.integers(0, 2**60, rows).astype(str)),
    "many": lambda rng, rows: np.char.add("t", rng.integers(0, 20_000, rows).astype(str)),
    "flag": lambda rng, rows: rng.random(rows) < 0.3,
}


def found(reference, current, comparison=EVERY):
    requests = distance_requests(reference, comparison, "warning")
    pair = DatasetPair("train", "baseline", reference, current, requests)
    items = measure(pair, FAMILYWISE_ERROR_RATE / (len(requests) + 3 * len(reference)))
    assert len(items) == sum(
        bool(reference[item.column].values and current[item.column].values) for item in requests
    )
    return [item for item in items if item.level != "pass"]


def table(rng, rows, copies=1):
    made = {
        f"{name} {copy}": pa.array(make(rng, rows))
        for copy in range(copies)
        for name, make in MADE.items()
    }
    return {**made, "nothing": pa.array([None] * rows, pa.float64())}


def taken(columns, rows):
    return {name: column(array.take(pa.array(rows))) for name, array in columns.items()}


def halves(rng, columns, rows, first):
    order = rng.permutation(rows)
    return taken(columns, np.sort(order[:first])), taken(columns, np.sort(order[first:]))


@pytest.mark.parametrize(
    ("first", "second", "seeds"),
    [(200, 200, 6), (60, 3_000, 4), (1_000, 300, 4), (3_000, 3_000, 3), (40_000, 20_000, 1)],
)
def test_two_random_halves_of_one_data_set_never_alarm(first, second, seeds):
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rows = first + second
        assert not found(*halves(rng, table(rng, rows), rows, first)), seed


@pytest.mark.parametrize("rows", [500, 2_000, 20_000])
def test_half_a_standard_deviation_in_one_of_fifty_columns_alarms_alone(rows):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        columns = table(rng, 2 * rows, 4 if rows < 5_000 else 1)
        reference, current = halves(rng, columns, 2 * rows, rows)
        shifted = rng.normal(size=rows) + 0.5
        items = found(reference, {**current, "normal 0": column(shifted)}, Comparison())
        assert {item.column for item in items} == {"normal 0"}, seed
        assert "mean" in items[0].change


def test_a_small_change_in_a_great_sample_does_not_matter():
    rng = np.random.default_rng(1)
    reference = {"x": column(rng.normal(size=60_000)), "c": column(rng.random(60_000) < 0.30)}
    current = {
        "x": column(rng.normal(size=60_000) + 0.05), "c": column(rng.random(60_000) < 0.32),
    }  # fmt: skip
    assert not found(reference, current)
    given = Comparison(thresholds={"x": {"ks": 0.01}, "*": {"jensen_shannon": 1e-4}})
    items = found(reference, current, given)
    assert {(item.column, item.distance) for item in items} == {
        ("x", "ks"), ("x", "jensen_shannon"), ("c", "jensen_shannon"),
    }  # fmt: skip
    assert {item.how for item in items} == {"as configured"}


def seasons(rng, rows, months=10):
    """Rows in order of time, each month about a place of its own."""
    month = np.arange(rows) * months // rows
    return rng.normal(size=rows) + rng.normal(size=months)[month]


def test_a_reference_that_varies_by_month_does_not_alarm_at_what_it_has_seen():
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        reference = {"x": column(seasons(rng, 6_000))}
        month = {"x": column(seasons(rng, 600, months=1))}
        alarms += bool(found(reference, month, Comparison()))
    assert alarms <= 1


def test_a_reference_whose_rows_are_in_no_order_is_held_to_chance_alone():
    rng = np.random.default_rng(1)
    ordered = seasons(rng, 6_000)
    month = column(seasons(rng, 600, months=1) + 1)
    shuffled = column(rng.permutation(ordered))
    bound, how = threshold("ks", shuffled, month, 1e-5, LEAST_THRESHOLDS["ks"], "the baseline")
    assert how.startswith("chance")
    looser, how = threshold(
        "ks", column(ordered), month, 1e-5, LEAST_THRESHOLDS["ks"], "the baseline"
    )
    assert how == "from 20 chunks of the baseline"
    assert looser > 2 * bound


def test_a_threshold_from_chunks_is_the_mean_and_three_standard_deviations_of_their_distances():
    rng = np.random.default_rng(2)
    values = seasons(rng, 4_000)
    one = column(values)
    seen = one.calibration["ks"]
    chunks = values.reshape(20, 200)
    from scipy import stats

    gaps = [
        stats.ks_2samp(chunk, np.delete(chunks, place, 0).ravel(), method="asymp").statistic
        for place, chunk in enumerate(chunks)
    ]
    assert seen.mean == pytest.approx(np.mean(gaps), abs=0.01)
    assert seen.std == pytest.approx(np.std(gaps), abs=0.01)
    assert seen.decay == pytest.approx(0, abs=0.1)
    bound, _ = threshold("ks", one, one, 1e-5, 0.0, "x")
    assert bound >= 0.9 * (seen.mean + 3 * seen.std)


def test_changes_of_days_weigh_less_in_a_month_and_a_trend_does_not():
    """A chunk of the reference is a stretch of days; a span of as many rows as all is not."""
    rng = np.random.default_rng(3)
    rows = 6_000
    days = np.repeat(rng.normal(size=60), rows // 60)
    daily = column(rng.normal(size=rows) + 2 * days)
    trend = column(rng.normal(size=rows) + np.linspace(0, 6, rows))
    assert daily.calibration["ks"].decay > 0.3
    assert trend.calibration["ks"].decay < 0.1
    other = np.repeat(rng.normal(size=60), rows // 60)
    like = column(rng.normal(size=rows) + 2 * other)
    assert not found({"x": daily}, {"x": like}, Comparison())
    higher = column(rng.normal(size=rows) + 2 * other + 2)
    assert found({"x": daily}, {"x": higher}, Comparison())


def test_what_lies_past_all_that_the_reference_has_seen_alarms():
    """Mean and three standard deviations of chunks may be past 1, which no distance reaches."""
    rng = np.random.default_rng(1)
    winter = column(rng.normal(size=6_000) + np.repeat([0, 0, 9, 0, 0, 9, 0, 0, 9, 0], 600))
    assert winter.calibration["ks"].mean + 3 * winter.calibration["ks"].std > 1
    july = column(rng.normal(size=500) + 25)
    assert found({"x": winter}, {"x": july}, Comparison())
    counted = column(np.arange(6_000.0))
    assert not found({"x": counted}, {"x": column(np.arange(6_000.0, 9_000.0))}, Comparison())


def test_values_that_come_and_go_in_the_reference_are_no_news():
    sessions = [f"session {row // 5}" for row in range(10_000)]
    one, other = column(sessions[:5_000]), column(sessions[5_000:])
    assert not found({"id": one}, {"id": other}, Comparison())
    for distance in ("jensen_shannon", "unseen"):
        assert threshold(distance, one, other, 1e-5, 0.0, "x")[0] >= 1 - 1e-6


@pytest.mark.parametrize(
    ("rows", "chunks"), [(0, 0), (24, 0), (25, 5), (300, 6), (1_000, 20), (10**6, 20)]
)
def test_how_many_chunks(rows, chunks):
    assert chunk_count(rows) == chunks


def test_the_same_column_always_has_the_same_calibration():
    values = np.random.default_rng(1).normal(size=3_000)
    assert column(values) == column(values.copy())
