"""MLflow: a run for each training, in the store or on the server of ``MLFLOW_TRACKING_URI``."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plimsoll.train.telemetry.events import Ended, EpochFinished, Started, Stepped
from plimsoll.train.telemetry.redaction import split_user, without_secrets

if TYPE_CHECKING:
    from plimsoll.train.telemetry.tracker import RunInfo

SPEED_SECONDS = 10.0
"""Between two values of the speed."""
STATUSES = {"failed": "FAILED", "interrupted": "KILLED"}
LONGEST_PARAMETER = 500
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # Its own would go on for minutes, report usage, and print the server's address.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What bounds MLflow's client where the environment does not say otherwise."""


def prepare() -> None:
    """Bounds MLflow's client, and takes the password out of the server's address.

    The client prints and logs the address; user and password reach it by their own variables.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    address, user, password = split_user(os.environ["MLFLOW_TRACKING_URI"].strip())
    os.environ["MLFLOW_TRACKING_URI"] = address
    if user:
        os.environ.setdefault("MLFLOW_TRACKING_USERNAME", user)
        os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", password)
    if "://" not in address or address.startswith("file:"):
        # A store of files is what was asked for, whatever MLflow recommends.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")


class MLflow:
    """Logs one training to MLflow; called by one thread."""

    def __init__(self) -> None:
        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        from mlflow.tracking import MlflowClient

        self._client: Any = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
        self._run = ""
        self._speed_at = -math.inf
        self._step = 0

    def start(self, info: RunInfo, started: Started, run: str) -> str:
        """Opens a run in the experiment, or goes on with the one given."""
        if run and self._goes_on(run):
            return run
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or info.name
        created = self._client.create_run(
            self._experiment(experiment),
            run_name=os.environ.get("MLFLOW_RUN_NAME") or f"{info.name} {started.model}",
            tags=dict(info.facts),
        )
        self._run = str(created.info.run_id)
        for name, value in info.parameters.items():
            self._client.log_param(self._run, name, str(value)[:LONGEST_PARAMETER])
        return self._run

    def epoch(self, epoch: EpochFinished) -> None:
        """Logs an epoch's metrics, by its number."""
        values = {
            "train_loss": epoch.train_loss,
            "eval_loss": epoch.eval_loss,
            "learning_rate": epoch.learning_rate,
            "epoch_seconds": epoch.seconds,
        }
        self._log(values, epoch.number)

    def speed(self, stepped: Stepped) -> None:
        """Logs how fast it goes, now and then, by the step."""
        if time.monotonic() - self._speed_at < SPEED_SECONDS:
            return
        self._speed_at = time.monotonic()
        values = {"samples_a_second": stepped.samples_a_second}
        if stepped.gpu_memory:
            values["gpu_memory_bytes"] = stepped.gpu_memory
            values["gpu_utilisation"] = stepped.gpu_utilisation
        self._log(values, stepped.step)

    def end(self, ended: Ended, history: Mapping[str, Any]) -> None:
        """Logs the best epoch and the history, and closes the run."""
        status = STATUSES.get(ended.reason, "FINISHED")
        try:
            best = {"best_epoch": float(ended.best_epoch), "best_eval_loss": ended.eval_loss}
            self._log(best, ended.best_epoch)
            tags = {"plimsoll.status": ended.reason, "plimsoll.error": ended.error}
            for name, value in tags.items():
                if value:
                    self._client.set_tag(self._run, name, without_secrets(value))
            self._client.log_dict(self._run, dict(history), "history.json")
        finally:
            # A run whose artifacts have no place yet has its end.
            self._client.set_terminated(self._run, status)

    def _goes_on(self, run: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self._client.update_run(run, status="RUNNING")
        except MlflowException:
            # Deleted meanwhile, or of another server: a new one is opened.
            return False
        self._run = run
        return True

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                # Another training may have been first.
                experiment = self._client.get_experiment_by_name(name)
                if experiment is None:
                    raise
        return str(experiment.experiment_id)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, step)
            for name, value in values.items()
            if math.isfinite(value)
        ]
        self._client.log_batch(self._run, metrics=metrics)
