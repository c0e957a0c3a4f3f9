"""The command line, as a user types it."""

import json
import shlex
from pathlib import Path

import pytest

from local.commands import PIPELINES, command


def test_help_names_every_command():
    helped = command("--help")

    assert helped.returncode == 0
    for name in ("run", "runs", "report", "diff", "env", "compile", "serve"):
        assert f"\n    {name} " in helped.stdout


def test_a_run_prints_its_record_last_and_exits_with_0(tmp_path):
    ran = command("run", f"{PIPELINES}:two_steps", "--text=hi", "--out", str(tmp_path), "--json")

    assert ran.returncode == 0, ran.stderr
    record = json.loads(ran.stdout)
    assert record["status"] == "succeeded"
    assert record["arguments"]["text"] == "hi"
    assert Path(record["report"]).is_file()


def test_an_input_that_begins_like_an_option_is_the_pipelines(tmp_path):
    ran = command("run", f"{PIPELINES}:letters", "--n", "5", "--out", str(tmp_path), "--json")

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["arguments"]["n"] == 5


@pytest.mark.slow
def test_what_comes_next_can_be_typed_wherever_the_runs_lie(tmp_path):
    out = tmp_path / "it's [my] runs"

    ran = command("run", f"{PIPELINES}:two_steps", "--out", str(out), cwd=tmp_path)
    following = ran.stdout.partition("next ")[2].strip()
    typed = command(*shlex.split(following)[1:], cwd=tmp_path)

    assert typed.returncode == 0, typed.stderr
    assert Path(typed.stdout.strip()).is_file()


def test_a_terminal_without_the_letters_of_a_path_fails_nothing(tmp_path):
    words = ("run", f"{PIPELINES}:two_steps", "--out", "läufe", "--text", "ü")

    ran = command(*words, cwd=tmp_path, PYTHONIOENCODING="ascii")

    assert ran.returncode == 0, ran.stderr
    assert "l\\xe4ufe" in ran.stdout


@pytest.mark.slow
def test_runs_may_lie_beside_the_working_folder(tmp_path):
    here = tmp_path / "here"
    here.mkdir()

    ran = command("run", f"{PIPELINES}:two_steps", "--out", "../runs", "--json", cwd=here)
    last = command("report", "last", "--out", "../runs", cwd=here)

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["folder"].startswith(f"{tmp_path}/runs/")
    assert Path(last.stdout.strip()).parent.parent == tmp_path / "runs"


@pytest.mark.slow
def test_brackets_are_printed_as_they_are(tmp_path):
    for text in ("[/b] :cat:", "[red]x"):
        command("run", f"{PIPELINES}:two_steps", "--text", text, cwd=tmp_path)
    names = [record["id"] for record in json.loads(command("runs", "--json", cwd=tmp_path).stdout)]

    differing = command("diff", *names, cwd=tmp_path)

    assert differing.returncode == 0, differing.stderr
    assert "[/b] :cat:" in differing.stdout
    assert "/a[b] yet" in command("runs", "--out", "a[b]", cwd=tmp_path).stdout


def test_a_failed_run_exits_with_1_and_shows_why(tmp_path):
    ran = command("run", f"{PIPELINES}:fails_late", "--out", str(tmp_path))

    assert ran.returncode == 1
    assert "ValueError: no such thing: x" in ran.stderr
    assert "| about to fail" not in ran.stdout
    assert "boom.log" in ran.stderr
    assert "Traceback" not in ran.stdout


