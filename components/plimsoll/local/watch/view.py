"""Shows how a run is: live on a terminal, in lines elsewhere, as JSON for machines."""

import math
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from plimsoll.local.record import FAILED, KILLED, RUNNING, SKIPPED, STOPPED, SUCCEEDED
from plimsoll.local.watch import terminal_chart
from plimsoll.local.watch.watching import SILENT_SECONDS, Snapshot
from plimsoll.printable import printable
from plimsoll.quantities import loss_text, rate, whole_duration
from plimsoll.storage.files import finite
from plimsoll.train.telemetry.console import end_text, gpu_text
from plimsoll.train.telemetry.progress_file import TrainingProgress

CHART_LINES = (3, 8)
"""Fewest and most lines of a chart, as the terminal has room for."""
CHART_WIDTH = 72
_OTHER_LINES = 10
"""What stands above and below the chart, without the steps and the candidates."""
_STYLE = {
    SUCCEEDED: "green",
    FAILED: "red",
    KILLED: "red",
    STOPPED: "yellow",
    "interrupted": "yellow",
    RUNNING: "cyan",
}


def picture(snapshot: Snapshot, console: Console) -> RenderableType:
    """Returns all that is known of a run, as it fits the console."""
    letters = "utf" in (console.encoding or "").lower()
    parts: list[RenderableType] = [_headline(snapshot)]
    if snapshot.steps:
        parts.append(_steps(snapshot))
    if len(snapshot.trainings) > 1:
        parts += [Text(), _candidates(snapshot.trainings)]
    if snapshot.trainings:
        taken = _OTHER_LINES + len(snapshot.steps) + len(snapshot.trainings)
        room = console.height - taken if console.is_terminal else CHART_LINES[1]
        size = (min(CHART_WIDTH, console.width - 4), min(CHART_LINES[1], room))
        drawn = letters and size[1] >= CHART_LINES[0]
        parts += [Text(), *_training(snapshot.trainings[-1], snapshot, size if drawn else None)]
    parts += [Text(printable(f"  {line}")) for line in snapshot.reason.splitlines()]
    if snapshot.report and snapshot.over:
        parts.append(Text(f"  report {snapshot.report}", style="dim"))
    return Group(*parts)


def as_json(snapshot: Snapshot, *, history: bool) -> dict[str, Any]:
    """Returns a run as JSON values.

    Args:
        snapshot: The run as it is now.
        history: Whether each training comes with all its epochs.
    """
    values: dict[str, Any] = {
        "run": snapshot.name,
        "pipeline": snapshot.pipeline,
        "status": snapshot.status,
        "reason": snapshot.reason,
        "seconds": round(snapshot.seconds, 1),
        "steps": [{**step, "seconds": round(step["seconds"], 1)} for step in snapshot.steps],
        "trainings": [_training_json(training, history) for training in snapshot.trainings],
        "report": snapshot.report,
    }
    return dict(finite(values))


