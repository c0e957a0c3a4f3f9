"""What the command line makes of a pipeline's inputs: places, texts, and the last baseline."""

import json

import pytest
from kfp import dsl

from local.pipelines import echo
from plimsoll.errors import ConfigError, UsageError
from plimsoll.local.pipelines import arguments, library
from plimsoll.local.pipelines.baselines import statistics_named
from plimsoll.local.record import Step, new_run
from plimsoll.storage.files import write_json


@dsl.pipeline(name="gated")
def gated(
    label: str = "",
    problem: str = "",
    gate: str = "fail",
    gate_config: str = "{}",
    ingest_config: str = "{}",
    transform_config: str = "{}",
    train_config: str = "{}",
    baseline: str = "",
    store: str = "",
    push_to: str = "",
):
    echo(text=baseline)


@dsl.pipeline(name="typed")
def typed(
    label: str = "",
    problem: str = "",
    gate_config: dict = {},
    ingest_config: dict = {},
    columns: list = [],
    baseline: str = "",
):
    echo(text=baseline)


@pytest.fixture(scope="module")
def pipeline():
    return library.compile_function(gated)


@pytest.fixture(scope="module")
def typed_pipeline():
    return library.compile_function(typed)


def ran(out, *, state="succeeded", passed=None, pipeline="gated", **given):
    """A run that ended, with the statistics of its data."""
    run = new_run(pipeline, {"label": "late", "problem": "", **given}, out)
    folder = out / run.id / "validate" / "statistics"
    write_json(folder / "manifest.json", {"format": "plimsoll.statistics/2"})
    artifact = {"type": "system.Artifact", "path": str(folder), "metadata": {}}
    step = Step(name="validate", state=state, artifacts={"statistics": artifact})
    step.outputs = {} if passed is None else {"passed": passed}
    run.steps = {"validate": step}
    run.status = "succeeded"
    # Runs are told apart by when they started, and these do within a moment.
    run.started = f"2026-01-01T00:00:{len(list(out.iterdir())):02d}.000+00:00"
    run.write()
    return str(folder)


def completed(pipeline, out, **given):
    return arguments.complete({"label": "late", **given}, pipeline, out)


def test_places_default_to_the_folder_of_runs(pipeline, tmp_path):
    found = completed(pipeline, tmp_path)

    assert found["store"] == str(tmp_path / "datasets")
    assert found["push_to"] == str(tmp_path / "models")
    assert completed(pipeline, tmp_path, store="/elsewhere")["store"] == "/elsewhere"


def test_a_config_may_be_a_file(pipeline, tmp_path):
    path = tmp_path / "gate.json"
    path.write_text('{"min_rows": 5}')

    for value in (str(path), f"@{path}"):
        assert arguments.parse(["--gate_config", value], pipeline) == {
            "gate_config": '{"min_rows": 5}'
        }
    assert arguments.parse(["--gate_config", '{"a": 1}'], pipeline)["gate_config"] == '{"a": 1}'
    with pytest.raises(UsageError, match=r"none\.json cannot be read"):
        arguments.parse(["--ingest_config", "none.json"], pipeline)


def test_a_byte_order_mark_is_no_part_of_a_text(pipeline, tmp_path):
    path = tmp_path / "gate.json"
    path.write_text('{"min_rows": 5}', "utf-8-sig")
    assert arguments.parse(["--gate_config", str(path)], pipeline)["gate_config"].startswith("{")


@pytest.mark.parametrize("name", ["gate_config", "ingest_config"])
def test_a_config_is_read_before_anything_runs(pipeline, tmp_path, name):
    with pytest.raises(ConfigError, match="there is no field 'nothing'"):
        completed(pipeline, tmp_path, **{name: '{"nothing": 1}'})


