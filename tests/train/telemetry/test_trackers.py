"""Trackers: what MLflow and Weights & Biases are told, and that one which is down is in no way."""

import json
import sys
import time
import types
from pathlib import Path

import pytest

from plimsoll.errors import EnvironmentBuildError
from plimsoll.train.config import TrainConfig
from plimsoll.train.job import Job
from plimsoll.train.telemetry import trackers as tracking
from plimsoll.train.telemetry.events import Ended, EpochFinished, Saved, Started, Stepped
from plimsoll.train.telemetry.redaction import split_user, without_secrets
from train import made_examples
from train.telemetry import mlflow_double

STARTED = Started(
    model="tabm",
    task="binary",
    rows=240,
    batch_size=16,
    steps_an_epoch=15,
    epochs=3,
    weights=1234,
    place="2 threads",
    processes=1,
)
ENDED = Ended(best_epoch=2, eval_loss=0.25, reason="all epochs")


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Leaves no tracker set, and puts back what a test sets."""
    for name in (
        "MLFLOW_TRACKING_URI",
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_EXPERIMENT_NAME",
        "MLFLOW_ALLOW_FILE_STORE",
        "MLFLOW_HTTP_REQUEST_TIMEOUT",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES",
        "WANDB_PROJECT",
        "WANDB_API_KEY",
        "WANDB_MODE",
        "KUBEFLOW_TRAINER_SERVER_URL",
    ):
        # Set first: what the code itself sets is then taken back, too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def job(tmp_path):
    examples = made_examples.write(tmp_path / "examples")
    return Job(
        examples=examples.folder,
        out=tmp_path / "out",
        config=TrainConfig(model="tabm", epochs=3),
        logs=tmp_path / "logs",
        checkpoints=tmp_path / "checkpoints",
    )


@pytest.fixture
def server():
    with mlflow_double.served() as made:
        yield made


def epoch(number, eval_loss=0.5):
    return EpochFinished(
        number=number, train_loss=0.6, eval_loss=eval_loss, learning_rate=1e-3, seconds=1.5
    )


def stepped(step):
    return Stepped(
        epoch=1,
        step=step,
        train_loss=0.6,
        learning_rate=1e-3,
        samples_a_second=1000.0,
        seconds_left=3.0,
    )


def train(listeners, started=STARTED, ended=ENDED, epochs=2):
    for listener in listeners:
        listener.on_event(started)
        for number in range(1, epochs + 1):
            listener.on_event(stepped(15 * number))
            listener.on_event(epoch(number))
            listener.on_event(Saved(step=15 * number, seconds=0.1))
        listener.on_event(ended)


def mlflow_runs(uri, experiment="y"):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return client, client.search_runs([found.experiment_id])


def test_none_is_asked_for(job):
    assert tracking.trackers_for(job) == ()


def test_a_real_store_of_mlflow(job, monkeypatch, tmp_path):
    uri = f"file://{tmp_path}/store"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    train(tracking.trackers_for(job))
    client, (run,) = mlflow_runs(uri)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "y tabm"
    assert run.data.params["model"] == "tabm"
    assert run.data.params["epochs"] == "3"
    assert run.data.params["weights"] == "1234"
    assert run.data.tags["plimsoll.model"] == "tabm"
    assert run.data.tags["plimsoll.data_id"] == "0" * 64
    assert run.data.tags["plimsoll.status"] == "all epochs"
    assert run.data.metrics["best_eval_loss"] == 0.25
    losses = client.get_metric_history(run.info.run_id, "eval_loss")
    assert [(item.step, item.value) for item in losses] == [(1, 0.5), (2, 0.5)]
    place = client.download_artifacts(run.info.run_id, "history.json", str(tmp_path))
    kept = json.loads(Path(place).read_text())
    assert [item["number"] for item in kept["epochs"]] == [1, 2]


def test_the_history_that_was_written_is_what_is_kept(job, monkeypatch, server):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    job.out.mkdir()
    (job.out / "history.json").write_text('{"best_epoch": 7, "epochs": []}')
    train(tracking.trackers_for(job))
    (data,) = server.files.values()
    assert json.loads(data) == {"best_epoch": 7, "epochs": []}


def test_a_server_with_a_password_in_its_address(job, monkeypatch, server, capfd):
    server.password = "h@rd/to-guess"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:h%40rd%2Fto-guess@{server.address}")
    train(tracking.trackers_for(job))
    assert server.runs["run0"]["info"]["status"] == "FINISHED"
    assert server.runs["run0"]["params"]["model"] == "tabm"
    told = capfd.readouterr()
    assert "guess" not in told.out + told.err


def test_a_wrong_password_is_told_once_and_nowhere_printed(job, monkeypatch, server, capfd):
    server.password = "right"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:very-wrong@{server.address}")
    train(tracking.trackers_for(job))
    told = capfd.readouterr()
    assert told.err.count("MLflow is told nothing more") == 1
    assert "who are you?" in told.err
    assert "very-wrong" not in told.out + told.err


@pytest.mark.parametrize(
    ("reason", "status"),
    [("failed", "FAILED"), ("interrupted", "KILLED"), ("all epochs", "FINISHED")],
)
def test_how_it_ended(job, monkeypatch, server, reason, status):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "flights")
    error = "training diverged" if reason == "failed" else ""
    ended = Ended(best_epoch=0, eval_loss=float("nan"), reason=reason, error=error)
    train(tracking.trackers_for(job), ended=ended)
    (run,) = server.runs.values()
    assert run["info"]["status"] == status
    assert run["tags"].get("plimsoll.error", "") == error
    assert list(server.experiments) == ["flights"]
    assert "best_eval_loss" not in {item["key"] for item in run["metrics"]}


def test_a_training_that_goes_on_continues_its_run(job, monkeypatch, server):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    interrupted = Ended(best_epoch=1, eval_loss=0.5, reason="interrupted")
    train(tracking.trackers_for(job), ended=interrupted)
    resumed = Started(**{**vars(STARTED), "resumed_at": 30})
    train(tracking.trackers_for(job), started=resumed)
    assert [run["info"]["status"] for run in server.runs.values()] == ["FINISHED"]
    train(tracking.trackers_for(job))
    assert len(server.runs) == 2


def test_a_run_that_is_gone_is_opened_anew(job, monkeypatch, server):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    train(tracking.trackers_for(job))
    server.runs.clear()
    train(tracking.trackers_for(job), started=Started(**{**vars(STARTED), "resumed_at": 30}))
    assert [run["info"]["status"] for run in server.runs.values()] == ["FINISHED"]


def test_a_run_whose_artifact_is_refused_still_has_its_end(job, monkeypatch, server, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    server.broken = "mlflow-artifacts"
    train(tracking.trackers_for(job))
    assert server.runs["run0"]["info"]["status"] == "FINISHED"
    assert capfd.readouterr().err.count("MLflow is told nothing more") == 1


def test_a_server_that_is_down(job, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret-word@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    train(tracking.trackers_for(job))
    told = capfd.readouterr()
    assert told.err.count("MLflow is told nothing more") == 1
    assert "the training goes on" in told.err
    assert "secret-word" not in told.out + told.err


def test_a_server_that_is_silent_holds_nothing_up(job, monkeypatch, server, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    monkeypatch.setattr(tracking, "LAST_SECONDS", 0.3)
    server.silent = 5.0
    (listener,) = tracking.trackers_for(job)
    begun = time.monotonic()
    listener.on_event(STARTED)
    for number in range(1, 50):
        listener.on_event(epoch(number))
    before_the_end = time.monotonic() - begun
    listener.on_event(ENDED)
    assert before_the_end < server.silent
    assert time.monotonic() - begun < server.silent
    assert capfd.readouterr().err.count("did not answer within 0.3 s") == 1


def test_more_events_than_may_wait_are_left_out(job, monkeypatch, server, capfd):
    monkeypatch.setattr(tracking, "MOST_WAITING", 5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    server.silent = 5.0
    (listener,) = tracking.trackers_for(job)
    listener.on_event(STARTED)
    for number in range(1, 50):
        listener.on_event(epoch(number))
    listener.on_event(ENDED)
    assert capfd.readouterr().err.count("it is too slow") == 1


def test_an_end_before_a_start_is_no_run(job, monkeypatch, server):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{server.address}")
    (listener,) = tracking.trackers_for(job)
    listener.on_event(Ended(best_epoch=0, eval_loss=float("nan"), reason="failed", error="no rows"))
    assert server.runs == {}


class TestWeightsAndBiases:
    """With the package's double where it is not installed."""

    def test_not_installed(self, job, monkeypatch):
        monkeypatch.setitem(sys.modules, "wandb", None)
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
        with pytest.raises(EnvironmentBuildError, match="wandb is not installed") as caught:
            tracking.trackers_for(job)
        assert "kfp-plimsoll[wandb]" in caught.value.hint
        assert "kkkk" not in str(caught.value)

    def test_switched_off(self, job, monkeypatch):
        monkeypatch.setenv("WANDB_PROJECT", "flights")
        monkeypatch.setenv("WANDB_MODE", "disabled")
        assert tracking.trackers_for(job) == ()

    def test_what_is_told(self, job, monkeypatch, tmp_path):
        double = Wandb(tmp_path)
        monkeypatch.setitem(sys.modules, "wandb", double)
        monkeypatch.setenv("WANDB_PROJECT", "flights")
        train(tracking.trackers_for(job))
        (given,) = double.opened
        assert given["project"] == "flights"
        assert given["config"]["model"] == "tabm"
        assert given["config"]["plimsoll.data_id"] == "0" * 64
        assert given["settings"]["init_timeout"] == 30
        assert given["dir"] == str(job.logs)
        assert [step for step, _ in double.run.logged] == [1, 2]
        assert double.run.logged[1][1]["eval_loss"] == 0.5
        assert double.run.logged[1][1]["samples_a_second"] == 1000.0
        assert double.run.summary == {
            "best_epoch": 2,
            "best_eval_loss": 0.25,
            "status": "all epochs",
        }
        assert double.run.ended == 0
        saved = json.loads((tmp_path / "files" / "history.json").read_text())
        assert len(saved["epochs"]) == 2

    def test_a_run_is_continued(self, job, monkeypatch, tmp_path):
        double = Wandb(tmp_path)
        monkeypatch.setitem(sys.modules, "wandb", double)
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
        interrupted = Ended(best_epoch=1, eval_loss=0.5, reason="interrupted")
        train(tracking.trackers_for(job), ended=interrupted)
        train(tracking.trackers_for(job), started=Started(**{**vars(STARTED), "resumed_at": 30}))
        assert [(given["id"], given["resume"]) for given in double.opened] == [
            (None, None),
            ("a-run", "allow"),
        ]

    def test_one_that_fails(self, job, monkeypatch, tmp_path, capfd):
        double = Wandb(tmp_path)
        double.fails = "no account of key kkkkkkkkkkkk"
        monkeypatch.setitem(sys.modules, "wandb", double)
        monkeypatch.setenv("WANDB_API_KEY", "kkkkkkkkkkkk")
        train(tracking.trackers_for(job))
        told = capfd.readouterr().err
        assert told.count("Weights & Biases is told nothing more") == 1
        assert "kkkk" not in told

    def test_the_real_package_offline(self, job, monkeypatch, tmp_path):
        pytest.importorskip("wandb", reason="wandb is not in this environment")
        monkeypatch.setenv("WANDB_PROJECT", "flights")
        monkeypatch.setenv("WANDB_MODE", "offline")
        train(tracking.trackers_for(job))
        (run,) = (job.logs / "wandb").glob("offline-run-*")
        assert (run / "files" / "history.json").is_file()
        assert list(run.glob("*.wandb"))


