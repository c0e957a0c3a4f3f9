"""Trainings in processes of their own: killed, stopped, and two together by torchrun."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from plimsoll.storage.files import digest_tree
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.loop import loop
from train import made_examples
from train.data.test_streaming import with_labels

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
KILLED = str(Path(__file__).with_name("killed_training.py"))
# Nothing drawn at random in a step: what processes draw is their own.
EVEN = TrainConfig(
    model="mlp",
    epochs=3,
    patience=9,
    batch_size=32,
    hidden=(8,),
    threads=1,
    dropout=0.0,
    unknown_rate=0.0,
)
SECONDS_AT_MOST = 240


def environment():
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "components"), str(ROOT / "tests")]),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def start(program, processes=1):
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.Popen(
        [*command, *program], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def ran(program, processes=1):
    process = start(program, processes)
    said, _ = process.communicate(timeout=SECONDS_AT_MOST)
    return process.returncode, said


def trained(job, name, processes=1):
    job = dataclasses.replace(job, out=job.out.with_name(name), logs=job.out.with_name(f"l-{name}"))
    path = job.write(job.out.with_name(f"j-{name}"))
    code, said = ran(["-m", "plimsoll.train.loop.loop", str(path)], processes)
    assert code == 0, said
    return json.loads((job.out / "history.json").read_text())


def job(tmp_path, config=EVEN, task="multiclass", rows=145, **changed):
    if not (tmp_path / "examples").exists():
        made_examples.write(tmp_path / "examples", task, rows=rows)
    return Job(examples=tmp_path / "examples", out=tmp_path / "out", config=config, **changed)


def losses(history):
    return [(epoch["train_loss"], epoch["eval_loss"]) for epoch in history["epochs"]]


@pytest.mark.parametrize("step", [0, 4, 5, 11])
def test_killed_and_gone_on_it_gives_the_same_bytes(tmp_path, step):
    config = dataclasses.replace(EVEN, checkpoint_steps=2, dropout=0.3, unknown_rate=0.1)
    whole = job(tmp_path, config)
    loop.run(dataclasses.replace(whole, out=tmp_path / "whole"))
    broken = dataclasses.replace(whole, checkpoints=tmp_path / "checkpoints")
    path = broken.write(tmp_path / "job")

    code, said = ran([KILLED, str(path), str(step)])

    assert code == -signal.SIGKILL, said
    assert not (tmp_path / "out").exists()
    code, said = ran(["-m", "plimsoll.train.loop.loop", str(path)])
    assert code == 0, said
    assert digest_tree(tmp_path / "out") == digest_tree(tmp_path / "whole")


def test_asked_to_stop_it_saves_and_exits_with_143(tmp_path):
    config = dataclasses.replace(EVEN, epochs=100_000, patience=100_000)
    stopped = job(tmp_path, config, checkpoints=tmp_path / "checkpoints", logs=tmp_path / "logs")
    process = start(["-m", "plimsoll.train.loop.loop", str(stopped.write(tmp_path / "job"))])
    progress = tmp_path / "logs" / "progress.jsonl"
    until(lambda: progress.exists() and '"epoch"' in progress.read_text(), process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=SECONDS_AT_MOST)
    assert process.returncode == 143, said
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    assert json.loads(progress.read_text().splitlines()[-1])["reason"] == "interrupted"


def until(holds, process):
    begun = time.monotonic()
    while not holds():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - begun < SECONDS_AT_MOST
        time.sleep(0.05)


# 145 rows in steps of 32: the last step has 17, and cannot be halved. With steps of 36 it has
# one row, of which a process has none.
@pytest.mark.parametrize(
    ("parallel", "batch_size", "data", "model"),
    [
        ("ddp", 32, "resident", "mlp"),
        ("fsdp", 36, "resident", "tabm"),
        ("ddp", 36, "streamed", "dcn"),
    ],
)
def test_two_processes_learn_what_one_does(tmp_path, parallel, batch_size, data, model):
    config = dataclasses.replace(
        EVEN, batch_size=batch_size, parallel=parallel, data=data, model=model,
        class_weights="balanced",
    )  # fmt: skip
    alone = loop.run(dataclasses.replace(job(tmp_path, config), out=tmp_path / "alone")).to_dict()
    together = trained(job(tmp_path, config), "together", processes=2)
    assert np.array(losses(together)) == pytest.approx(np.array(losses(alone)), rel=1e-5)
    assert together["best_epoch"] == alone["best_epoch"]
    from safetensors.numpy import load_file

    one, two = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("alone", "together")
    )
    assert set(one) == set(two)
    for name, value in one.items():
        assert value == pytest.approx(two[name], rel=1e-3, abs=1e-5)


def test_one_class_in_a_process_and_fewer_eval_rows_than_processes_are_right(tmp_path):
    made = job(tmp_path, task="binary")
    labels = np.zeros(145, np.int64)
    # One row of the other class: only one process of a step ever has it.
    labels[3] = 1
    with_labels(tmp_path / "examples", labels)
    alone = loop.run(dataclasses.replace(made, out=tmp_path / "alone")).to_dict()
    together = trained(made, "together", processes=2)
    assert np.array(losses(together)) == pytest.approx(np.array(losses(alone)), rel=1e-5)


def test_killed_with_two_processes_it_goes_on_with_one_and_the_other_way_round(tmp_path):
    config = dataclasses.replace(EVEN, checkpoint_steps=3, parallel="fsdp")
    whole = job(tmp_path, config)
    alone = loop.run(dataclasses.replace(whole, out=tmp_path / "alone")).to_dict()
    for first, second in ((2, 1), (1, 2)):
        name = f"{first}-{second}"
        broken = dataclasses.replace(whole, checkpoints=tmp_path / f"checkpoints-{name}")
        path = broken.write(tmp_path / f"job-{name}")
        code, _ = ran([KILLED, str(path), "8"], first)
        assert code != 0
        assert len(list(broken.checkpoints.glob("step-*"))) == 2
        history = trained(broken, name, second)
        assert np.array(losses(history)) == pytest.approx(np.array(losses(alone)), rel=1e-5)


def test_a_process_that_dies_ends_the_training_soon_and_clearly(tmp_path):
    made = job(tmp_path, logs=tmp_path / "logs")
    path = made.write(tmp_path / "job")
    code, said = ran([KILLED, str(path), "5", "1"], 2)
    assert code == 1
    assert "another process of the training ended" in said
    assert not (tmp_path / "out").exists()


def test_what_one_process_is_refused_ends_all(tmp_path):
    config = dataclasses.replace(EVEN, learning_rate=1e30)
    made = job(tmp_path, config, task="regression", logs=tmp_path / "logs")
    code, said = ran(["-m", "plimsoll.train.loop.loop", str(made.write(tmp_path / "job"))], 2)
    assert code == 1
    assert "training diverged" in said
    assert json.loads((tmp_path / "logs" / "error.json").read_text())["kind"] == "ConfigError"