class Lines:
    """Prints a line for whatever is new, for logs and pipes.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._states: dict[str, str] = {}
        self._epochs: dict[tuple[str, float], int] = {}
        self._ended: set[tuple[str, float]] = set()
        self._silent: set[tuple[str, float, float]] = set()
        self._begun = False

    def show(self, snapshot: Snapshot) -> None:
        """Prints what came since it was called before."""
        if not self._begun:
            self._begun = True
            self._say(f"{snapshot.name} {snapshot.status}")
        for step in snapshot.steps:
            if self._states.get(step["name"], "pending") != step["state"]:
                self._states[step["name"]] = step["state"]
                self._say(f"  {_step_line(step)}")
        for training in snapshot.trainings:
            self._show_training(training)
        if snapshot.over:
            self._say(f"{snapshot.name} {snapshot.status}  {whole_duration(snapshot.seconds)}")
            for line in snapshot.reason.splitlines():
                self._say(f"  {line}")
            if snapshot.report:
                self._say(f"  report {snapshot.report}")

    def _show_training(self, training: TrainingProgress) -> None:
        started = training.started
        key = (started.model, training.began)
        if key not in self._epochs:
            self._epochs[key] = 0
            self._say(f"  {_about(training)}")
        if training.epochs and training.epochs[-1].number < self._epochs[key]:
            # It went on from before what was shown.
            self._epochs[key] = started.resumed_at // max(1, started.steps_an_epoch)
        for epoch in training.epochs:
            if epoch.number > self._epochs[key]:
                self._epochs[key] = epoch.number
                self._say(
                    f"  {started.model} epoch {epoch.number}/{started.epochs}  "
                    f"train loss {loss_text(epoch.train_loss)}  "
                    f"eval loss {loss_text(epoch.eval_loss)}  {whole_duration(epoch.seconds)}"
                )
        if training.ended is not None and key not in self._ended:
            self._ended.add(key)
            self._say(f"  {started.model} {end_text(training.ended)}")
        silent = time.time() - training.updated
        if (
            training.ended is None
            and silent > SILENT_SECONDS
            and (*key, training.updated) not in self._silent
        ):
            self._silent.add((*key, training.updated))
            self._say(f"  {started.model} has told nothing for {whole_duration(silent)}")

    def _say(self, line: str) -> None:
        self._console.print(Text(printable(line)))


def _headline(snapshot: Snapshot) -> Text:
    line = Text(printable(snapshot.name), style="bold")
    line.append(f"  {snapshot.status}", style=f"not bold {_STYLE.get(snapshot.status, '')}".strip())
    return line.append(f"  {whole_duration(snapshot.seconds)}", style="not bold")


def _steps(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 2))
    for step in snapshot.steps:
        waits = step["state"] in ("pending", SKIPPED)
        time_taken = f"{step['seconds']:.1f} s" if step["seconds"] else ""
        table.add_row(
            "",
            Text(step["name"], style="dim" if waits else ""),
            Text(step["state"], style="dim" if waits else _STYLE.get(step["state"], "")),
            Text(time_taken, justify="right"),
            Text("cached" if step["cached"] else "", style="dim"),
        )
    return table


def _step_line(step: Mapping[str, Any]) -> str:
    # How long a step takes that has only just begun says nothing.
    taken = f"{step['seconds']:.1f} s" if step["seconds"] and step["state"] != RUNNING else ""
    parts = [step["name"], step["state"], taken, "cached" if step["cached"] else ""]
    return "  ".join(part for part in parts if part)


def _candidates(trainings: tuple[TrainingProgress, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("  model")
    for name in ("epochs", "best", "eval loss", "time"):
        table.add_column(name, justify="right")
    table.add_column("")
    losses = [item.best.eval_loss if item.best else math.inf for item in trainings]
    for training, loss in zip(trainings, losses, strict=True):
        lowest = math.isfinite(loss) and loss == min(losses)
        best = training.best
        table.add_row(
            Text(f"  {training.started.model}"),
            str(len(training.epochs)),
            str(best.number) if best else "-",
            loss_text(best.eval_loss if best else None),
            whole_duration(training.updated - training.began),
            Text(training.ended.reason if training.ended else "running", style="dim"),
            style="bold" if lowest else "",
        )
    return table


def _training(
    training: TrainingProgress, snapshot: Snapshot, size: tuple[int, int] | None
) -> list[RenderableType]:
    started, latest, best = training.started, training.latest, training.best
    parts: list[RenderableType] = [Text(f"  {_about(training)}")]
    if size is not None and len(training.epochs) > 1:
        parts += _curves(training, *size)
    number = max(latest.epoch if latest else 0, len(training.epochs))
    facts = [f"epoch {number}/{started.epochs}"] if started.epochs else []
    if training.epochs:
        facts.append(f"train loss {loss_text(training.epochs[-1].train_loss)}")
        facts.append(f"eval loss {loss_text(training.epochs[-1].eval_loss)}")
    elif latest:
        facts.append(f"train loss {loss_text(latest.train_loss)}")
    if best:
        facts.append(f"lowest eval loss {loss_text(best.eval_loss)} in epoch {best.number}")
    parts.append(Text(f"  {'  '.join(facts)}"))
    if latest and training.ended is None:
        speed = [rate(latest.samples_a_second)]
        speed += [f"{whole_duration(latest.seconds_left)} left at most", gpu_text(latest)]
        parts.append(Text(f"  {'  '.join(part for part in speed if part)}"))
    parts.append(_end_or_silence(training, snapshot))
    return parts


def _curves(training: TrainingProgress, width: int, height: int) -> list[Text]:
    curves = {
        "train loss": [(float(item.number), item.train_loss) for item in training.epochs],
        "eval loss": [(float(item.number), item.eval_loss) for item in training.epochs],
    }
    key = Text("  ")
    for name, style in zip(curves, terminal_chart.STYLES, strict=False):
        key.append("━ ", style=style).append(f"{name}   ", style="dim")
    drawn = terminal_chart.chart(curves, width=width, height=height)
    return [key, *(Text("  ").append(line) for line in drawn)]


def _end_or_silence(training: TrainingProgress, snapshot: Snapshot) -> Text:
    if training.ended is not None:
        return Text(printable(f"  {end_text(training.ended)}"))
    silent = time.time() - training.updated
    if snapshot.over:
        return Text("  cut off", style="red")
    if silent > SILENT_SECONDS:
        return Text(f"  it has told nothing for {whole_duration(silent)}", style="yellow")
    return Text()


def _about(training: TrainingProgress) -> str:
    started = training.started
    if not started.rows:
        return started.model
    text = (
        f"{started.model}: {started.rows:,} rows, {started.batch_size:,} a step, "
        f"{started.weights:,} weights, on {started.place}"
    )
    return text + (f"; from step {started.resumed_at:,} on" if started.resumed_at else "")


def _training_json(training: TrainingProgress, history: bool) -> dict[str, Any]:
    started, latest, best = training.started, training.latest, training.best
    last = training.epochs[-1] if training.epochs else None
    values: dict[str, Any] = {
        "model": started.model,
        "task": started.task,
        "rows": started.rows,
        "place": started.place,
        "epoch": max(latest.epoch if latest else 0, last.number if last else 0),
        "epochs": started.epochs,
        "step": latest.step if latest else None,
        "train_loss": last.train_loss if last else latest.train_loss if latest else None,
        "eval_loss": last.eval_loss if last else None,
        "best_epoch": best.number if best else None,
        "best_eval_loss": best.eval_loss if best else None,
        "samples_a_second": latest.samples_a_second if latest else None,
        "seconds_left": latest.seconds_left if latest and not training.ended else None,
        "gpu_memory": latest.gpu_memory if latest else None,
        "gpu_utilisation": latest.gpu_utilisation if latest else None,
        "told": training.updated,
        "ended": training.ended.reason if training.ended else None,
        "error": training.ended.error if training.ended else None,
    }
    if history:
        values["history"] = [
            {
                "number": epoch.number,
                "train_loss": epoch.train_loss,
                "eval_loss": epoch.eval_loss,
                "learning_rate": epoch.learning_rate,
            }
            for epoch in training.epochs
        ]
    return values