def test_a_dict_is_given_as_json_in_a_file_or_from_python(typed_pipeline, tmp_path):
    path = tmp_path / "gate.json"
    path.write_text('{"min_rows": 5}')

    for text in (str(path), f"@{path}", '{"min_rows": 5}'):
        assert arguments.parse(["--gate-config", text, "--columns=[1, 2]"], typed_pipeline) == {
            "gate_config": {"min_rows": 5},
            "columns": [1, 2],
        }
    assert arguments.parse(["--gate-config", ""], typed_pipeline) == {"gate_config": {}}
    for value in ({"min_rows": 5}, '{"min_rows": 5}'):
        assert completed(typed_pipeline, tmp_path, gate_config=value)["gate_config"] == {
            "min_rows": 5
        }
    assert completed(typed_pipeline, tmp_path)["gate_config"] == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gate-config", '{"min_rows"'], "validate config: it is not JSON"),
        (["--gate-config", '[{"a": 1}]'], "validate config: it must be a JSON object"),
        (["--columns", "origin"], "which is not a JSON list"),
    ],
)
def test_a_text_that_is_no_dict_is_refused_in_the_words_of_its_reader(typed_pipeline, words, said):
    with pytest.raises(UsageError, match=said):
        arguments.parse(words, typed_pipeline)


def test_a_dict_is_read_before_anything_runs(typed_pipeline, tmp_path):
    with pytest.raises(ConfigError, match="there is no field 'nothing'"):
        completed(typed_pipeline, tmp_path, gate_config={"nothing": 1})
    config = {"first_run": True}
    found = completed(typed_pipeline, tmp_path, gate_config=config, baseline="last")
    assert found["baseline"] == ""


def test_last_is_the_newest_run_whose_data_passed(pipeline, tmp_path, capsys):
    ran(tmp_path)
    newest = ran(tmp_path)
    ran(tmp_path, state="failed")
    ran(tmp_path, passed=False)
    ran(tmp_path, pipeline="other")
    ran(tmp_path, label="other")

    assert completed(pipeline, tmp_path, baseline="last")["baseline"] == newest
    assert f"baseline: {newest.split('/')[-3]}" in capsys.readouterr().err


def test_other_data_of_an_unnamed_problem_is_no_baseline(pipeline, tmp_path):
    ran(tmp_path, data="other.csv")

    with pytest.raises(UsageError, match="no earlier run"):
        completed(pipeline, tmp_path, baseline="last")


def test_a_run_is_a_baseline_by_its_id_and_by_its_folder(pipeline, tmp_path):
    folder = ran(tmp_path, data="other.csv")
    (record,) = tmp_path.glob("*/run.json")

    for name in (record.parent.name, str(record.parent), folder):
        assert completed(pipeline, tmp_path, baseline=name)["baseline"] == folder


def test_problems_are_told_apart_by_name(pipeline, tmp_path):
    folder = ran(tmp_path, label="", problem="{label: late, name: delays}")
    ran(tmp_path, label="", problem="{label: late, name: others}")

    found = completed(pipeline, tmp_path, problem="{label: late, name: delays}", baseline="last")

    assert found["baseline"] == folder


def test_statistics_that_were_removed_are_no_baseline(pipeline, tmp_path):
    kept, gone = ran(tmp_path), ran(tmp_path)
    (tmp_path / gone.split("/")[-3] / "validate" / "statistics" / "manifest.json").unlink()

    assert completed(pipeline, tmp_path, baseline="last")["baseline"] == kept


def test_a_step_without_statistics_has_not_those_of_the_working_folder(
    pipeline, tmp_path, monkeypatch
):
    monkeypatch.chdir(ran(tmp_path / "elsewhere"))
    run = new_run("gated", {"label": "late", "problem": ""}, tmp_path / "runs")
    run.steps = {"ingest": Step(name="ingest", state="succeeded")}
    run.write()
    with pytest.raises(UsageError, match="no earlier run"):
        completed(pipeline, tmp_path / "runs", baseline="last")


def test_without_an_earlier_run_the_first_has_to_be_said(pipeline, tmp_path):
    with pytest.raises(UsageError, match="no earlier run of gated for late") as refused:
        completed(pipeline, tmp_path, baseline="last")
    assert "first_run" in refused.value.hint

    config = json.dumps({"first_run": True})
    assert completed(pipeline, tmp_path, baseline="last", gate_config=config)["baseline"] == ""


def test_a_baseline_that_is_a_place_stays_as_it_is(pipeline, tmp_path):
    for place in ("", "runs/x/validate/statistics", "gs://bucket/statistics"):
        assert completed(pipeline, tmp_path, baseline=place)["baseline"] == place
        assert statistics_named(place, tmp_path) == place


def test_commands_know_last_too(tmp_path):
    with pytest.raises(UsageError, match="no run in"):
        statistics_named("last", tmp_path)

    folder = ran(tmp_path)
    assert statistics_named("last", tmp_path) == folder
