"""Drift since a span before, skew to what the model is asked, through the gate itself."""

import json

import numpy as np
import pyarrow as pa
import pytest

from ingest.sources.gcs_double import BUCKET, running
from plimsoll.errors import ArtifactError, ConfigError, GateError
from plimsoll.formats.statistics import open_statistics
from plimsoll.problem import Problem
from plimsoll.storage import gcs
from plimsoll.storage import provenance as witness
from plimsoll.storage.files import digest_tree
from plimsoll.validate import core
from validate.made import BINARY, made, ran

ROWS = 1500


def span(folder, seed=0, problem=BINARY, **changed):
    """Returns a data set of one span; columns are replaced, or left out where None."""
    rng = np.random.default_rng(seed)
    columns = {
        "temp": pa.array(55 + 10 * rng.normal(size=ROWS)),
        "wind": pa.array(rng.exponential(size=ROWS)),
        "carrier": pa.array(rng.choice(["AA", "UA", "DL"], ROWS, p=[0.5, 0.3, 0.2])),
        "y": pa.array(rng.integers(0, 2, ROWS)),
    }
    for name, change in changed.items():
        columns[name] = change(columns.get(name), rng) if callable(change) else change
    kept = {name: column for name, column in columns.items() if column is not None}
    return made(folder, kept, problem)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The statistics of a span, and its data set."""
    folder = tmp_path_factory.mktemp("before")
    result = ran(span(folder / "data"), folder)
    assert result.error is None
    assert result.found() == set()
    return folder


def warmer(column, rng):
    return pa.array(column.to_numpy() + 23.3)


@pytest.mark.parametrize("kind", ["statistics", "data"])
def test_a_span_like_the_one_before_passes_and_is_measured_all_the_same(tmp_path, before, kind):
    result = ran(span(tmp_path / "data", 1), tmp_path, baseline=before / kind)
    assert result.error is None
    assert result.found() == set()
    drift = result.statistics.anomalies()["drift"]
    since = {(item["column"], item["distance"]) for item in drift if item["against"] == "baseline"}
    assert since == {
        ("temp", "ks"), ("temp", "rank_shift"), ("wind", "ks"), ("wind", "rank_shift"),
        ("carrier", "jensen_shannon"), ("y", "jensen_shannon"),
    }  # fmt: skip
    assert {item["level"] for item in drift} == {"pass"}
    assert all(item["value"] <= item["threshold"] and item["how"] for item in drift)
    assert {(item["split"], item["against"]) for item in drift} == {
        ("train", "baseline"), ("eval", "train"), ("test", "train"),
    }  # fmt: skip


def test_a_data_set_and_its_statistics_are_the_same_baseline(tmp_path, before):
    data = span(tmp_path / "data", 1, temp=warmer)
    found = [
        ran(data, tmp_path / kind, baseline=before / kind).statistics.anomalies()["drift"]
        for kind in ("statistics", "data")
    ]
    assert found[0] == found[1]


def test_a_drifted_column_is_told_alone_in_words(tmp_path, before):
    result = ran(span(tmp_path / "data", 1, temp=warmer), tmp_path, baseline=before / "statistics")
    assert result.error is None
    assert result.verdict.passed
    assert result.found() == {("train", "temp", "drift", "warning")}
    (note,) = [note for note in result.notes if "drifted since" in note]
    assert note.startswith("column 'temp' drifted since the last span: ")
    assert "ks 0.76 (line 0." in note
    assert "chance among 1,200 and 1,200 values)" in note
    assert note.endswith("; mean 54.7 -> 77.8")
    assert "temp" in result.page


def test_drift_at_level_error_stops(tmp_path, before):
    data = span(tmp_path / "data", 1, temp=warmer)
    config = {"drift": {"level": "error"}}
    result = ran(data, tmp_path, baseline=before / "statistics", config=config)
    assert isinstance(result.error, GateError)
    assert "column 'temp' drifted since the last span" in result.error.cause
    off = ran(data, tmp_path, baseline=before / "statistics", config={"drift": "off"})
    assert off.error is None
    assert not off.statistics.anomalies()["drift"]


def test_a_label_that_drifts_is_told(tmp_path, before):
    rare = pa.array([int(row % 10 == 0) for row in range(ROWS)])
    result = ran(span(tmp_path / "data", 1, y=rare), tmp_path, baseline=before / "statistics")
    assert ("train", "y", "drift", "warning") in result.found()


def test_a_column_that_was_renamed_stops(tmp_path, before):
    def renamed(_, rng):
        return pa.array(55 + 10 * rng.normal(size=ROWS))

    data = span(tmp_path / "data", 1, temp=None, tempp=renamed)
    result = ran(data, tmp_path, baseline=before / "statistics")
    assert isinstance(result.error, GateError)
    assert "column 'temp' in train: expected the column, as in the last span" in result.error.cause
    assert "did you mean 'tempp'?" in result.error.cause
    assert ("train", "tempp", "column", "warning") in result.found()


@pytest.mark.parametrize("level", ["warning", "error"])
def test_a_new_column_is_what_the_config_says(tmp_path, before, level):
    data = span(tmp_path / "data", 1, more=pa.array(range(ROWS)))
    config = {"new_columns": level}
    result = ran(data, tmp_path, baseline=before / "statistics", config=config)
    assert ("train", "more", "column", level) in result.found()
    given = 'feature { name: "y" type: INT } feature { name: "temp" type: FLOAT }'
    result = ran(data, tmp_path / "given", schema=given, mode="warn", config=config)
    assert ("train", "wind", "column", level) in result.found()


def test_a_column_of_another_type_stops(tmp_path, before):
    words = pa.array([f"{row} kn" for row in range(ROWS)])
    data = span(tmp_path / "data", 1, wind=words)
    result = ran(data, tmp_path, baseline=before / "statistics")
    assert ("train", "wind", "type", "error") in result.found()
    assert "expected numbers, as in the last span; found text" in result.error.cause


@pytest.mark.parametrize(
    ("baseline", "config", "schema", "says"),
    [
        ("{tmp}/nowhere", {}, "", "the baseline that was given"),
        ("{tmp}/empty", {}, "", "the baseline that was given"),
        ("", {"drift": {"level": "error"}}, "", "drift in the config"),
        ("", {"min_rows_share": 0.5}, "", "min_rows_share in the config"),
        ("", {}, "infinity_norm { threshold: 0.1 }", "the drift_comparator of 'carrier'"),
    ],
)  # fmt: skip
def test_a_missing_baseline_stops_unless_it_is_the_first_run(
    tmp_path, baseline, config, schema, says
):
    (tmp_path / "empty").mkdir()
    data = span(tmp_path / "data")
    schema = schema and comparator(schema, "carrier")
    given = {"baseline": baseline.format(tmp=tmp_path), "schema": schema}
    result = ran(data, tmp_path, config=config, **given)
    assert isinstance(result.error, GateError)
    assert ("all splits", "", "baseline", "error") in result.found()
    assert says in result.error.cause
    assert "first_run" in result.error.cause
    first = ran(data, tmp_path, config={**config, "first_run": True}, **given)
    assert first.error is None
    assert first.checks(kind="baseline")[0]["level"] == "pass"


def test_a_missing_serving_stops_too(tmp_path):
    result = ran(span(tmp_path / "data"), tmp_path, serving=tmp_path / "nowhere")
    assert ("all splits", "", "serving", "error") in result.found()


def test_a_baseline_that_is_something_else_is_refused(tmp_path, before):
    data = span(tmp_path / "data")
    with pytest.raises(ArtifactError, match="manifest"):
        ran(data, tmp_path, baseline=before / "schema")
    with pytest.raises(ArtifactError, match=r"train\.pb is a file"):
        ran(data, tmp_path, baseline=before / "statistics" / "train.pb")
    other = tmp_path / "other"
    other.mkdir()
    (other / "manifest.json").write_text('{"format": "plimsoll.statistics/1"}')
    with pytest.raises(ArtifactError, match="neither statistics nor a data set") as caught:
        ran(data, tmp_path, baseline=other)
    assert "made again" in caught.value.hint


@pytest.mark.parametrize("name", ["baseline", "serving"])
def test_data_without_rows_are_nothing_to_compare_with(tmp_path, name):
    empty = made(
        tmp_path / "empty", {"temp": pa.array([], pa.float64()), "y": pa.array([], pa.int64())}
    )
    with pytest.raises(ArtifactError, match=f"the {name} .* has no rows"):
        ran(span(tmp_path / "data"), tmp_path, **{name: empty.folder})


def test_data_without_rows_do_not_lack_their_columns_too(tmp_path, before):
    empty = {"temp": pa.array([], pa.float64()), "y": pa.array([], pa.int64())}
    result = ran(made(tmp_path / "data", empty), tmp_path, baseline=before / "statistics")
    assert {item[2] for item in result.found()} == {"rows"}


@pytest.mark.parametrize("by", ["temp", "carrier"])
def test_a_baseline_in_order_of_a_column_is_told_to_be_blind_there(tmp_path, by):
    data = span(tmp_path / "a")
    rows = data.read("train").sort_by(by)
    first = made(tmp_path / "b", dict(zip(rows.column_names, rows.columns, strict=True)))
    ran(first, tmp_path / "first")
    result = ran(data, tmp_path, baseline=tmp_path / "first" / "statistics")
    (note,) = [note for note in result.notes if "can hardly be seen" in note]
    assert f"seen in {by}:" in note


def test_distributions_that_were_edited_are_refused(tmp_path, before):
    import shutil

    shutil.copytree(before / "statistics", tmp_path / "copy")
    path = tmp_path / "copy" / "distributions.json"
    path.write_text(path.read_text().replace("0", "1", 1))
    with pytest.raises(ArtifactError, match="damaged"):
        ran(span(tmp_path / "data"), tmp_path, baseline=tmp_path / "copy")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"drift": {"thresholds": {"temp": {"l_infinity": 0.1}}}}, "l_infinity of column 'temp'"),
        ({"drift": {"thresholds": {"carrier": {"ks": 0.1}}}}, "ks of column 'carrier'"),
        ({"skew": {"thresholds": {"tmp": {"ks": 0.1}}}}, "'tmp'"),
        ({"drift": {"numeric": ["l_infinity"]}}, r"drift\.numeric\[0\] is 'l_infinity'"),
        ({"drift": {"numeric": ["kss"]}}, r"drift\.numeric\[0\] is 'kss'"),
        ({"drift": {"levle": "error"}}, "no field 'levle'"),
        ({"drift": {"thresholds": {"temp": {"ks": -1}}}}, "a number from 0"),
        ({"new_columns": "warn"}, "new_columns is 'warn'"),
        ({"min_rows_share": 2}, "from 0 to 1"),
        ({"first_run": "yes"}, "true or false"),
        ({"weight": 5}, "weight must be text"),
        ({"beam_runner": ["x"]}, "beam_runner must be text"),
    ],
)
def test_a_config_that_does_not_hold_is_refused_before_anything_is_written(tmp_path, config, says):
    with pytest.raises(ConfigError, match=says):
        ran(span(tmp_path / "data"), tmp_path / "out", config=config)
    assert not (tmp_path / "out").exists()


def comparator(text, column="temp", field="drift_comparator"):
    features = {"temp": "FLOAT", "wind": "FLOAT", "carrier": "BYTES", "y": "INT"}
    return "\n".join(
        f'feature {{ name: "{name}" type: {kind} '
        + (f"{field} {{ {text} }} }}" if name == column else "}")
        for name, kind in features.items()
    )


@pytest.mark.parametrize("field", ["drift_comparator", "skew_comparator"])
@pytest.mark.parametrize("asked", ["infinity_norm", "normalized_abs_difference"])
def test_l_infinity_of_numbers_is_refused_with_what_to_use(tmp_path, before, field, asked):
    given = comparator(f"{asked} {{ threshold: 0.1 }}", field=field)
    with pytest.raises(ConfigError, match="of column 'temp', which is numeric") as caught:
        ran(span(tmp_path / "data"), tmp_path, schema=given, baseline=before / "statistics")
    assert field in caught.value.headline
    assert "ks" in caught.value.choices
    assert "jensen_shannon_divergence" in caught.value.hint


@pytest.mark.parametrize(
    ("asked", "distance"),
    [
        ("infinity_norm", "l_infinity"),
        ("jensen_shannon_divergence", "jensen_shannon"),
        ("normalized_abs_difference", "normalized_abs_difference"),
    ],
)
def test_comparators_of_the_schema_are_evaluated_and_stop(tmp_path, before, asked, distance):
    def other(column, rng):
        return pa.array(rng.choice(["AA", "UA", "DL"], ROWS, p=[0.1, 0.3, 0.6]))

    data = span(tmp_path / "data", 1, carrier=other)
    outcomes = {}
    for threshold in (0.02, 0.9):
        given = comparator(f"{asked} {{ threshold: {threshold} }}", "carrier")
        result = ran(data, tmp_path / str(threshold), schema=given, config={"drift": {
            "level": "warning"}}, baseline=before / "statistics")  # fmt: skip
        (item,) = [
            item for item in result.statistics.anomalies()["drift"]
            if item["distance"] == distance and item["how"].startswith("the schema's")
        ]  # fmt: skip
        assert item["threshold"] == threshold
        outcomes[threshold] = item["level"], result.error is not None
    assert outcomes == {0.02: ("error", True), 0.9: ("pass", False)}


def test_l_infinity_of_a_column_of_many_values_is_told_to_be_blind(tmp_path):
    names = pa.array([f"v{row % 700}" for row in range(ROWS)])
    others = pa.array([f"w{row % 700}" for row in range(ROWS)])
    first = ran(span(tmp_path / "a", name=names), tmp_path / "first")
    config = {"high_cardinality": 500, "drift": {"categorical": ["l_infinity", "jensen_shannon"]}}
    result = ran(
        span(tmp_path / "b", 1, name=others), tmp_path / "second", config=config, mode="warn",
        baseline=first.outputs.statistics,
    )  # fmt: skip
    assert ("train", "name", "many values", "warning") in result.found()
    drift = {
        item["distance"]: item for item in result.statistics.anomalies()["drift"]
        if item["column"] == "name" and item["against"] == "baseline"
    }  # fmt: skip
    assert drift["l_infinity"]["level"] == "pass"
    assert drift["jensen_shannon"]["level"] == "warning"
    assert drift["jensen_shannon"]["value"] == pytest.approx(1)
    (check,) = result.checks(kind="unseen values", column="name", against="baseline")
    assert check["level"] == "warning"
    assert check["measured"] == 1
    assert "100% of the rows have one never seen there" in check["found"]


SECRET = Problem(label="y", task="binary", positive="1", private=("wind",), drop=("carrier",))


def test_private_columns_of_a_baseline_are_not_named(tmp_path, before):
    data = span(tmp_path / "data", 1, problem=SECRET)
    result = ran(data, tmp_path / "out", baseline=before / "statistics")
    assert result.error is None
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert b"wind" not in path.read_bytes(), path
    assert "wind" not in json.dumps(list(result.notes))


def asked(folder, seed=1, **changed):
    return span(folder, seed, y=None, problem=Problem(label="y", task="binary", positive="1"),
                **changed)  # fmt: skip


def test_serving_like_train_passes_without_the_label(tmp_path):
    result = ran(
        span(tmp_path / "data"), tmp_path, serving=asked(tmp_path / "asked").folder, mode="warn"
    )
    assert result.found() == set()
    assert {item["against"] for item in result.statistics.anomalies()["drift"]} == {
        "serving", "train",
    }  # fmt: skip


def test_serving_that_differs_is_told_and_its_lack_of_a_column_stops(tmp_path):
    serving = asked(tmp_path / "asked", temp=warmer, wind=None).folder
    result = ran(span(tmp_path / "data"), tmp_path, serving=serving)
    assert ("train", "temp", "skew", "warning") in result.found()
    assert ("serving", "wind", "column", "error") in result.found()
    assert "column 'temp' is asked otherwise than it was in train" in "".join(
        [result.error.cause, *result.notes]
    ) or result.checks(kind="skew")
    config = {"skew": {"level": "error"}}
    result = ran(span(tmp_path / "data"), tmp_path, serving=serving, config=config)
    assert "column 'temp' is asked otherwise than it was in train: " in result.error.cause


def test_serving_is_held_to_the_schema_in_its_own_environment(tmp_path, before):
    given = """
    default_environment: "TRAINING" default_environment: "SERVING"
    feature { name: "temp" type: FLOAT presence { min_fraction: 1 } }
    feature { name: "wind" type: FLOAT }
    feature { name: "carrier" type: BYTES domain: "carrier" }
    feature { name: "y" type: INT presence { min_fraction: 1 } not_in_environment: "SERVING" }
    string_domain { name: "carrier" value: "AA" value: "UA" value: "DL" }
    """
    strange = pa.array(["AA", "XX"] * (ROWS // 2))
    serving = asked(tmp_path / "asked", carrier=strange).folder
    result = ran(span(tmp_path / "data"), tmp_path, schema=given, serving=serving)
    assert ("serving", "carrier", "values", "error") in result.found()
    assert not [item for item in result.found() if item[:2] == ("serving", "y")]
    statistics = ran(span(tmp_path / "data"), tmp_path, schema=given, serving=before / "statistics")
    assert statistics.error is None
    for text in ('default_environment: "SERVING"', 'not_in_environment: "SERVING"'):
        given = given.replace(text, "")
    with pytest.raises(ConfigError, match="no environment SERVING"):
        ran(span(tmp_path / "data"), tmp_path, schema=given, serving=serving)


def test_mode_branch_goes_on_and_says_why(tmp_path, before):
    data = span(tmp_path / "data", 1, temp=None)
    result = ran(data, tmp_path, baseline=before / "statistics", mode="branch")
    assert result.error is None
    assert not result.verdict.passed
    assert result.verdict.reason.startswith("1 anomaly: column 'temp' in train")
    assert "\n" not in result.verdict.reason
    assert any(note.startswith("NOT PASSED in mode branch") for note in result.notes)
    good = ran(span(tmp_path / "good", 1), tmp_path, mode="branch")
    assert (good.verdict.passed, good.verdict.reason) == (True, "")


def test_what_was_compared_with_is_witnessed(tmp_path, before):
    data = span(tmp_path / "data", 1)
    result = ran(data, tmp_path, baseline=before / "statistics", serving=tmp_path / "later",
                 config={"first_run": True})  # fmt: skip
    held, absent = result.verdict.metadata()["witnesses"]
    assert witness.is_unchanged(held)
    assert witness.is_unchanged(absent)
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "manifest.json").write_text("{}")
    assert not witness.is_unchanged(absent)


def test_a_baseline_in_cloud_storage_is_that_of_a_folder(tmp_path, before, monkeypatch):
    data = span(tmp_path / "data", 1, temp=warmer)
    local = ran(data, tmp_path / "local", baseline=before / "statistics")
    with running() as (bucket, address):
        monkeypatch.setenv(gcs.EMULATOR, address)
        address = f"gs://{BUCKET}/spans/one"
        nothing = ran(data, tmp_path / "none", baseline=address)
        assert ("all splits", "", "baseline", "error") in nothing.found()
        for path in (before / "statistics").iterdir():
            bucket.put(f"spans/one/{path.name}", path.read_bytes())
        remote = ran(data, tmp_path / "remote", baseline=address)
        (seen,) = remote.verdict.metadata()["witnesses"]
        assert witness.is_unchanged(seen)
        bucket.put("spans/one/manifest.json", b"{}")
        assert not witness.is_unchanged(seen)
    assert remote.found() == local.found()
    assert remote.statistics.anomalies()["drift"] == local.statistics.anomalies()["drift"]


def test_the_same_comparison_has_the_same_outputs(tmp_path, before):
    data = span(tmp_path / "data", 1, temp=warmer)
    digests = {
        digest_tree(ran(data, tmp_path / place, baseline=before / "statistics").outputs.statistics)
        for place in ("one", "two")
    }
    assert len(digests) == 1


def test_distributions_are_read_back_as_they_were_measured(before):
    statistics = open_statistics(before / "statistics")
    again = core.formats.to_text(statistics.distributions())
    assert again == (before / "statistics" / "distributions.json").read_text("utf-8")
    assert set(statistics.distributions()["train"]) == {"temp", "wind", "carrier", "y"}
