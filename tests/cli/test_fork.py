"""``plimsoll fork``, as a user types it."""

import json
from pathlib import Path

import pytest

from local.commands import command
from plimsoll.train.config import TrainConfig

SETTINGS = f"{Path(__file__).parents[1] / 'local' / 'fork_pipelines.py'}:settings"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder that holds one run of the pipeline of settings."""
    folder = tmp_path_factory.mktemp("forks")
    words = ("--text", "hello", "--prepare-config", '{"a": 1}')
    ran = command("run", SETTINGS, *words, "--json", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder, json.loads(ran.stdout)


def test_a_fork_runs_what_changed_and_takes_the_rest_from_the_cache(runs):
    folder, origin = runs

    ran = command("fork", origin["id"], "--set", "lr=0.05", "--json", cwd=folder)

    assert ran.returncode == 0, ran.stderr
    record = json.loads(ran.stdout)
    assert record["forked_from"] == origin["id"]
    assert record["changed"] == {"train_config.learning_rate": 0.05}
    assert record["arguments"]["text"] == "hello"
    assert {name: step["cached"] for name, step in record["steps"].items()} == {
        "prepare": True,
        "fit": False,
    }
    assert record["steps"]["fit"]["outputs"]["Output"] == 'hello {"a": 1}, 0.05'


def test_the_end_shows_what_differs_side_by_side(runs):
    folder, origin = runs

    ran = command("fork", origin["id"], "--set", "learning_rate=0.02", cwd=folder)

    assert ran.returncode == 0, ran.stderr
    lines = {line.strip().split("  ")[0]: line.split() for line in ran.stdout.splitlines()}
    usual = str(TrainConfig().learning_rate)
    assert lines["train_config.learning_rate"][1:] == [usual, "0.02"]
    assert lines["test auc"][2:] == ["0.701", "0.72", "+0.019"]
    assert lines["test rows"][2:] == ["12", "12", "same"]
    assert f"plimsoll diff {origin['id']} " in ran.stdout


def test_a_fork_can_be_forked_by_the_word_last(runs):
    folder, _ = runs
    first = command("fork", "last", "--set", "text=one", "--json", cwd=folder)
    second = command("fork", "last", "--set", "times=2", "--set", "lr=0.1", "--json", cwd=folder)

    record = json.loads(second.stdout)
    assert record["forked_from"] == json.loads(first.stdout)["id"]
    assert record["arguments"]["text"] == "one"
    assert record["arguments"]["times"] == 2


def test_a_fork_that_fails_exits_with_1_and_shows_both(runs):
    folder, origin = runs

    ran = command("fork", origin["id"], "--set", "lr=7", cwd=folder)

    assert ran.returncode == 1
    assert "training diverged" in ran.stderr
    assert "failed" in ran.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "learning_rat=1"], "did you mean 'learning_rate'?"),
        (["--set", "txt=1"], "did you mean 'text'?"),
        ([], "nothing is"),
        (["--set"], "expected one argument"),
        (["--set", "times=1.5"], "not a whole number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2_and_starts_nothing(runs, words, said):
    folder, origin = runs
    before = sorted((folder / "runs").iterdir())

    ran = command("fork", origin["id"], *words, cwd=folder)

    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert sorted((folder / "runs").iterdir()) == before


def test_a_run_that_is_not_there_is_said(tmp_path):
    ran = command("fork", "none", "--set", "lr=1", cwd=tmp_path)

    assert ran.returncode == 2
    assert "there are no runs" in ran.stderr


def test_records_from_before_there_were_forks_are_still_read(runs, tmp_path):
    _, origin = runs
    old = {name: item for name, item in origin.items() if name not in ("forked_from", "changed")}
    (tmp_path / "runs" / origin["id"]).mkdir(parents=True)
    (tmp_path / "runs" / origin["id"] / "run.json").write_text(json.dumps(old))

    listed = json.loads(command("runs", "--json", cwd=tmp_path).stdout)

    assert [record["id"] for record in listed] == [origin["id"]]
