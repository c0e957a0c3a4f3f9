import json

import pyarrow as pa
import pytest

from plimsoll.errors import ArtifactError, ConfigError, GateError
from plimsoll.problem import Problem
from plimsoll.quantities import share_text
from plimsoll.storage.files import digest_tree
from plimsoll.validate.statistics.measure import check_rows
from validate.made import hourly, label, made, ran

ROWS = 200
NUMBER = 'feature { name: "y" type: INT }'


def numbers(rows=ROWS):
    return pa.array([float(row) for row in range(rows)])


def test_honest_data_passes_and_leaves_its_measurements(tmp_path):
    data = made(tmp_path / "data", {"x": numbers(), "y": label(ROWS)})
    result = ran(data, tmp_path)
    assert result.error is None
    record = result.statistics.anomalies()
    assert record["passed"]
    assert record["counts"]["error"] == record["counts"]["warning"] == 0
    missing = result.checks(split="eval", column="x", kind="missing")
    assert [(check["measured"], check["level"]) for check in missing] == [(0.0, "pass")]
    assert missing[0]["allowed"] == pytest.approx(0.1)
    assert {check["split"] for check in result.checks(kind="rows")} == {"train", "eval", "test"}


def test_times_that_only_grow_do_not_stop(tmp_path):
    when = hourly(ROWS)
    columns = {
        "when": when,
        "date": [f"{moment:%Y-%m-%d}" for moment in when.to_pylist()],
        "number": pa.array(range(ROWS)),
        "y": label(ROWS),
    }
    problem = Problem(label="y", task="binary", positive="1", time="when")
    result = ran(made(tmp_path / "data", columns, problem), tmp_path)
    assert result.error is None


def test_an_unseen_category_only_warns_under_an_inferred_schema(tmp_path):
    city = ["a", "b"] * (ROWS // 2 - 2) + ["a", "z", "z", "<i>"]
    result = ran(made(tmp_path / "data", {"city": city, "y": label(ROWS)}), tmp_path)
    assert result.error is None
    assert result.found() == {("test", "city", "values", "warning")}
    (check,) = result.checks(split="test", column="city", kind="values")
    assert check["values"] == [
        {"value": "z", "rows": 2, "first": "test row 18"},
        {"value": "<i>", "rows": 1, "first": "test row 20"},
    ]
    assert check["measured"] == pytest.approx(0.15)
    assert any("'z' (2 rows)" in note for note in result.notes)


def test_the_gate_writes_everything_before_it_stops(tmp_path):
    bad = pa.array([float("inf") if row == 3 else row for row in range(ROWS)], pa.float64())
    result = ran(made(tmp_path / "data", {"bad": bad, "y": label(ROWS)}), tmp_path)
    assert isinstance(result.error, GateError)
    assert "column 'bad' in train" in result.error.cause
    assert "'inf' (1 row)" in result.error.cause
    assert "look at this step's report" in result.error.hint
    assert result.found() == {("train", "bad", "finite", "error")}
    assert result.schema.feature
    assert "Stopped: 1 anomaly" in result.page


def test_mode_warn_lets_through_and_says_so(tmp_path):
    bad = pa.array([float("inf") if row == 3 else row for row in range(ROWS)], pa.float64())
    data = made(tmp_path / "data", {"bad": bad, "y": label(ROWS)})
    result = ran(data, tmp_path, mode="warn")
    assert result.error is None
    assert any(note.startswith("LET THROUGH") for note in result.notes)
    assert result.verdict.passed
    assert result.verdict.reason.startswith("1 anomaly")
    assert not result.statistics.anomalies()["passed"]


def test_an_unknown_mode_is_refused_before_anything_is_written(tmp_path):
    data = made(tmp_path / "data", {"x": numbers(), "y": label(ROWS)})
    with pytest.raises(ConfigError, match="'wran'") as caught:
        ran(data, tmp_path, mode="wran")
    assert "did you mean 'warn'?" in str(caught.value)
    assert not (tmp_path / "statistics").exists()


def nothing(rows=ROWS):
    return pa.array([None] * rows, pa.float64())


def late(first, rows=ROWS):
    """Values that end before row ``first``."""
    return pa.array([row if row < first else None for row in range(rows)], pa.int64())


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (nothing(), {("train", "error"), ("eval", "warning"), ("test", "warning")}),
        (late(160), {("eval", "error"), ("test", "error")}),
        (late(165), {("eval", "error"), ("test", "error")}),
        # One value in forty: that no row of a small split has one says nothing.
        (pa.array([1.0 if row % 40 == 0 else None for row in range(ROWS)]),
         {("test", "warning")}),
        # The only value fell to eval: an empty train split is what chance does.
        (pa.array([1.0 if row == 170 else None for row in range(ROWS)]),
         {("train", "warning"), ("test", "warning")}),
    ],
)  # fmt: skip
def test_columns_without_values(tmp_path, column, expected):
    result = ran(made(tmp_path / "data", {"x": column, "y": label(ROWS)}), tmp_path)
    missing = {(split, level) for split, _, kind, level in result.found() if kind == "missing"}
    assert missing == expected


