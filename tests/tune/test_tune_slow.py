"""Searches with real trainings in processes of their own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import plimsoll
from plimsoll.errors import StepError
from plimsoll.storage.files import digest_tree
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.tune import core, model
from plimsoll.tune.workers import Outcome, Worker
from train import made_examples

pytestmark = pytest.mark.slow
SPACE = """
{model: [mlp, tabm, boosting], hidden: [[8], [16, 8]], dropout: {low: 0, high: 0.5},
 learning_rate: {low: 1e-3, high: 1e-1, log: true}}
"""
BASE = {"epochs": 12, "trees": 20, "members": 4, "threads": 1, "bins": 8}
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(plimsoll.__file__).parents[1]),
    "OMP_NUM_THREADS": "1",
}


def asked(space=SPACE, *, storage="", module="", base=None, **config):
    return model.TuneRequest.read(
        space, json.dumps({"workers": 1, **config}), json.dumps(base or BASE), module, str(storage)
    )


def tune(tmp_path, wanted, name="study"):
    examples = tmp_path / "examples"
    if not examples.exists():
        made_examples.write(examples, rows=160)
    study, report = tmp_path / name, tmp_path / f"{name}.html"
    return core.tune_examples(str(examples), str(study), str(report), wanted)


def trials(tmp_path, name="study"):
    lines = (tmp_path / name / "trials.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_best_trial_is_a_whole_config_and_the_test_split_is_not_read(tmp_path):
    made_examples.write(tmp_path / "examples", rows=160)
    # Whoever read its numbers would fail; its digest is what opening checks.
    label = tmp_path / "examples" / "test" / "label.npy"
    np.save(label, np.full(40, 99, np.int64))
    reseal(tmp_path / "examples", "test/label.npy")

    found = tune(tmp_path, asked(trials=3))

    kept = trials(tmp_path)
    whole = [item for item in kept if item["state"] == "complete"]
    assert len(kept) == 3
    best = min(whole, key=lambda item: item["eval_loss"])
    config = TrainConfig(**json.loads(found.best))
    assert (config.epochs, config.trees, config.members) == (12, 20, 4)
    assert config.model == best["values"]["model"]
    assert json.loads((tmp_path / "study" / "best.json").read_text()) == json.loads(found.best)
    about = found.metadata()
    assert about["eval_loss"] == best["eval_loss"]
    assert about["trials"] == 3
    assert any("best eval log loss" in note for note in about["notes"])
    page = (tmp_path / "study.html").read_text()
    assert page.count("<svg") >= 2
    assert "was not looked at" in page


def reseal(folder, name):
    from plimsoll.storage.files import digest_file, read_json, write_json

    manifest = read_json(folder / "manifest.json")
    manifest["files"][name] = digest_file(folder / name)
    write_json(folder / "manifest.json", manifest)


def test_a_search_that_is_killed_goes_on_and_finds_what_it_would_have(tmp_path):
    wanted = asked(trials=4)
    whole = tune(tmp_path, wanted, "whole")
    storage = tmp_path / "storage"

    killed = start(tmp_path, storage)
    journal = wait_for(storage, trials=2, process=killed)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    before = journal.read_bytes()
    assert before

    again = tune(tmp_path, asked(trials=4, storage=storage), "again")

    assert again.resumed == 2
    assert again.best == whole.best
    assert digest_tree(tmp_path / "again") == digest_tree(tmp_path / "whole")
    assert journal.read_bytes().startswith(before[: before.rfind(b"\n") + 1])


def start(tmp_path, storage):
    code = (
        "import sys; from plimsoll.tune import core, model;"
        "core.tune_examples(*sys.argv[1:4], model.TuneRequest.read(*sys.argv[4:]))"
    )
    paths = [str(tmp_path / name) for name in ("examples", "lost", "lost.html")]
    given = [SPACE, '{"workers": 1, "trials": 4}', json.dumps(BASE), "", str(storage)]
    command = [sys.executable, "-c", code, *paths, *given]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)


def wait_for(storage, *, trials, process):
    """Returns the journal once so many trials have begun."""
    while process.poll() is None:
        for journal in storage.glob("*/journal.log"):
            if journal.read_text().count('"op_code":4') > trials:
                return journal
        time.sleep(0.05)
    raise AssertionError(f"it ended with {process.returncode}")


def test_parallel_trials_are_all_kept_each_once(tmp_path):
    found = tune(tmp_path, asked(trials=4, workers=2))

    assert [item["number"] for item in trials(tmp_path)] == list(range(4))
    assert found.counts()["failed"] == 0
    losses = [item["eval_loss"] for item in trials(tmp_path) if item["state"] == "complete"]
    assert found.chosen.eval_loss == min(losses)


def test_a_trial_that_fails_or_dies_is_recorded_and_the_others_go_on(tmp_path):
    text = "{model: [module, mlp], learning_rate: [0.001, 0.002], batch_size: [16, 32]}"
    dies = "import os\ndef build(inputs):\n    os.kill(os.getpid(), 9)\n"
    found = tune(tmp_path, asked(text, trials=4, module=dies, pruner="none"))

    kept = trials(tmp_path)
    dead = [item for item in kept if item["values"]["model"] == "module"]
    assert dead
    assert all(item["state"] == "failed" for item in dead)
    assert all("killed by SIGKILL" in item["why"] for item in dead)
    assert all(item["state"] == "complete" for item in kept if item not in dead)
    assert json.loads(found.best)["model"] == "mlp"


def test_if_all_trials_fail_it_says_why_and_the_next_start_begins_anew(tmp_path):
    text = "{learning_rate: [0.001, 0.002]}"
    base = {**BASE, "model": "module"}
    broken = "def build(inputs):\n    raise ValueError('no such layer')\n"
    storage = tmp_path / "storage"
    wanted = asked(text, trials=1, module=broken, base=base, storage=storage)

    with pytest.raises(StepError, match="none of 1 trials") as raised:
        tune(tmp_path, wanted)

    assert "no such layer" in raised.value.cause
    assert not list(storage.glob("*/journal.log"))
    assert not (tmp_path / "study").exists()


def test_a_trial_is_stopped_in_its_midst(tmp_path):
    made_examples.write(tmp_path / "examples", rows=160)
    config = TrainConfig(**{**BASE, "model": "mlp", "epochs": 1000000, "patience": 1000000})
    job = Job(examples=tmp_path / "examples", out=tmp_path / "model", config=config)
    worker, asked_for = Worker({}), []

    def stopped():
        asked_for.append(1)
        return "the time is up" if len(asked_for) > 20 else ""

    outcome = worker.run(job.write(tmp_path), tmp_path / "log", lambda *_: True, stopped)
    worker.end()

    assert outcome == Outcome(state="pruned", why="the time is up")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("task", "model"), [("regression", "mlp"), ("binary", "boosting")])
def test_the_entry_point_of_a_katib_trial_prints_its_loss(tmp_path, task, model):
    made_examples.write(tmp_path / "examples", task, rows=160)
    drawn = ["--set", f"model={model}", "--set", "hidden=[8, 4]", "--set", "learning_rate=0.01"]
    flags = ["--examples", str(tmp_path / "examples"), "--config", json.dumps(BASE), *drawn]

    ended = subprocess.run(
        [sys.executable, "-m", "plimsoll.tune.trial", *flags],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    # The filter of Katib's collector, and the time that it wants before it.
    line = re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ([\w|-]+)=([+-]?\d*(\.\d+)?(e[+-]?\d+)?)"
    )
    told = [line.fullmatch(item) for item in ended.stdout.splitlines()]
    losses = [float(item[2]) for item in told if item and item[1] == "eval_loss"]
    assert losses
    assert "eval_loss=" in ended.stdout.splitlines()[-1]
    if model == "mlp":
        assert len(losses) > 5
        # On its way as at its end in the label's own unit.
        assert losses[-1] == pytest.approx(min(losses[:-1]), rel=1e-3)
