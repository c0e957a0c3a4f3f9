"""MLflow in a database, which it fills with its tables first."""

import pytest

from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.telemetry import trackers as tracking
from plimsoll.train.telemetry.events import Ended, EpochFinished, Started
from train import made_examples

pytestmark = pytest.mark.slow


def test_a_database(tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/runs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    examples = made_examples.write(tmp_path / "examples")
    config = TrainConfig(model="linear")
    job = Job(examples=examples.folder, out=tmp_path / "out", config=config)
    started = Started(
        model="linear",
        task="binary",
        rows=240,
        batch_size=16,
        steps_an_epoch=15,
        epochs=1,
        weights=10,
        place="here",
        processes=1,
    )
    epoch = EpochFinished(number=1, train_loss=0.5, eval_loss=0.4, learning_rate=0.1)
    (listener,) = tracking.trackers_for(job)
    for event in (started, epoch, Ended(best_epoch=1, eval_loss=0.4, reason="all epochs")):
        listener.on_event(event)
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("y")
    (run,) = client.search_runs([found.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["eval_loss"] == 0.4
    assert run.data.params["model"] == "linear"
