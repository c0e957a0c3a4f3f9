"""Kubeflow Trainer's own status of a TrainJob: progress and metrics, where its controller asks.

The controller sets the variables that the Kubeflow SDK reads; the launcher, and ``kubectl``, then
see in ``status.trainerStatus`` how far the training is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plimsoll.train.telemetry.events import Ended, EpochFinished, Started, Stepped

if TYPE_CHECKING:
    from plimsoll.train.telemetry.tracker import RunInfo

VARIABLE = "KUBEFLOW_TRAINER_SERVER_URL"
"""Where the controller takes the status."""


class TrainerStatus:
    """Reports one training to the controller; called by one thread."""

    def __init__(self) -> None:
        from kubeflow.trainer.backends.kubernetes.utils import update_trainjob_status

        # It keeps to one message in five seconds, waits five at most, and raises nothing.
        self._update: Any = update_trainjob_status
        self._steps = 1
        self._metrics: dict[str, float] = {}

    def start(self, info: RunInfo, started: Started, run: str) -> str:  # noqa: ARG002 - a tracker
        """Reports how far it is; there is no run to go on with."""
        self._steps = max(1, started.steps_an_epoch * started.epochs)
        self._update(progress_percent=100 * started.resumed_at // self._steps)
        return ""

    def epoch(self, epoch: EpochFinished) -> None:
        """Keeps an epoch's metrics for the next message."""
        self._metrics = {
            "epoch": epoch.number,
            "train_loss": epoch.train_loss,
            "eval_loss": epoch.eval_loss,
        }

    def speed(self, stepped: Stepped) -> None:
        """Reports how far it is, and what the last epoch came to."""
        metrics = {**self._metrics, "samples_a_second": round(stepped.samples_a_second)}
        self._update(
            progress_percent=min(99, 100 * stepped.step // self._steps),
            estimated_remaining_seconds=round(max(0.0, min(stepped.seconds_left, 2**31 - 1.0))),
            metrics={name: f"{value:.6g}" for name, value in metrics.items()},
        )

    def end(self, ended: Ended, history: Mapping[str, Any]) -> None:  # noqa: ARG002 - a tracker
        """Reports the best epoch, of a training that came to its end."""
        if ended.reason in ("failed", "interrupted"):
            return
        best = {"best_epoch": str(ended.best_epoch), "best_eval_loss": f"{ended.eval_loss:.6g}"}
        self._update(progress_percent=100, metrics=best)
