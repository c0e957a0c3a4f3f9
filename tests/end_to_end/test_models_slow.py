"""Models of every kind through the whole pipeline: one's own, tuned, killed, gone on with."""

import json
import signal
import time
from pathlib import Path

import pytest

from end_to_end import made_data
from local.commands import command, started

pytestmark = pytest.mark.slow
STEPS = ["ingest", "validate", "transform", "train", "evaluate", "infra-validate", "push"]
QUICK = {"model": "mlp", "epochs": 6, "hidden": [16], "trees": 20}
OWN = """
import torch
from torch import nn


def build(inputs):
    return Straight(inputs.numeric, inputs.outputs)


class Straight(nn.Module):
    def __init__(self, numeric, outputs):
        super().__init__()
        self.layer = nn.Linear(numeric, outputs)

    def forward(self, numeric, categorical):
        return self.layer(numeric)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data, and a folder of runs whose first steps the tests share."""
    folder = tmp_path_factory.mktemp("models")
    return made_data.hires(folder / "hires.csv"), folder / "runs"


def run(place, *words, pipeline="training", out=None, **config):
    data, runs = place
    ran = command(
        *("run", pipeline, "--data", str(data), "--label", "late", "--out", str(out or runs)),
        *("--train-config", json.dumps(QUICK | config), "--json", *words),
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def package(record):
    return Path(record["model_path"])


def training(record):
    return json.loads((package(record) / "lineage.json").read_text())["training"]


def cached(record):
    return [name for name, step in record["steps"].items() if step["cached"]]


def test_what_is_said_nothing_of_tries_several_and_a_fork_trains_another(place):
    data, runs = place
    ran = command(
        *("run", "training", "--data", str(data), "--label", "late", "--out", str(runs), "--json")
    )
    assert ran.returncode == 0, ran.stderr
    record = json.loads(ran.stdout.splitlines()[-1])
    tried = json.loads((_output(record, "train", "model") / "candidates.json").read_text())

    chosen = [item for item in tried if item["chosen"]]
    assert len(chosen) == 1
    assert chosen[0]["model"] == "blend"
    assert {"boosting", "tabm", "mlp", "linear"} <= {item["model"] for item in tried}
    assert training(record)["model"] == chosen[0]["model"]

    ran = command(
        *("fork", record["id"], "--out", str(runs), "--json"),
        *("--set", "model=linear", "--set", "lr=0.01"),
    )
    assert ran.returncode == 0, ran.stderr
    forked = json.loads(ran.stdout.splitlines()[-1])
    assert {"ingest", "validate", "transform"} <= set(cached(forked))
    assert "train" not in cached(forked)
    assert training(forked)["model"] == "linear"
    assert training(forked)["config"]["learning_rate"] == 0.01
    assert forked["forked_from"] == record["id"]


def test_boosting_is_served_itself(place):
    record = run(place, model="boosting")

    assert (package(record) / "model" / "trees.txt").is_file()
    assert record["metrics"]["test"] == record["baseline_metrics"]["test"]


def test_a_network_of_ones_own_reaches_the_server(place, tmp_path):
    module = tmp_path / "own.py"
    module.write_text(OWN)

    record = run(place, "--module", str(module), model="module")

    assert (package(record) / "model" / "module.py").read_text() == OWN
    assert record["steps"]["infra-validate"]["state"] == "succeeded"
    assert record["pushed"] is True


def test_what_a_search_finds_is_what_is_trained(place):
    space = json.dumps({"learning_rate": {"low": 0.001, "high": 0.1, "log": True}})
    record = run(place, "--space", space, "--tune-config", '{"trials": 3}', pipeline="tuning")

    trials = [
        json.loads(line)
        for path in _output(record, "tune", "study").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(trials) == 3
    found = training(record)["config"]["learning_rate"]
    assert any(json.dumps(found) in json.dumps(trial) for trial in trials)


def test_a_model_is_gone_on_with_in_its_own_transform(place, tmp_path):
    first = run(place)
    more = made_data.hires(tmp_path / "more.csv", seed=8)
    second = run((more, place[1]), "--start-from", str(package(first).parent))

    kept = [path.name for path in (package(first) / "transform").iterdir()]
    for name in kept:
        old, new = (package(item) / "transform" / name for item in (first, second))
        assert old.read_bytes() == new.read_bytes()
    assert training(second)["config"]["learning_rate"] < training(first)["config"]["learning_rate"]
    assert package(second).name != package(first).name


def test_killed_while_it_trains_it_goes_on_and_ends_in_the_same_version(place, tmp_path):
    config = {"epochs": 60, "patience": 60, "checkpoint_steps": 40}
    record = run(place, **config)
    out = tmp_path / "runs"
    words = ("--data", str(place[0]), "--label", "late", "--out", str(out))
    text = json.dumps(QUICK | config)
    process = started("run", "training", *words, "--train-config", text)
    while not any(out.glob("cache/checkpoints/*/*/*/manifest.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    again = run(place, out=out, **config)

    assert again["model_version"] == record["model_version"]
    progress = _output(again, "train", "logs") / "progress.jsonl"
    begun = json.loads(progress.read_text().splitlines()[0])
    assert begun["resumed_at"] >= 40
    assert not list(out.glob("cache/checkpoints/*"))


def test_killed_in_each_step_and_typed_again_ends_in_the_same_version(place, tmp_path):
    record = run(place)
    words = ("--data", str(place[0]), "--label", "late", "--out", str(tmp_path))
    for step in STEPS:
        process = started("run", "training", *words, "--train-config", json.dumps(QUICK))
        while not any(tmp_path.glob(f"training-*/logs/{step}.log")):
            assert process.poll() is None, f"ended before {step}: {process.communicate()}"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for log in tmp_path.glob(f"training-*/logs/{step}.log"):
            log.unlink()

    again = run(place, out=tmp_path)

    assert again["model_version"] == record["model_version"]
    assert "evaluate" in cached(again)


def _output(record, step, name):
    return next(Path(record["folder"]).glob(f"{step}/{name}"))
