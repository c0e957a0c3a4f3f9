"""A bucket as the storage that nodes share, over the emulator of Cloud Storage."""

import json
from pathlib import PurePosixPath

import pytest

from plimsoll.errors import StepError
from plimsoll.storage import gcs, retries
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.launch import shared_storage
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.train.launch.trainjob_spec import Fingerprints
from train import made_examples

pytest.importorskip("gcp_storage_emulator", reason="the emulator is not in this environment")

MARKS = Fingerprints(training="0" * 64, job="1" * 64)


@pytest.fixture(scope="module")
def served():
    from ingest.sources.gcs_double import running

    with running() as (bucket, address):
        yield bucket, address


@pytest.fixture
def bucket(served, monkeypatch):
    bucket, address = served
    bucket.reset()
    monkeypatch.setenv(gcs.EMULATOR, address)
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0.1)
    return bucket


@pytest.fixture
def storage(bucket):
    from ingest.sources.gcs_double import BUCKET

    config = LauncherConfig(storage=f"gs://{BUCKET}/team/runs")
    return shared_storage.storage_for(config, MARKS)


@pytest.fixture
def job(tmp_path):
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="linear", epochs=2)
    return Job(
        examples=examples.folder, out=tmp_path / "out", config=config, logs=tmp_path / "logs"
    )


def at(job_name):
    return f"team/runs/jobs/{MARKS.name}/{job_name}"


def test_nodes_see_it_below_gcs(storage, bucket, job, tmp_path):
    from ingest.sources.gcs_double import BUCKET

    job_file = shared_storage.stage(job, storage)
    root = PurePosixPath("/gcs") / BUCKET / "team/runs"
    assert job_file == root / "jobs" / MARKS.name / "job.json"
    gcs.fetch(f"gs://{BUCKET}/{at('job.json')}", tmp_path / "job.json")
    values = json.loads((tmp_path / "job.json").read_text())
    assert values["examples"] == str(root / "jobs" / MARKS.name / "examples")
    assert values["checkpoints"] == str(root / "checkpoints" / MARKS.training[:20])
    assert bucket.generation(at("examples/manifest.json"))
    assert bucket.generation(at("examples/train/numeric.npy"))


def test_examples_that_are_there_are_not_uploaded_again(storage, bucket, job):
    shared_storage.stage(job, storage)
    before = bucket.generation(at("examples/train/numeric.npy"))
    shared_storage.stage(job, storage)
    assert bucket.generation(at("examples/train/numeric.npy")) == before


def test_what_nodes_wrote_is_brought_back(storage, bucket, job):
    assert not storage.has("out")
    bucket.put(at("out/history.json"), "{}")
    bucket.put(at("out/weights.safetensors"), b"weights")
    assert storage.has("out")
    storage.fetch("out", job.out)
    assert (job.out / "weights.safetensors").read_bytes() == b"weights"


def test_logs_come_at_the_end(storage, bucket, job):
    job.logs.mkdir()
    (job.logs / "kept").write_text("here before")
    bucket.put(at("logs/train/events"), b"0")
    storage.mirror("logs", job.logs, ended=False)
    assert not (job.logs / "train").exists()
    storage.mirror("logs", job.logs, ended=True)
    assert (job.logs / "train" / "events").read_bytes() == b"0"
    assert (job.logs / "kept").is_file()


def test_nothing_was_written(storage, bucket, job):
    with pytest.raises(StepError, match="left no out"):
        storage.fetch("out", job.out)
    storage.mirror("logs", job.logs, ended=True)
    assert not job.logs.exists()
