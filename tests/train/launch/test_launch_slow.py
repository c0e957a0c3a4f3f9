"""Launchers with real processes: torchrun, its end, its errors, and what is left of it."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import plimsoll
from plimsoll.errors import ArtifactError, StepError
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.launch import launcher as launch
from train import made_examples

pytestmark = pytest.mark.slow

PARENT = """
import sys
from pathlib import Path
from plimsoll.train.job import read_job
from plimsoll.train.launch.launcher import launch

launch(read_job(Path(sys.argv[1])), "local")
"""


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def job(tmp_path):
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="linear", epochs=2, devices=2, threads=1).for_rows(240)
    return Job(
        examples=examples.folder,
        out=tmp_path / "out",
        config=config,
        logs=tmp_path / "logs",
        checkpoints=tmp_path / "checkpoints",
    )


def endless(job):
    """Returns a job that is at work until somebody ends it."""
    config = dataclasses.replace(job.config, epochs=200_000, patience=200_000, checkpoint_steps=50)
    return dataclasses.replace(job, config=config)


def steps(job):
    """Returns the steps at which a job's checkpoints were taken."""
    return [int(path.name.partition("-")[2]) for path in job.checkpoints.glob("step-*")]


def started(job, tmp_path):
    """Launches a job in a process of its own, and waits until it trains."""
    before = max(steps(job), default=0)
    file = job.write(tmp_path / "job")
    root = str(Path(plimsoll.__file__).resolve().parent.parent)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": root},
        start_new_session=True,
    )
    while max(steps(job), default=0) <= before:
        assert parent.poll() is None, parent.stdout.read().decode()
        time.sleep(0.1)
    return parent


def ours(parent):
    """Returns the processes of a training by the id of the one that launched it."""
    below, added = {parent.pid}, True
    while added:
        added = False
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) in below and int(entry.name) not in below:
                below.add(int(entry.name))
                added = True
    return below - {parent.pid}


def alive(processes):
    left = []
    for number in processes:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            left.append(number)
    return left


def wait_for_the_end_of(processes):
    while alive(processes):
        time.sleep(0.1)


def test_one_process_trains_here(job):
    alone = dataclasses.replace(job, config=dataclasses.replace(job.config, devices=1))
    launch.launch(alone, "local")
    assert (job.out / "weights.safetensors").is_file()
    assert len(json.loads((job.out / "history.json").read_text())["epochs"]) == 2


def test_two_processes_train_and_are_heard(job, capsys):
    launch.launch(job, "local")
    assert (job.out / "weights.safetensors").is_file()
    assert len(json.loads((job.out / "history.json").read_text())["epochs"]) == 2
    assert "2 processes" in capsys.readouterr().out


def test_what_ended_them_is_our_error(job):
    array = job.examples / "train" / "numeric.npy"
    array.write_bytes(array.read_bytes()[:-4])
    with pytest.raises(ArtifactError, match="damaged"):
        launch.launch(job, "local")
    assert not job.out.exists()


def test_asked_to_stop_they_save_and_leave_and_go_on(job, tmp_path):
    parent = started(endless(job), tmp_path)
    processes = ours(parent)
    assert len(processes) >= 3
    # As a container's end or the local engine tells it: to the whole group.
    os.killpg(parent.pid, signal.SIGTERM)
    output, _ = parent.communicate()
    assert parent.returncode == 143, output.decode()
    wait_for_the_end_of(processes)
    saved = max(steps(job))
    again = started(endless(job), tmp_path)
    assert min(steps(job)) >= saved
    os.killpg(again.pid, signal.SIGTERM)
    again.communicate()
    assert again.returncode == 143


def test_nothing_outlives_a_parent_that_was_killed(job, tmp_path):
    parent = started(endless(job), tmp_path)
    processes = ours(parent)
    assert len(processes) >= 3
    parent.kill()
    parent.wait()
    wait_for_the_end_of(processes)


def test_nothing_outlives_a_torchrun_that_was_killed(job, tmp_path):
    parent = started(endless(job), tmp_path)
    processes = ours(parent)
    (torchrun,) = [number for number in processes if _parent_of(number) == parent.pid]
    os.kill(torchrun, signal.SIGKILL)
    output, _ = parent.communicate()
    assert parent.returncode == 1
    assert "StepError" in output.decode()
    wait_for_the_end_of(processes)


def test_a_process_that_is_killed_is_told_of(job, tmp_path, monkeypatch):
    """The machine's memory ends: the kernel kills one of them."""
    from plimsoll.train.launch import torchrun

    killed = []
    pass_on = torchrun._Torchrun._pass_on

    def killing(self, stream):
        for number in iter(lambda: _second_worker(self._process.pid, job), None):
            if number:
                os.kill(number, signal.SIGKILL)
                killed.append(number)
                break
            time.sleep(0.1)
        pass_on(self, stream)

    monkeypatch.setattr(torchrun._Torchrun, "_pass_on", killing)
    with pytest.raises(StepError) as caught:
        launch.launch(endless(job), "local")
    assert killed
    assert "killed by SIGKILL" in caught.value.headline


def _second_worker(torchrun, job):
    """Returns the id of the second process of a training once it trains, else 0."""
    if not steps(job):
        return 0
    children = [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if _parent_of(int(entry.name)) == torchrun
    ]
    return max(children) if len(children) >= 2 else 0


def _parent_of(number):
    try:
        return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
