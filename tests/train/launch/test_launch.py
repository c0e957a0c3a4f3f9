"""Launchers: which one runs, what torchrun is asked, how an end becomes an error."""

import json
import sys

import pytest

from plimsoll.errors import ConfigError, DataError, StepError
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job, read_job
from plimsoll.train.launch import config as launcher_config
from plimsoll.train.launch import launcher as launch
from plimsoll.train.launch import torchrun
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.train.telemetry import failure_file
from train import made_examples


@pytest.fixture
def job(tmp_path):
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="linear", epochs=2, devices=1).for_rows(240)
    return Job(
        examples=examples.folder, out=tmp_path / "out", config=config, logs=tmp_path / "logs"
    )


def test_a_launcher_that_there_is_not(job):
    with pytest.raises(ConfigError, match="no launcher 'trainjop'") as caught:
        launch.launch(job, "trainjop")
    assert caught.value.cause == "did you mean 'trainjob'?"


def test_as_many_processes_as_asked_for():
    assert launch.local_processes(3) == 3
    assert launch.local_processes(0) >= 1


def test_the_command(tmp_path):
    made = torchrun.command(2, tmp_path / "job.json", "--standalone")
    assert made == [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "--max-restarts=0",
        "-m",
        "plimsoll.train.worker",
        str(tmp_path / "job.json"),
    ]


class TestWhatAProcessLeft:
    """``error.json``."""

    def test_of_its_own_kind(self, tmp_path):
        values = {"kind": "DataError", "headline": "no rows", "cause": "why", "choices": ["a"]}
        (tmp_path / "error.json").write_text(json.dumps(values))
        error = failure_file.read_error(tmp_path)
        assert type(error) is DataError
        assert (error.headline, error.cause, error.choices) == ("no rows", "why", ("a",))

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", "{}", '{"headline": ""}', None],
    )
    def test_nothing_whole(self, tmp_path, text):
        if text is not None:
            (tmp_path / "error.json").write_text(text)
        assert failure_file.read_error(tmp_path) is None

    @pytest.mark.parametrize("kind", ["SystemExit", "nearest", "TheirError", None])
    def test_of_no_kind_of_ours(self, tmp_path, kind):
        (tmp_path / "error.json").write_text(json.dumps({"kind": kind, "headline": "odd"}))
        assert type(failure_file.read_error(tmp_path)) is StepError

    def test_an_old_one_is_cleared(self, tmp_path):
        (tmp_path / "error.json").write_text("{}")
        failure_file.clear(tmp_path)
        failure_file.clear(tmp_path)
        assert list(tmp_path.iterdir()) == []


TORCHRUN = """epoch 1
W1121 17:28:22.365000 1 torch/distributed/elastic/api.py:1028] Sending 2 closing signal SIGTERM
E1121 17:28:22.544000 1 torch/distributed/elastic/api.py:1002] failed (exitcode: -9)
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-21_17:28:22
  host      : localhost
  rank      : 0 (local_rank: 0)
  exitcode  : {first} (pid: 14433)
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-21_17:28:22
  host      : localhost
  rank      : 1 (local_rank: 1)
  exitcode  : {root} (pid: 14434)
============================================================
"""


@pytest.mark.parametrize(("first", "root", "rank"), [(-15, -9, 1), (1, -9, 1), (-9, 1, 0)])
def test_a_process_that_was_killed(first, root, rank):
    error = torchrun.kill_error(TORCHRUN.format(first=first, root=root))
    assert error.headline == (
        f"process {rank} of the training was killed by SIGKILL (the machine may be out of memory)"
    )
    assert error.cause == "epoch 1"


@pytest.mark.parametrize(("first", "root"), [(-15, 1), (1, 1), (-15, 143)])
def test_none_was_killed(first, root):
    assert torchrun.kill_error(TORCHRUN.format(first=first, root=root)) is None


def test_a_crash_of_a_library():
    assert "killed by SIGSEGV" in str(torchrun.kill_error(TORCHRUN.format(first=-15, root=-11)))


def test_a_process_that_exited():
    error = torchrun.exit_error(1, "Traceback\nValueError: odd\n")
    assert error.headline == "the training exited with 1"
    assert error.cause == "Traceback\nValueError: odd"


class TestConfig:
    """LauncherConfig."""

    def test_the_default_is_what_empty_text_is(self):
        assert launcher_config.parse("") == LauncherConfig() == launcher_config.parse("{}")

    def test_it_is_read_back(self):
        config = LauncherConfig(
            storage="pvc://runs/team/a",
            nodes=2,
            resources={"cpu": 4, "memory": "8Gi", "nvidia.com/gpu": 2},
            secrets={"WANDB_API_KEY": "wandb/key"},
        )
        assert launcher_config.parse(json.dumps(config.to_dict())) == config
        assert (config.claim, config.bucket, config.folder) == ("runs", "", "team/a")
        assert config.processes_a_node() == 2

    def test_a_bucket(self):
        config = LauncherConfig(storage="gs://acme-runs/a/b/")
        assert (config.claim, config.bucket, config.folder) == ("", "acme-runs", "a/b")
        assert config.processes_a_node() == 1

    @pytest.mark.parametrize(
        "broken",
        [
            {"storage": "s3://bucket"},
            {"storage": "pvc://"},
            {"storage": "pvc://claim/../other"},
            {"storage": "gs://B"},
            {"storage": 1},
            {"mount_path": "relative"},
            {"mount_path": "/"},
            {"mount_path": "/a/../b"},
            {"nodes": 0},
            {"nodes": True},
            {"processes": -1},
            {"resources": {"cpu": "many"}},
            {"resources": {"cpu": -1}},
            {"resources": {"nvidia.com/gpu": "1.5"}},
            {"resources": {"nvidia.com/gpu": "4Gi"}},
            {"resources": ["cpu"]},
            {"shared_memory": "big"},
            {"runtime": ""},
            {"namespace": "Upper"},
            {"env": {"A": 1}},
            {"env": {"1A": "x"}},
            {"secrets": {"A": "no-key"}},
            {"env": {"A": "x"}, "secrets": {"A": "s/k"}},
            {"node_selector": {"a": 1}},
            {"start_minutes": 0},
            {"time_limit_minutes": float("inf")},
            {"poll_seconds": "5"},
            {"keep": 1},
        ],
    )
    def test_what_does_not_hold(self, broken):
        with pytest.raises(ConfigError):
            LauncherConfig(**broken)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("WANDB_API_KEY", "0123456789"),
            ("MLFLOW_TRACKING_PASSWORD", "0123456789"),
            ("MLFLOW_TRACKING_URI", "http://me:0123456789@host"),
        ],
    )
    def test_a_secret_in_the_open_is_refused_and_not_repeated(self, name, value):
        with pytest.raises(ConfigError, match="looks like a secret") as caught:
            LauncherConfig(env={name: value})
        assert "0123456789" not in str(caught.value)
        with pytest.raises(ConfigError) as caught:
            LauncherConfig(secrets={name: value})
        assert "0123456789" not in str(caught.value)

    def test_what_only_sounds_like_one_is_taken(self):
        assert LauncherConfig(env={"TOKENIZERS_PARALLELISM": "false", "A": "http://host:80/x@y"})

    def test_a_field_that_there_is_not(self):
        with pytest.raises(ConfigError, match="no field 'node'"):
            launcher_config.parse('{"node": 2}')


def test_a_job_is_read_as_it_was_written(job, tmp_path):
    assert read_job(job.write(tmp_path / "written")) == job