def test_a_dropped_column_never_stops(tmp_path):
    problem = Problem(label="y", task="binary", positive="1", drop=("x", "inf", "one"))
    infinite = pa.array([float("inf")] * ROWS)
    columns = {"x": nothing(), "inf": infinite, "one": [1] * ROWS, "y": label(ROWS)}
    assert ran(made(tmp_path / "data", columns, problem), tmp_path).error is None


def test_a_constant_feature_warns_and_a_constant_label_stops(tmp_path):
    columns = {"one": ["x"] * ROWS, "seven": [7] * ROWS, "y": [1] * ROWS}
    result = ran(made(tmp_path / "data", columns), tmp_path)
    constant = {item for item in result.found() if item[2] == "constant"}
    assert constant == {
        ("train", "one", "constant", "warning"),
        ("train", "seven", "constant", "warning"),
        ("train", "y", "constant", "error"),
    }


def test_nan_counts_as_missing_and_is_told(tmp_path):
    x = pa.array([float("nan") if row < 4 else float(row) for row in range(ROWS)])
    result = ran(made(tmp_path / "data", {"x": x, "y": label(ROWS)}), tmp_path)
    assert result.error is None
    assert result.found() == {("train", "x", "finite", "warning")}
    (feature, _) = result.statistics.proto("train").datasets[0].features
    assert feature.num_stats.common_stats.num_missing == 4
    assert feature.num_stats.min == 4


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_a_split_without_rows_stops(tmp_path, split):
    cuts = {"train": (0.0, 0.5), "eval": (0.5, 0.5), "test": (0.5, 1.0)}[split]
    result = ran(made(tmp_path / "data", {"x": numbers(), "y": label(ROWS)}, cuts=cuts), tmp_path)
    assert (split, "", "rows", "error") in result.found()
    assert f"{split}: expected at least 1 row; found none" in result.error.cause
    assert result.statistics.rows[split] == 0


def test_a_class_that_train_lacks_stops(tmp_path):
    y = ["a", "b"] * (ROWS // 2 - 1) + ["c", "a"]
    problem = Problem(label="y", task="multiclass")
    result = ran(made(tmp_path / "data", {"x": numbers(), "y": y}, problem), tmp_path)
    assert result.found() >= {("test", "y", "classes", "error")}
    assert "'c' (1 row)" in result.error.cause


def test_rows_lost_on_the_way_into_the_statistics_are_an_error():
    check_rows("train", manifest=3, read=3, covered=3)
    with pytest.raises(ArtifactError, match="do not cover its rows"):
        check_rows("train", manifest=3, read=3, covered=2)
    with pytest.raises(ArtifactError, match="do not cover its rows"):
        check_rows("train", manifest=4, read=3, covered=3)


def test_the_same_data_has_the_same_outputs(tmp_path):
    # More different values than are counted exactly: the sketch's own order must not show.
    text = [f"v{row % 17_001}" for row in range(20_000)]
    columns = {"text": text, "x": numbers(20_000), "y": label(20_000)}
    data = made(tmp_path / "data", columns)
    digests = []
    for place in ("one", "two"):
        result = ran(data, tmp_path / place)
        digests.append(digest_tree(tmp_path / place))
        assert str(tmp_path) not in result.page
    assert digests[0] == digests[1]


def test_the_record_holds_no_numbers_that_json_lacks(tmp_path):
    bad = pa.array([float("inf"), float("-inf"), float("nan"), 1.0] * 50)
    ran(made(tmp_path / "data", {"bad": bad, "y": label(ROWS)}), tmp_path)

    def refuse(name):
        raise AssertionError(name)

    text = (tmp_path / "statistics" / "anomalies.json").read_text("utf-8")
    json.loads(text, parse_constant=refuse)


def test_an_unreadable_schema_leaves_nothing_behind(tmp_path):
    data = made(tmp_path / "data", {"x": numbers(), "y": label(ROWS)})
    with pytest.raises(ConfigError):
        ran(data, tmp_path / "out", schema="feature {")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (0.00012, "0.01%"), (0.99999, "99.999%")],
)
def test_shares_never_round_to_nothing_or_everything(share, text):
    assert share_text(share) == text


def test_what_several_splits_have_alike_is_told_once(tmp_path):
    texts = pa.array(["new" if row % 20 == 0 else "old" for row in range(ROWS)])
    data = made(tmp_path / "data", {"kind": texts, "x": numbers(), "y": label(ROWS)})
    schema = 'feature { name: "kind" type: BYTES string_domain { value: "old" } }'
    schema += ' feature { name: "x" type: FLOAT } feature { name: "y" type: INT }'
    result = ran(data, tmp_path, schema=schema)
    told = [line for line in str(result.error).splitlines() if "column 'kind'" in line]
    assert len(told) == 1
    assert told[0].endswith("; likewise in eval, test")