def test_a_gate_exits_with_1(tmp_path):
    ran = command("run", f"{PIPELINES}:gated", "--out", str(tmp_path))

    assert ran.returncode == 1
    assert "gated stopped" in ran.stdout
    assert "auc 0.4 < 0.6" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "usage: plimsoll run"),
        (["run", "trainin"], "did you mean 'training'?"),
        (["run", "training", "--lable", "y"], "did you mean 'label'?"),
        (["run", "training"], "needs --data"),
        (["run", "training", "--data", "a"], "names no label"),
        (["run", "training", "--data", "a", "--problem", "lable: y"], "did you mean 'label'?"),
        (["run", "training", "--data", "a", "--label", "y", "--train_config", "{"], "not JSON"),
        (
            ["run", "training", "--data", "a", "--label", "y", "--module", "def build(x)\n  3"],
            "the network's file is not Python: line 1",
        ),
        (["run", "training", "--data"], "--data needs a value"),
        (["run", "training", "--data", "a", "--data", "b"], "given twice"),
        (["run", "training", "stray"], "unexpected argument 'stray'"),
        (["run", "training", "--data", "a", "--force", "perhaps"], "not true or false"),
        (["run", "training", "--data", "a", "--problem", "none.yaml"], "cannot be read"),
        (
            ["run", "training", "--data", "a", "--problem", "{label: y, columns: {a: categorial}}"],
            "did you mean 'categorical'?",
        ),
        (
            [
                "run",
                "data",
                "--data",
                "a",
                "--problem",
                "{label: y, columns: {a: {kind: bins, bin: 8}}}",
            ],
            "did you mean 'bins'?",
        ),
        (["run", f"{PIPELINES}:two_step"], "did you mean 'two_steps'?"),
        (["run", f"{PIPELINES}:two_steps", "--times", "1.5"], "not a whole number"),
        (["run", f"{PIPELINES}:letters", "--x", "nan"], "finite numbers only"),
        (["run", f"{PIPELINES}"], "names no function"),
        (["run", "none.yaml"], "cannot be read"),
        (["run", "none.py:f"], "there is no file"),
        (["report", "none"], "there are no runs"),
        (["env", "build", "trane"], "did you mean 'train'?"),
        (["serve", "none"], "there is no folder none"),
        (["unknown"], "invalid choice"),
        (["runs", "--wrong"], "unrecognized arguments"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2_and_says_what_is_right(tmp_path, words, said):
    ran = command(*words, cwd=tmp_path)

    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_speaks_json_where_json_was_asked_for(tmp_path):
    ran = command("run", "trainin", "--json", cwd=tmp_path)

    assert ran.returncode == 2
    assert "trainin" in json.loads(ran.stdout)["error"]


def test_run_help_shows_the_pipelines_inputs():
    helped = command("run", "training", "--help")

    assert helped.returncode == 0
    assert "--label" in helped.stdout
    assert "The column to predict" in helped.stdout


@pytest.mark.slow
def test_runs_report_and_diff(tmp_path):
    assert "no runs" in command("runs", cwd=tmp_path).stdout
    for text in ("one", "three"):
        assert (
            command("run", f"{PIPELINES}:two_steps", "--text", text, cwd=tmp_path).returncode == 0
        )

    listed = json.loads(command("runs", "--json", cwd=tmp_path).stdout)
    table = command("runs", cwd=tmp_path).stdout
    report = command("report", "last", cwd=tmp_path).stdout.strip()
    names = [record["id"] for record in listed]
    found = json.loads(command("diff", *names, "--json", cwd=tmp_path).stdout)
    same = command("diff", names[0], names[0], cwd=tmp_path).stdout

    assert [record["arguments"]["text"] for record in listed] == ["one", "three"]
    assert all(name in table for name in names)
    assert Path(report).is_file()
    assert {"field": "arguments.text", "first": "one", "second": "three"} in found
    assert not any("seconds" in item["field"] for item in found)
    assert same == "nothing differs\n"


@pytest.mark.slow
def test_records_that_are_damaged_or_of_others_are_passed_over(tmp_path):
    command("run", f"{PIPELINES}:two_steps", cwd=tmp_path)
    (tmp_path / "runs" / "folder" / "run.json").mkdir(parents=True)
    for name, text in (("other", "[]"), ("part", '{"format": "plimsoll.run/1", "id": "part"}')):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "run.json").write_text(text)

    listed = command("runs", cwd=tmp_path)
    asked = command("diff", "runs/part", "last", cwd=tmp_path)

    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == 2
    assert "runs/part/run.json lacks" in asked.stderr
    assert "Traceback" not in asked.stderr


@pytest.mark.parametrize("root", ["{}", "{dag: {tasks: {a: {componentRef: {name: comp-a}}}}}"])
def test_a_damaged_pipeline_is_wrong_usage(tmp_path, root):
    (tmp_path / "x.yaml").write_text(f"pipelineInfo: {{name: x}}\nroot: {root}\n")

    ran = command("run", "x.yaml", cwd=tmp_path)

    assert ran.returncode == 2, ran.stderr
    assert "x.yaml is a damaged pipeline" in ran.stderr
    assert not (tmp_path / "runs").exists()


def test_an_unwritable_place_is_said_before_anything_runs(tmp_path):
    (tmp_path / "runs").write_text("a file, not a folder")

    ran = command("run", f"{PIPELINES}:two_steps", cwd=tmp_path)

    assert ran.returncode == 2
    assert "cannot be made" in ran.stderr
    assert "--out DIR" in ran.stderr


def test_a_broken_pipe_is_no_failure(tmp_path):
    import subprocess

    from local.commands import START, VARIABLES

    piped = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" --help | true', "-", *START],
        capture_output=True,
        text=True,
        env=VARIABLES,
    )
    assert "Traceback" not in piped.stderr
