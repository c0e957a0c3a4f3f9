"""Weights & Biases: a run for each training, sent or kept offline as ``WANDB_MODE`` says."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll.train.telemetry.events import Ended, EpochFinished, Started, Stepped

if TYPE_CHECKING:
    from plimsoll.train.telemetry.tracker import RunInfo

START_SECONDS = 30
"""Longest time in which the service has to open a run."""
EXIT_CODES = {"failed": 1, "interrupted": 255}


class WeightsAndBiases:
    """Logs one training to Weights & Biases; called by one thread.

    Args:
        folder: Where its files lie unless ``WANDB_DIR`` says otherwise; None: a temporary folder.
    """

    def __init__(self, folder: Path | None) -> None:
        import wandb

        self._wandb: Any = wandb
        self._folder = os.environ.get("WANDB_DIR") or str(folder or tempfile.mkdtemp())
        self._run: Any = None
        self._speed: dict[str, float] = {}

    def start(self, info: RunInfo, started: Started, run: str) -> str:
        """Opens a run, or goes on with the one given."""
        Path(self._folder).mkdir(parents=True, exist_ok=True)
        settings = self._wandb.Settings(
            init_timeout=START_SECONDS, console="off", silent=True, show_errors=False
        )
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "plimsoll",
            name=os.environ.get("WANDB_NAME") or f"{info.name} {started.model}",
            id=run or os.environ.get("WANDB_RUN_ID"),
            resume="allow" if run or os.environ.get("WANDB_RUN_ID") else None,
            config={**info.parameters, **info.facts},
            tags=[started.model, started.task],
            dir=self._folder,
            settings=settings,
        )
        return str(self._run.id)

    def epoch(self, epoch: EpochFinished) -> None:
        """Logs an epoch's metrics, with the latest speed."""
        values = {
            "epoch": epoch.number,
            "train_loss": epoch.train_loss,
            "eval_loss": epoch.eval_loss,
            "learning_rate": epoch.learning_rate,
            "epoch_seconds": epoch.seconds,
            **self._speed,
        }
        self._run.log(_finite(values), step=epoch.number)

    def speed(self, stepped: Stepped) -> None:
        """Keeps how fast it goes for the next epoch: its steps must not go back."""
        self._speed = {"samples_a_second": stepped.samples_a_second}
        if stepped.gpu_memory:
            self._speed["gpu_memory_bytes"] = float(stepped.gpu_memory)
            self._speed["gpu_utilisation"] = stepped.gpu_utilisation

    def end(self, ended: Ended, history: Mapping[str, Any]) -> None:
        """Keeps the best epoch and the history, and closes the run."""
        self._run.summary["best_epoch"] = ended.best_epoch
        if math.isfinite(ended.eval_loss):
            self._run.summary["best_eval_loss"] = ended.eval_loss
        self._run.summary["status"] = ended.reason
        file = Path(self._run.dir) / "history.json"
        file.write_text(json.dumps(dict(history), indent=2, allow_nan=True), "utf-8")
        self._run.save(str(file), base_path=str(file.parent), policy="end")
        self._run.finish(exit_code=EXIT_CODES.get(ended.reason, 0))


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if math.isfinite(value)}
