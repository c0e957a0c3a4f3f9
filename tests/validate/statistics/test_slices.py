"""Weighted, sliced and sampled statistics, each against numpy's numbers."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import ArtifactError, ConfigError, DataError
from plimsoll.problem import SPLITS
from plimsoll.statistics.sampling import rows_chosen
from plimsoll.statistics.tally import Tally
from plimsoll.validate.statistics import slicing
from plimsoll.validate.statistics import tfdv as validator
from plimsoll.validate.statistics.arrays import encoding_of
from plimsoll.validate.statistics.measure import MeasureConfig, check_rows, measure
from plimsoll.validate.statistics.summary import summaries_of
from validate.made import hourly, label, made

ROWS = 4000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    random = np.random.default_rng(8)
    columns = {
        "x": pa.array(random.normal(size=ROWS)),
        "city": pa.array([None if row % 50 == 0 else "AB"[row % 2] for row in range(ROWS)]),
        "shop": pa.array([f"s{value}" for value in np.minimum(random.zipf(1.3, ROWS), 70)]),
        "floor": pa.array(random.integers(-1, 3, ROWS)),
        "open": pa.array(random.random(ROWS) < 0.4),
        "when": hourly(ROWS),
        "w": pa.array(random.integers(0, 4, ROWS)),
        "y": label(ROWS),
    }
    return made(tmp_path_factory.mktemp("slices") / "data", columns)


def measured(dataset, **config):
    encodings = {column.name: encoding_of(column.type) for column in dataset.columns}
    return measure(dataset, "train", encodings, ["y"], MeasureConfig(**config))


def of(statistics, column):
    return next(item for item in statistics.features if item.path.step[0] == column)


def test_a_slice_has_the_numbers_of_its_rows(dataset):
    found = measured(dataset, slices=("city", "open", "floor"))
    datasets = found.statistics.datasets
    names = [item.name for item in datasets]
    assert names[0] == "All Examples"
    assert set(names[1:3]) == {"city=A", "city=B"}
    assert set(names[3:5]) == {"open=true", "open=false"}
    assert set(names[5:]) == {"floor=-1", "floor=0", "floor=1", "floor=2"}
    table = dataset.read("train")
    for item in datasets[1:]:
        column, _, value = item.name.partition("=")
        texts = pc.cast(table[column], pa.string())
        rows = table.filter(pc.equal(texts, value))
        assert item.num_examples == rows.num_rows > 0
        x = rows["x"].to_numpy()
        assert of(item, "x").num_stats.mean == pytest.approx(x.mean())
        assert of(item, "x").num_stats.max == x.max()
        shops = of(item, "shop").string_stats.rank_histogram.buckets
        counted = {
            pair["values"]: pair["counts"] for pair in rows["shop"].value_counts().to_pylist()
        }
        assert {bucket.label: bucket.sample_count for bucket in shops} == counted
    assert found.notes == ()


def test_the_whole_is_the_same_with_slices_as_without(dataset):
    plain, sliced = measured(dataset), measured(dataset, slices=("city",))
    whole = validator.whole_of(sliced.statistics)
    whole.datasets[0].name = ""
    assert whole == plain.statistics
    assert summaries_of(sliced.statistics) == plain.summaries == sliced.summaries
    assert validator.infer_schema(sliced.statistics) == validator.infer_schema(plain.statistics)
    schema = validator.infer_schema(plain.statistics)
    assert validator.validate(sliced.statistics, schema, "") == validator.validate(
        plain.statistics, schema, ""
    )


def test_values_without_a_slice_are_told(dataset):
    found = measured(dataset, slices=("shop",))
    assert len(found.statistics.datasets) == 1 + slicing.MOST_SLICES
    assert found.statistics.datasets[1].name == "shop=s1"
    (note,) = found.notes
    every = [value for split in SPLITS for value in dataset.read(split)["shop"].to_pylist()]
    kept = {item.name.partition("=")[2] for item in found.statistics.datasets[1:]}
    rest = sum(value not in kept for value in every)
    assert "the 20 most frequent of" in note
    assert f"{rest:,} rows are in none" in note


def test_splits_have_the_same_slices(dataset):
    encodings = {column.name: encoding_of(column.type) for column in dataset.columns}
    config = MeasureConfig(slices=("city",))
    found = [measure(dataset, split, encodings, ["y"], config) for split in SPLITS]
    names = [{item.name for item in each.statistics.datasets} for each in found]
    assert names[0] == names[1] == names[2]


def test_weights_weigh(dataset):
    found = measured(dataset, weight="w")
    table = dataset.read("train")
    x, w = table["x"].to_numpy(), table["w"].to_numpy()
    whole = found.statistics.datasets[0]
    assert whole.weighted_num_examples == w.sum()
    numbers = of(whole, "x").num_stats
    assert numbers.weighted_numeric_stats.mean == pytest.approx(np.average(x, weights=w))
    assert numbers.mean == pytest.approx(x.mean())
    shops = of(whole, "shop").string_stats.weighted_string_stats.rank_histogram.buckets
    weighed = {}
    for shop, weight in zip(table["shop"].to_pylist(), w.tolist(), strict=True):
        weighed[shop] = weighed.get(shop, 0) + weight
    assert {bucket.label: bucket.sample_count for bucket in shops} == {
        shop: weight for shop, weight in weighed.items() if weight
    }


@pytest.mark.parametrize("bad", [None, -0.5, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(bad, tmp_path):
    columns = {"w": pa.array([1.0, 2.0, bad] * 20), "y": label(60)}
    dataset = made(tmp_path / "data", columns)
    with pytest.raises(DataError, match="weights in column 'w' cannot be used") as caught:
        measured(dataset, weight="w")
    assert "16 of 48 rows" in caught.value.cause


def test_values_that_all_weigh_nothing_are_refused(tmp_path):
    columns = {
        "w": pa.array([0.0, 1.0] * 30), "x": pa.array([1.5, None] * 30), "y": label(60)
    }  # fmt: skip
    with pytest.raises(DataError, match="weights in column 'w' cannot be used") as caught:
        measured(made(tmp_path / "data", columns), weight="w")
    assert "weigh 0" in caught.value.cause


@pytest.mark.parametrize(
    ("config", "match", "hint"),
    [
        ({"weight": "ww"}, "weight: there is no column 'ww'", "did you mean 'w'?"),
        ({"weight": "city"}, "weight: column 'city' is of type string", "int, float"),
        ({"slices": ("ctiy",)}, "slices: there is no column 'ctiy'", "did you mean 'city'?"),
        ({"slices": ("x",)}, "slices: column 'x' is of type float", "string, bool, int"),
    ],
)
def test_a_column_that_does_not_fit_is_told(config, match, hint, dataset):
    with pytest.raises(ConfigError, match=match) as caught:
        measured(dataset, **config)
    assert hint in str(caught.value)


def test_a_column_of_too_many_values_is_not_sliced_by(dataset, monkeypatch):
    monkeypatch.setattr(slicing, "MOST_VALUES", 10)
    with pytest.raises(ConfigError, match="'shop' has more than 10 values"):
        measured(dataset, slices=("shop",))


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"sample_rate": 0}, "sample_rate must be a number above 0 and at most 1"),
        ({"sample_rate": 1.5}, "sample_rate must be a number above 0 and at most 1"),
        ({"processes": -1}, "processes must be a whole number"),
        ({"beam_options": ("--x",)}, "beam_options without a beam_runner"),
    ],
)
def test_a_config_that_does_not_hold_is_refused(config, match):
    with pytest.raises(ConfigError, match=match):
        MeasureConfig(**config)


def test_a_sample_rate_samples_and_the_rest_is_still_looked_at(dataset):
    found = measured(dataset, sample_rate=0.25)
    assert found.rows == 3200
    assert found.covered == rows_chosen(3200, 0.25) == found.statistics.datasets[0].num_examples
    assert found.covered == pytest.approx(800, abs=150)
    assert found.summaries["x"].values == found.covered
    whole = measured(dataset)
    assert found.tallies == whole.tallies
    assert found.sample.equals(whole.sample)
    assert whole.covered == whole.rows
    assert found.notes == (
        f"statistics of train from {found.covered:,} of 3,200 rows, chosen by number",
    )


def test_rows_lost_from_a_sample_are_an_error():
    check_rows("train", manifest=100, read=100, chosen=30, covered=30)
    for counts in ({"read": 99, "covered": 30}, {"read": 100, "covered": 29}):
        with pytest.raises(ArtifactError, match="do not cover its rows") as caught:
            check_rows("train", manifest=100, chosen=30, **counts)
        assert "chooses 30" in caught.value.cause


def test_a_split_without_rows_is_measured(tmp_path):
    dataset = made(tmp_path / "data", {"x": pa.array([1.0] * 9), "y": label(9)}, cuts=(0, 0))
    found = measured(dataset, slices=("y",), sample_rate=0.5)
    assert (found.rows, found.covered) == (0, 0)
    assert found.sample.num_rows == 0
    assert found.summaries == {}


values = st.one_of(
    st.lists(st.none() | st.floats()).map(lambda items: pa.array(items, pa.float64())),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)).map(
        lambda items: pa.array(items, pa.int64())
    ),
    st.lists(st.none() | st.integers(-(2**50), 2**50)).map(
        lambda items: pa.array(items, pa.int64()).cast(pa.timestamp("us"))
    ),
)


@given(values, st.integers(0, 20))
def test_tallies_of_parts_make_that_of_the_whole(array, cut):
    whole, first, second = Tally(), Tally(), Tally()
    whole.add(array)
    first.add(array.slice(0, cut))
    second.add(array.slice(cut))
    first.merge(second)
    assert first == whole
    items = [item for item in array.to_pylist() if item is not None]
    usable = [item for item in items if not isinstance(item, float) or np.isfinite(item)]
    assert whole.missing == len(array) - len(usable)
    assert (whole.low, whole.high) == ((min(usable), max(usable)) if usable else (None, None))