class Wandb(types.ModuleType):
    """The package's double: what was opened, logged and ended."""

    class Run:
        id = "a-run"

        def __init__(self, folder):
            self.dir = str(folder / "files")
            (folder / "files").mkdir(exist_ok=True)
            self.logged, self.summary, self.ended = [], {}, None

        def log(self, values, step):
            self.logged.append((step, values))

        def save(self, file, base_path, policy):
            assert file.startswith(base_path)

        def finish(self, exit_code):
            self.ended = exit_code

    def __init__(self, folder):
        super().__init__("wandb")
        self.__spec__ = types.SimpleNamespace()
        self.folder, self.opened, self.fails = folder, [], ""

    @staticmethod
    def Settings(**values):
        return values

    def init(self, **given):
        if self.fails:
            raise RuntimeError(self.fails)
        self.opened.append(given)
        self.run = self.Run(self.folder)
        return self.run


def test_the_controller_is_told_how_far_it_is(job, monkeypatch, tmp_path):
    pytest.importorskip("kubeflow", reason="the Kubeflow SDK is not in this environment")
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from kubeflow.trainer.backends.kubernetes import utils

    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.headers["Authorization"], json.loads(body)["trainerStatus"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    token = tmp_path / "token"
    token.write_text("a-token")
    address = f"http://127.0.0.1:{server.server_port}/status"
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", address)
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_TOKEN", str(token))
    # It keeps to one message in five seconds.
    monkeypatch.setattr(utils, "_MIN_UPDATE_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(utils, "_cached_token", None)
    try:
        train(tracking.trackers_for(job), epochs=3)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert {authorization for authorization, _ in told} == {"Bearer a-token"}
    assert [status["progressPercentage"] for _, status in told] == [0, 33, 66, 99, 100]
    metrics = {item["name"]: item["value"] for item in told[-1][1]["metrics"]}
    assert metrics == {"best_epoch": "2", "best_eval_loss": "0.25"}


def test_addresses_without_their_users():
    assert split_user("http://a:b%40c@host:1/x") == ("http://host:1/x", "a", "b@c")
    assert split_user("https://host/x") == ("https://host/x", "", "")
    assert split_user("sqlite:///a@b.db") == ("sqlite:///a@b.db", "", "")


def test_secrets_are_masked(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abcdef")
    monkeypatch.setenv("WANDB_API_KEY", "")
    text = without_secrets("GET http://u:p@h/x failed for abcdef, not for http://h/a@b")
    assert text == "GET http://***@h/x failed for ***, not for http://h/a@b"
