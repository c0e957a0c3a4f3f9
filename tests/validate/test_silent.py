"""What other gates let through without a word, each told here; and golden anomalies."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.errors import ConfigError
from plimsoll.formats import dataset as datasets
from plimsoll.validate.schema import inference as schemas
from validate.drift.test_measurement import ROWS, span
from validate.made import label, made, ran

GOLDEN = Path(__file__).parent / "golden_anomalies.json"


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    assert ran(span(folder / "data"), folder).error is None
    return folder / "statistics"


def test_fewer_rows_than_the_floor_stop(tmp_path):
    data = span(tmp_path / "data")
    result = ran(data, tmp_path, config={"min_rows": ROWS + 1})
    assert ("all splits", "", "rows", "error") in result.found()
    assert "all splits: expected at least 1,501 rows; found 1,500" in result.error.cause
    assert ran(data, tmp_path, config={"min_rows": ROWS}).error is None


def fewer(folder, rows):
    columns = {"x": pa.array([float(row % 50) for row in range(rows)]), "y": label(rows)}
    return made(folder, columns)


def test_fewer_rows_than_a_share_of_the_last_span_stop(tmp_path):
    first = ran(fewer(tmp_path / "a", 1000), tmp_path / "first")
    data = fewer(tmp_path / "b", 400)
    baseline = first.outputs.statistics
    assert ran(data, tmp_path / "out", baseline=baseline).error is None
    config = {"min_rows_share": 0.5}
    result = ran(data, tmp_path / "out", baseline=baseline, config=config)
    assert "at least 50% of the last span's 1,000 rows (validate config); found 400, 40%" in (
        result.error.cause
    )
    assert ran(data, tmp_path / "out", baseline=baseline, config={"min_rows_share": 0.4}).error is (
        None
    )


@pytest.mark.parametrize("kind", ["drift", "version"])
@pytest.mark.parametrize(
    ("bounds", "stops"),
    [
        ("min_fraction_threshold: 0.5", True),
        ("min_fraction_threshold: 0.3 max_fraction_threshold: 2", False),
        ("max_fraction_threshold: 0.3", True),
    ],
)
def test_the_schemas_comparators_of_rows_are_evaluated(tmp_path, kind, bounds, stops):
    first = ran(fewer(tmp_path / "a", 1000), tmp_path / "first")
    given = f"""
    feature {{ name: "x" type: FLOAT }} feature {{ name: "y" type: INT }}
    dataset_constraints {{ num_examples_{kind}_comparator {{ {bounds} }} }}
    """
    data = fewer(tmp_path / "b", 400)
    result = ran(data, tmp_path / "out", schema=given, baseline=first.outputs.statistics)
    assert (result.error is not None) == stops
    if stops:
        assert f"num_examples_{kind}_comparator" in result.error.cause
    alone = ran(data, tmp_path / "out", schema=given)
    assert ("all splits", "", "baseline", "error") in alone.found()


def test_more_rows_than_the_schema_allows_stop(tmp_path):
    given = """
    feature { name: "x" type: FLOAT } feature { name: "y" type: INT }
    dataset_constraints { max_examples_count: 300 }
    """
    result = ran(fewer(tmp_path / "data", 400), tmp_path, schema=given)
    assert result.found() == {("train", "", "rows", "error")}
    assert "train: expected at most 300 rows; found 320" in result.error.cause


@pytest.mark.parametrize(("value", "says"), [(0.0, "zero everywhere"), (3.5, "only, '3.5'")])
def test_a_column_that_turned_constant_since_the_last_span_stops(tmp_path, before, value, says):
    data = span(tmp_path / "data", 1, wind=pa.array([value] * ROWS))
    result = ran(data, tmp_path, baseline=before)
    assert ("train", "wind", "turned constant", "error") in result.found()
    assert says in result.error.cause
    text = span(tmp_path / "text", 1, carrier=pa.array(["AA"] * ROWS))
    assert ("train", "carrier", "turned constant", "error") in ran(
        text, tmp_path / "out", baseline=before
    ).found()


def test_a_column_that_is_constant_in_test_alone_is_told(tmp_path):
    def stuck(column, rng):
        values = column.to_numpy().copy()
        values[int(ROWS * 0.9) :] = 0
        return pa.array(values)

    result = ran(span(tmp_path / "data", wind=stuck), tmp_path)
    assert ("test", "wind", "turned constant", "warning") in result.found()
    assert ("eval", "wind", "turned constant", "warning") not in result.found()


def test_a_column_that_is_often_constant_for_a_while_is_no_news(tmp_path):
    month = pa.array([row * 12 // ROWS + 1 for row in range(ROWS)])
    result = ran(span(tmp_path / "data", month=month), tmp_path)
    assert result.found() == set()


def test_a_rare_flag_that_a_small_split_lacks_is_chance(tmp_path):
    rare = pa.array([row % 400 == 5 for row in range(ROWS)])
    result = ran(span(tmp_path / "data", rare=rare), tmp_path)
    assert not [item for item in result.found() if item[2] == "turned constant"]


def holes(share, value=None):
    def change(column, rng):
        values = column.to_numpy().copy()
        gone = rng.random(ROWS) < share
        if value is None:
            return pa.array(values, mask=gone)
        values[gone] = value
        return pa.array(values)

    return change


@pytest.mark.parametrize("level", ["warning", "error"])
def test_a_shift_of_what_is_missing_is_told(tmp_path, before, level):
    data = span(tmp_path / "data", 1, wind=holes(0.09))
    config = {"drift": {"level": level}}
    result = ran(data, tmp_path, baseline=before, config=config)
    assert ("train", "wind", "missing shift", level) in result.found()
    (check,) = result.checks(kind="missing shift", column="wind", against="baseline")
    assert check["expected"] == "about 0% of the rows without a value, as in the last span"
    assert check["measured"] == pytest.approx(0.09, abs=0.02)
    assert not [item for item in result.found() if item[0] != "train"]
    small = span(tmp_path / "small", 1, wind=holes(0.03))
    assert ran(small, tmp_path, baseline=before, config=config).error is None


def test_a_jump_of_nan_is_told_and_does_not_move_the_distances(tmp_path, before):
    data = span(tmp_path / "data", 1, wind=holes(0.3, np.nan))
    result = ran(data, tmp_path, baseline=before)
    assert ("train", "wind", "finite shift", "warning") in result.found()
    assert ("train", "wind", "missing shift", "warning") in result.found()
    assert not [item for item in result.found() if item[2] == "drift"]


def test_as_many_nan_as_before_are_no_shift(tmp_path):
    first = ran(span(tmp_path / "a", wind=holes(0.3, np.nan)), tmp_path / "first")
    data = span(tmp_path / "b", 1, wind=holes(0.3, np.nan))
    result = ran(data, tmp_path / "out", baseline=first.outputs.statistics)
    assert {item[2] for item in result.found()} == {"finite"}
    checks = result.checks(kind="finite shift", column="wind", against="baseline")
    assert [check["level"] for check in checks] == ["pass"]


def test_infinities_of_both_sides_are_in_no_bucket(tmp_path):
    first = ran(span(tmp_path / "a", wind=holes(0.2, np.inf)), tmp_path / "first", mode="warn")
    data = span(tmp_path / "b", 1, wind=holes(0.2, -np.inf))
    result = ran(data, tmp_path / "out", baseline=first.outputs.statistics, mode="warn")
    assert {item[2] for item in result.found()} == {"finite"}


def test_offending_values_stand_somewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "ROWS_PER_SHARD", 500)
    city = ["Paris"] * 2000
    city[1203] = city[30] = "Pariss"
    city[1204] = "<script>"
    columns = {"city": city, "x": [float(row) for row in range(2000)], "y": label(2000)}
    columns["x"][700] = 1e9
    given = """
    feature { name: "city" type: BYTES string_domain { value: "Paris" } }
    feature { name: "x" type: FLOAT float_domain { max: 2000 } } feature { name: "y" type: INT }
    """
    result = ran(made(tmp_path / "data", columns), tmp_path, schema=given)
    (check,) = result.checks(column="city", kind="values", split="train")
    assert [(item["value"], item["rows"], item["first"]) for item in check["values"]] == [
        ("Pariss", 2, "train row 31 (row 31 of train/part-00000.parquet)"),
        ("<script>", 1, "train row 1,205 (row 205 of train/part-00002.parquet)"),
    ]
    (check,) = result.checks(column="x", kind="range", split="train")
    assert check["values"][0]["first"] == "train row 701 (row 201 of train/part-00001.parquet)"
    assert "'Pariss' (2 rows) first in train row 31" in result.error.cause


@pytest.mark.parametrize("field", ["in_environment", "not_in_environment"])
def test_an_environment_that_is_nearly_one_is_refused(field):
    text = f'feature {{ name: "x" {field}: "SERVNG" }}'
    with pytest.raises(ConfigError, match="'SERVNG'") as caught:
        schemas.parse(text)
    assert "did you mean 'SERVING'?" in caught.value.cause
    schemas.parse(text.replace("SERVNG", "NIGHTLY"))


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("type: BYTES unique_constraints { min: 3 max: 3 }", "city"),
        ("type: BYTES value_count { min: 2 max: 2 }", "city"),
        ("type: BYTES presence { min_count: 1800 }", "city"),
    ],
)
def test_uniqueness_value_counts_and_presence_are_held_to(tmp_path, text, column):
    city = [["Paris", "Rome"][row % 2] for row in range(2000)]
    data = made(tmp_path / "data", {"city": city, "y": label(2000)})
    given = f'feature {{ name: "city" {text} }} feature {{ name: "y" type: INT }}'
    result = ran(data, tmp_path, schema=given)
    assert result.error is not None
    assert {item[1] for item in result.found()} == {column}


def test_two_objections_of_one_kind_to_a_column_are_both_told(tmp_path):
    data = made(tmp_path / "data", {"city": ["Paris", "Rome"] * 50, "y": label(100)})
    given = """
    feature { name: "city" type: BYTES value_count { min: 2 } unique_constraints { min: 3 max: 3 } }
    feature { name: "y" type: INT }
    """
    cause = ran(data, tmp_path, schema=given).error.cause
    assert "Some examples have fewer values than expected; likewise in eval, test" in cause
    assert "at least 3 unique values but found only 2; likewise in eval, test" in cause


def test_golden_anomalies(tmp_path, before):
    """All of it at once, as written down: a change of words or of numbers shows here."""
    data = span(
        tmp_path / "data", 7, wind=holes(0.2, np.nan), carrier=pa.array(["AA"] * ROWS),
        temp=lambda column, rng: pa.array(column.to_numpy() * 1.5),
        more=pa.array([f"name {row}" for row in range(ROWS)]),
    )  # fmt: skip
    result = ran(data, tmp_path, baseline=before, mode="warn", config={"min_rows": 2000})
    record = result.statistics.anomalies()
    found = {
        "counts": record["counts"],
        "found": [check for check in record["checks"] if check["level"] != "pass"],
        "drift": [
            {name: item[name] for name in ("column", "distance", "value", "threshold", "level",
                                           "how", "change")}
            for item in record["drift"] if item["against"] == "baseline"
        ],
    }  # fmt: skip
    expected = json.loads(GOLDEN.read_text("utf-8"))
    assert found["found"] == expected["found"]
    assert found["counts"] == expected["counts"]
    for item, other in zip(found["drift"], expected["drift"], strict=True):
        assert item.pop("value") == pytest.approx(other.pop("value"), rel=1e-3)
        assert item.pop("threshold") == pytest.approx(other.pop("threshold"), rel=1e-3)
        assert item == other
