"""The training loop in this process: what it learns, tells, keeps, and refuses."""

import dataclasses
import json
import math
import os
import signal

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll.errors import ArtifactError, ConfigError, DataError
from plimsoll.models.network import load_network
from plimsoll.storage.files import digest_tree
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.loop import loop
from plimsoll.train.loop.train_step import TrainStep
from plimsoll.train.telemetry.events import Ended, EpochFinished, Saved, Started, Stepped
from train import made_examples
from train.data.test_streaming import with_labels

SMALL = TrainConfig(model="mlp", epochs=4, patience=9, batch_size=32, hidden=(8,), threads=1)


class Heard:
    def __init__(self):
        self.events = []

    def on_event(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Killed(BaseException):
    pass


@pytest.fixture
def killed_at(monkeypatch):
    """Lets the process "die" before a step is taken."""
    run = TrainStep.run

    def arrange(step):
        def taken(self, *args, **named):
            if named["step"] == step:
                raise Killed
            run(self, *args, **named)

        monkeypatch.setattr(TrainStep, "run", taken)

    return arrange


def job(tmp_path, config=SMALL, name="out", task="binary", **changed):
    examples = tmp_path / "examples"
    if not examples.exists():
        made_examples.write(examples, task, rows=changed.pop("rows", 150))
    return Job(examples=examples, out=tmp_path / name, config=config, **changed)


def changed(**knobs):
    return dataclasses.replace(SMALL, **knobs)


def test_it_tells_how_it_goes_and_writes_a_network(tmp_path):
    heard = Heard()
    history = loop.run(job(tmp_path), [heard])

    started = heard.events[0]
    assert (started.rows, started.steps_an_epoch, started.epochs) == (150, 5, 4)
    assert isinstance(started, Started)
    assert started.weights == sum(p.numel() for p in load_network(tmp_path / "out").parameters())
    steps = heard.of(Stepped)
    assert steps[0].step == 1
    assert [event.step for event in steps] == sorted(event.step for event in steps)
    assert steps[-1].step == 20
    assert all(event.samples_a_second > 0 and event.seconds_left >= 0 for event in steps)
    assert [event.number for event in heard.of(EpochFinished)] == [1, 2, 3, 4]
    ended = heard.events[-1]
    assert ended == Ended(
        best_epoch=history.best,
        eval_loss=history.epochs[history.best - 1].eval_loss,
        reason="all epochs",
    )
    written = json.loads((tmp_path / "out" / "history.json").read_text())
    assert written["best_epoch"] == history.best
    assert [e["eval_loss"] for e in written["epochs"]] == [e.eval_loss for e in history.epochs]
    assert "seconds" not in json.dumps(written)


@pytest.mark.parametrize("model", ["linear", "mlp", "tabm", "dcn"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_family_learns_every_task_the_same_from_memory_and_from_disk(tmp_path, model, task):
    config = changed(model=model, members=3, learning_rate=0.01, epochs=6)
    histories = [
        loop.run(job(tmp_path, dataclasses.replace(config, data=data), name=data, task=task))
        for data in ("resident", "streamed")
    ]
    assert histories[0] == histories[1]
    assert digest_tree(tmp_path / "resident") == digest_tree(tmp_path / "streamed")
    losses = [epoch.eval_loss for epoch in histories[0].epochs]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    "knobs",
    [
        {"averaging": 0.0},
        {"clip": 0.0},
        {"precision": "bfloat16"},
        {"class_weights": "balanced"},
        {"batch_size": 149},
        {"batch_size": 1000},
    ],
)
def test_knobs_hold_and_give_the_same_bytes_twice(tmp_path, knobs):
    config = changed(**knobs)
    loop.run(job(tmp_path, config, name="one"))
    loop.run(job(tmp_path, config, name="two"))
    loop.run(job(tmp_path, changed(clip=0.05), name="other"))
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "other")


def test_balanced_classes_weigh_the_same(tmp_path):
    examples = made_examples.write(tmp_path / "examples", rows=400)
    labels = (np.asarray(examples.numeric("train"))[:, 0] > 1.5).astype(np.int64)
    with_labels(tmp_path / "examples", labels)
    config = changed(epochs=20, learning_rate=0.01)
    balanced = dataclasses.replace(config, class_weights="balanced")
    loop.run(job(tmp_path, config, name="plain"))
    loop.run(job(tmp_path, balanced, name="balanced"))

    numeric = torch.from_numpy(np.array(examples.numeric("test")))
    categorical = torch.from_numpy(np.array(examples.categorical("test")))
    rates = []
    for name in ("plain", "balanced"):
        with torch.no_grad():
            answers = load_network(tmp_path / name)(numeric, categorical)
        rates.append(float(answers.softmax(1)[:, 1].mean()))
    assert labels.mean() < 0.12
    assert rates[0] + 0.1 < rates[1]


def test_balanced_values_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="regression has no classes"):
        loop.run(job(tmp_path, changed(class_weights="balanced"), task="regression"))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    whole = job(tmp_path_factory.mktemp("unbroken"), name="whole")
    loop.run(whole)
    return whole


@settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
@given(
    step=st.integers(0, 19),
    every=st.integers(1, 8),
    data=st.sampled_from(["resident", "streamed"]),
)
def test_killed_at_any_step_and_gone_on_it_gives_the_same_bytes(
    unbroken, tmp_path_factory, step, every, data
):
    tmp_path = tmp_path_factory.mktemp("killed")
    config = changed(checkpoint_steps=every, checkpoint_minutes=0, data=data)
    folders = {"out": tmp_path / "out", "checkpoints": tmp_path / "checkpoints"}
    broken = dataclasses.replace(unbroken, config=config, **folders)
    run = TrainStep.run

    def taken(self, *args, **named):
        if named["step"] == step:
            raise Killed
        run(self, *args, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TrainStep, "run", taken)
        with pytest.raises(Killed):
            loop.run(broken)
    assert not (tmp_path / "out").exists()
    heard = Heard()
    history = loop.run(broken, [heard])

    assert heard.events[0].resumed_at == step - step % every
    assert bool(history.notes) == (step >= every)
    booked = (step - step % every) // 5
    assert [event.number for event in heard.of(EpochFinished)] == [1, 2, 3, 4]
    assert [event.again for event in heard.of(EpochFinished)] == [
        place < booked for place in range(4)
    ]
    assert digest_tree(tmp_path / "out") == digest_tree(unbroken.out)
    assert len(list((tmp_path / "checkpoints").iterdir())) == min(2, 20 // every)


def test_a_checkpoint_cut_short_falls_back_to_the_one_before(tmp_path, killed_at):
    config = changed(checkpoint_steps=3, checkpoint_minutes=0)
    loop.run(job(tmp_path, config, name="whole"))
    broken = job(tmp_path, config, checkpoints=tmp_path / "checkpoints")
    killed_at(14)
    with pytest.raises(Killed):
        loop.run(broken)
    killed_at(-1)
    tensors = tmp_path / "checkpoints" / "step-000000012" / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:100])

    heard = Heard()
    history = loop.run(broken, [heard])

    assert heard.events[0].resumed_at == 9
    assert "step-000000012 is not whole" in history.notes[0]
    assert digest_tree(tmp_path / "out") == digest_tree(tmp_path / "whole")


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"learning_rate": 0.5}, "config.learning_rate"),
        ({"hidden": (16,)}, "network.hidden"),
        ({"model": "tabm"}, "network.family"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(tmp_path, knobs, said):
    config = changed(checkpoint_steps=5)
    loop.run(job(tmp_path, config, checkpoints=tmp_path / "checkpoints"))
    other = dataclasses.replace(config, **knobs)
    with pytest.raises(ArtifactError, match="of another training") as caught:
        loop.run(job(tmp_path, other, checkpoints=tmp_path / "checkpoints"))
    assert said in caught.value.cause


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    config = changed(checkpoint_steps=5)
    loop.run(job(tmp_path, config, checkpoints=tmp_path / "checkpoints"))
    made_examples.write(tmp_path / "others", rows=150, seed=1)
    other = job(tmp_path, config, checkpoints=tmp_path / "checkpoints")
    with pytest.raises(ArtifactError, match="of another training") as caught:
        loop.run(dataclasses.replace(other, examples=tmp_path / "others"))
    assert "examples" in caught.value.cause


def test_knobs_of_where_it_runs_may_change(tmp_path, killed_at):
    config = changed(checkpoint_steps=5)
    loop.run(job(tmp_path, config, name="whole"))
    killed_at(12)
    with pytest.raises(Killed):
        loop.run(job(tmp_path, config, checkpoints=tmp_path / "checkpoints"))
    killed_at(-1)
    moved = dataclasses.replace(config, data="streamed", checkpoint_steps=7, checkpoints_kept=3)
    loop.run(job(tmp_path, moved, checkpoints=tmp_path / "checkpoints"))
    assert digest_tree(tmp_path / "out") == digest_tree(tmp_path / "whole")


def test_checkpoints_are_taken_by_the_clock(tmp_path):
    heard = Heard()
    config = changed(checkpoint_minutes=1e-9)
    loop.run(job(tmp_path, config, checkpoints=tmp_path / "checkpoints"), [heard])
    assert len(heard.of(Saved)) >= 4
    assert all(event.seconds > 0 for event in heard.of(Saved))
    heard = Heard()
    loop.run(job(tmp_path, name="none"), [heard])
    assert not heard.of(Saved)


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_asked_to_stop_it_saves_and_leaves(tmp_path, number, raised):
    class Stopping(Heard):
        def on_event(self, event):
            super().on_event(event)
            if isinstance(event, Stepped) and event.step == 7:
                os.kill(os.getpid(), number)

    config = changed(checkpoint_steps=7, checkpoint_minutes=0)
    before = signal.getsignal(number)
    heard = Stopping()
    stopped = job(tmp_path, config, checkpoints=tmp_path / "checkpoints")
    with pytest.raises(raised) as caught:
        loop.run(stopped, [heard])
    if raised is SystemExit:
        assert caught.value.code == 143
    assert signal.getsignal(number) == before
    assert not (tmp_path / "out").exists()
    assert heard.events[-1].reason == "interrupted"
    assert (tmp_path / "checkpoints" / f"step-{heard.of(Saved)[-1].step:09d}").is_dir()
    assert heard.of(Saved)[-1].step == 8

    loop.run(stopped)
    loop.run(job(tmp_path, config, name="whole"))
    assert digest_tree(tmp_path / "out") == digest_tree(tmp_path / "whole")


def test_what_a_listener_raises_ends_the_training(tmp_path):
    class Pruning(Heard):
        def on_event(self, event):
            super().on_event(event)
            if isinstance(event, EpochFinished):
                raise LookupError("pruned")

    heard, after = Pruning(), Heard()
    with pytest.raises(LookupError, match="pruned"):
        loop.run(job(tmp_path), [heard, after])
    assert isinstance(heard.events[-1], EpochFinished)
    assert after.events[-1].reason == "failed"


def module_of(body):
    return f"""
import torch

class Own(torch.nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layer = torch.nn.Linear(inputs.numeric, inputs.outputs)

    def forward(self, numeric, categorical):
        made = self.layer(numeric)
{body}
        return made

def build(inputs):
    return Own(inputs)
"""


OWN = changed(model="module", learning_rate=0.01)


def test_a_network_of_ones_own_is_trained_and_goes_on_with_its_statistics(tmp_path, killed_at):
    source = """
import torch

def build(inputs):
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(inputs.numeric)
            self.layer = torch.nn.Linear(inputs.numeric, inputs.outputs)
            self.unused = torch.nn.Linear(3, 3)

        def forward(self, numeric, categorical):
            return self.layer(self.norm(numeric))

    return Own()
"""
    # 149 rows in steps of 37: the last one has a single row, which has no deviation.
    config = dataclasses.replace(OWN, batch_size=37, checkpoint_steps=3)
    whole = job(tmp_path, config, name="whole", rows=149, module=source)
    history = loop.run(whole)
    assert history.epochs[-1].eval_loss < history.epochs[0].eval_loss
    broken = dataclasses.replace(whole, out=tmp_path / "out", checkpoints=tmp_path / "checkpoints")
    killed_at(11)
    with pytest.raises(Killed):
        loop.run(broken)
    killed_at(-1)
    loop.run(broken)
    assert digest_tree(tmp_path / "out") == digest_tree(tmp_path / "whole")


def test_a_loss_that_is_no_number_from_the_first_step_is_said_so(tmp_path):
    source = module_of("        if self.training:\n            made = made * float('nan')")
    heard = Heard()
    with pytest.raises(ConfigError, match="the train loss is nan in the first step") as caught:
        loop.run(job(tmp_path, OWN, module=source), [heard])
    assert "no weight had been changed" in caught.value.cause
    assert heard.events[-1].reason == "failed"
    assert "nan" in heard.events[-1].error
    assert not (tmp_path / "out").exists()


def test_a_loss_that_diverges_later_names_the_learning_rate(tmp_path):
    with pytest.raises(ConfigError, match="training diverged") as caught:
        loop.run(job(tmp_path, changed(learning_rate=1e30), task="regression"))
    assert "learning_rate is 1e+30" in caught.value.cause
    assert "1e+29" in caught.value.hint


def test_a_diverged_network_is_never_saved(tmp_path):
    config = changed(learning_rate=1e30, checkpoint_steps=1, averaging=0.0)
    folder = tmp_path / "checkpoints"
    with pytest.raises(ConfigError, match="training diverged"):
        loop.run(job(tmp_path, config, task="regression", checkpoints=folder))
    # What is there was taken while the losses were numbers.
    for path in folder.iterdir():
        state = json.loads((path / "state.json").read_text())
        assert all(math.isfinite(loss) for loss in state["losses"])


def test_a_loss_that_never_moves_is_said(tmp_path):
    config = changed(learning_rate=1e-30, epochs=30, patience=4, averaging=0.0, weight_decay=0.0)
    with pytest.raises(ConfigError, match="training does not move") as caught:
        loop.run(job(tmp_path, config))
    assert "5 epochs" in str(caught.value)
    assert "learning_rate" in caught.value.hint


def test_it_stops_early_where_nothing_more_is_gained(tmp_path):
    heard = Heard()
    config = changed(epochs=200, patience=3, learning_rate=0.05, batch_size=16)
    history = loop.run(job(tmp_path, config), [heard])
    assert len(history.epochs) < 200
    assert len(history.epochs) - history.best == 3
    assert heard.events[-1].reason == "stopped early"


def test_out_of_memory_says_the_batch_that_fits(tmp_path):
    source = module_of(
        "        if self.training and len(numeric) > 9:\n"
        "            raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')"
    )
    with pytest.raises(ConfigError, match="out of memory: a step of 64 rows") as caught:
        loop.run(job(tmp_path, dataclasses.replace(OWN, batch_size=64), module=source))
    assert "8 rows fit" in caught.value.cause
    assert '{"batch_size": 8}' in caught.value.hint


def test_out_of_memory_even_of_one_row_says_so(tmp_path):
    source = module_of(
        "        if self.training:\n            raise torch.OutOfMemoryError('CUDA out of memory')"
    )
    with pytest.raises(ConfigError, match="out of memory") as caught:
        loop.run(job(tmp_path, OWN, module=source))
    assert "not even one row" in caught.value.cause


def test_labels_outside_of_the_classes_are_refused(tmp_path):
    examples = made_examples.write(tmp_path / "examples", rows=150)
    for split, name in (("train", "one"), ("eval", "two")):
        labels = np.array(examples.label(split))
        labels[5] = 2
        with_labels(tmp_path / "examples", labels, split)
        for data in ("resident", "streamed"):
            with pytest.raises(DataError, match="outside of the declared classes"):
                loop.run(job(tmp_path, changed(data=data), name=name))
        labels[5] = 1
        with_labels(tmp_path / "examples", labels, split)


def test_weights_of_a_model_are_begun_from(tmp_path):
    loop.run(job(tmp_path, changed(epochs=30, learning_rate=0.01), name="first"))
    further = job(tmp_path, changed(epochs=1, warm_up=0.0), start_from=tmp_path / "first")
    fresh = loop.run(dataclasses.replace(further, start_from=None, out=tmp_path / "fresh"))
    tuned = loop.run(further)
    assert tuned.epochs[0].eval_loss < fresh.epochs[0].eval_loss - 0.1


def test_an_error_is_left_where_the_launcher_finds_it(tmp_path, capsys):
    config = changed(learning_rate=1e30)
    made = job(tmp_path, config, task="regression", logs=tmp_path / "logs")
    path = made.write(tmp_path / "job")
    assert loop.main([str(path)]) == 1
    left = json.loads((tmp_path / "logs" / "error.json").read_text())
    assert left["kind"] == "ConfigError"
    assert "diverged" in left["headline"]
    assert "error: training diverged" in capsys.readouterr().err


def test_a_job_is_trained_by_its_file(tmp_path, capsys):
    folders = {"logs": tmp_path / "logs", "checkpoints": tmp_path / "checkpoints"}
    path = job(tmp_path, changed(checkpoint_steps=15), **folders).write(tmp_path / "job")
    assert loop.main([str(path)]) == 0
    assert "note:" not in capsys.readouterr().out
    assert loop.main([str(path)]) == 0
    assert "note: went on from step 15" in capsys.readouterr().out
    assert load_network(tmp_path / "out").config.outputs == 2
    assert (tmp_path / "logs" / "progress.jsonl").exists()


@pytest.mark.parametrize("given", [[], ["one", "two"]])
def test_it_takes_one_job(given):
    assert loop.main(given) == 2
