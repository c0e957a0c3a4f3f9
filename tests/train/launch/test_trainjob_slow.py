"""A TrainJob whose nodes train for real: two processes under torchrun, where its job says."""

import dataclasses
import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

import plimsoll
from plimsoll.errors import ArtifactError
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.launch import trainjob
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.train.launch.torchrun import command
from train import made_examples
from train.launch import kubernetes_double

pytest.importorskip("kubeflow.trainer", reason="the Kubeflow SDK is not in this environment")

pytestmark = pytest.mark.slow


class Nodes:
    """The nodes of a job: one machine, this one."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        cluster.add_pods(name, 1, "Running")
        (self.pod,) = cluster.pods_of(name)
        job_file = Path(cluster.jobs[name]["spec"]["trainer"]["command"][-1])
        root = str(Path(plimsoll.__file__).resolve().parent.parent)
        self.process = subprocess.Popen(
            command(2, job_file, "--standalone"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.cluster.lock:
                if self.pod in self.cluster.logs:
                    self.cluster.say(self.pod, line.rstrip("\n"))

    def look(self):
        """Tells the cluster of the end, once it is there."""
        if self.reader.is_alive() or self.process.poll() is None:
            return
        phase, condition = (
            ("Failed", "Failed") if self.process.poll() else ("Succeeded", "Complete")
        )
        self.cluster.set_phase(self.name, phase)
        self.cluster.set_condition(self.name, condition, "told by the double")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    running = []

    def plan(cluster, name):
        nodes = Nodes(cluster, name)
        running.append(nodes)
        while True:
            yield
            nodes.look()

    with kubernetes_double.served(tmp_path) as (made, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        made.plan = plan
        yield made
        for nodes in running:
            nodes.stop()


@pytest.fixture
def job(tmp_path):
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="linear", epochs=2, threads=1).for_rows(240)
    return Job(
        examples=examples.folder, out=tmp_path / "out", config=config, logs=tmp_path / "logs"
    )


@pytest.fixture
def config(tmp_path):
    (tmp_path / "mount").mkdir()
    return LauncherConfig(
        storage="pvc://runs", mount_path=str(tmp_path / "mount"), processes=2, poll_seconds=0.1
    )


def test_it_trains(job, config, cluster, capsys):
    trainjob.run(job, config)
    assert (job.out / "weights.safetensors").is_file()
    assert len(json.loads((job.out / "history.json").read_text())["epochs"]) == 2
    assert (job.logs / "progress.jsonl").is_file()
    assert "2 processes" in capsys.readouterr().out


def test_what_ended_it_is_our_error(job, config, cluster):
    array = job.examples / "train" / "numeric.npy"
    array.write_bytes(array.read_bytes()[:-4])
    with pytest.raises(ArtifactError, match="damaged") as caught:
        trainjob.run(job, config)
    assert "node 0 said last:" in caught.value.cause


def test_cancelled_it_goes_on_from_its_checkpoint(job, config, cluster, tmp_path):
    plan = cluster.plan
    endless = dataclasses.replace(job.config, epochs=200_000, patience=200_000, checkpoint_steps=50)
    job = dataclasses.replace(job, config=endless)
    nodes = []

    def cancelled(cluster, name):
        going = plan(cluster, name)
        while True:
            next(going)
            found = list((tmp_path / "mount").glob("checkpoints/*/step-*"))
            if found and not nodes:
                nodes.append(name)
                os.kill(os.getpid(), signal.SIGTERM)
            yield

    cluster.plan = cancelled
    with pytest.raises(SystemExit) as caught:
        trainjob.run(job, config)
    assert caught.value.code == 143
    assert cluster.jobs == {}
    assert list((tmp_path / "mount").glob("checkpoints/*/step-*"))
