"""A training from its first step, or its newest checkpoint, to its last."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable

import torch

from plimsoll.train.data.tensors import TensorBatch
from plimsoll.train.distributed import devices
from plimsoll.train.distributed.heartbeat import Beat, Heartbeat
from plimsoll.train.loop import checkpoints, out_of_memory, train_state
from plimsoll.train.loop.loss_checks import check_finite, check_moves
from plimsoll.train.loop.setup import TrainingSetup
from plimsoll.train.telemetry.events import Ended, Event, Saved, Started, Stepped
from plimsoll.train.telemetry.events import Epoch as EpochTold
from plimsoll.train.telemetry.history import Epoch, History


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The training was asked to stop, and what it had come to was saved."""


class Trainer:
    """One process's part of a training.

    Args:
        setting: What it works with.
        tell: Takes events; called in the first process alone.
        stopping: Whether this process was asked to stop.
    """

    def __init__(
        self, setting: TrainingSetup, tell: Callable[[Event], None], stopping: Callable[[], bool]
    ) -> None:
        self._setting, self._steps = setting, setting.steps
        self._parts = setting.steps.parts
        self._config, self._world = setting.job.config, self._parts.world
        self._tell = tell if self._world.first else _ignore
        seconds = 60 * self._config.checkpoint_minutes if setting.job.checkpoints else 0.0
        self._pulse = Heartbeat(self._world, stopping, seconds, self._config.batch_size)
        self._identity = train_state.identity(setting.job, setting.shape.network)
        self._progress = train_state.TrainState()
        self._notes: tuple[str, ...] = ()

    def run(self) -> History:
        """Trains to the end, and returns what came of it.

        Raises:
            ConfigError: if the loss is no number or does not move, or memory ends.
            ArtifactError: if the checkpoint is of another training.
            Interrupted: if it was asked to stop.
        """
        self._resume()
        self._tell(self._started())
        for epoch in self._progress.epochs:
            self._tell(EpochTold(**dataclasses.asdict(epoch), again=True))
        self._pulse.begin(self._progress.step)
        while not self._over:
            self._epoch()
            self._booked()
        return self.history

    @property
    def history(self) -> History:
        """What came of it so far."""
        progress = self._progress
        return History(
            epochs=tuple(progress.epochs),
            best=progress.best,
            planned=self._config.epochs,
            device=self._place,
            notes=self._notes,
        )

    @property
    def best_loss(self) -> float:
        """The eval loss of the best epoch; NaN if there is none yet."""
        progress = self._progress
        return progress.epochs[progress.best - 1].eval_loss if progress.best else math.nan

    def ended(self, reason: str, error: str = "") -> Ended:
        """Returns the event of its end."""
        return Ended(
            best_epoch=self._progress.best, eval_loss=self.best_loss, reason=reason, error=error
        )

    def best_weights(self) -> dict[str, torch.Tensor]:
        """Returns the whole weights of the best epoch; all processes have to ask together."""
        kept, weights = self._progress.best_weights, self._parts.weights
        return {name: weights.whole(name, value) for name, value in kept.items()}

    @property
    def _place(self) -> str:
        return devices.describe_device(self._parts.device, self._world)

    @property
    def _over(self) -> bool:
        progress = self._progress
        stopped = progress.stale >= self._config.patience
        return stopped or len(progress.epochs) >= self._config.epochs

    def _resume(self) -> None:
        folder = self._setting.job.checkpoints
        if folder is None:
            return
        found: list[object] = ["", []]
        if self._world.first:
            checkpoints.remove_unfinished(folder)
            path, notes = checkpoints.newest(folder, self._identity)
            found = [path.name if path else "", list(notes)]
        name, said = self._world.from_first(found)
        self._notes = tuple(said)
        if name:
            path = folder / name
            self._progress = train_state.restore(checkpoints.read(path), self._steps, path)
            self._notes += (f"went on from step {self._progress.step:,}",)

    def _started(self) -> Started:
        setting = self._setting
        return Started(
            model=self._config.model,
            task=setting.examples.task,
            rows=setting.examples.rows["train"],
            batch_size=self._config.batch_size,
            steps_an_epoch=setting.steps_an_epoch,
            epochs=self._config.epochs,
            weights=setting.parameters,
            place=self._place,
            processes=self._world.size,
            resumed_at=self._progress.step,
        )

    def _epoch(self) -> None:
        """Takes the steps that the epoch lacks."""
        progress, steps = self._progress, self._setting.steps_an_epoch
        epoch, first = divmod(progress.step, steps)
        self._parts.model.train()
        self._begun = time.monotonic()
        rows = self._setting.examples.rows["train"]
        every = self._config.checkpoint_steps if self._setting.job.checkpoints else 0
        for at in range(first, steps):
            whole = min(self._config.batch_size, rows - at * self._config.batch_size)
            self._step(self._setting.source.batch(epoch, at), whole)
            progress.step += 1
            if at + 1 == steps:
                return
            forced = bool(every) and progress.step % every == 0
            if forced or self._pulse.due(progress.step):
                self._look(seen=(at + 1) * self._config.batch_size, save=forced)

    def _step(self, batch: TensorBatch, whole: int) -> None:
        try:
            self._steps.run(batch, rows=whole, step=self._progress.step)
            return
        except RuntimeError as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            said = str(error)
        # The traceback is gone, and with it what the step had in memory.
        raise self._out_of_memory(batch, said)

    def _out_of_memory(self, batch: TensorBatch, said: str) -> Exception:
        alone = self._world.size == 1
        fits = len(batch) // 2
        if alone:
            fits = out_of_memory.largest_fitting(
                batch, lambda rows: self._steps.backward(rows, len(rows))
            )
        return out_of_memory.batch_too_large(
            self._config.batch_size, fits * self._world.size, measured=alone, said=said
        )

    def _look(self, *, seen: int, save: bool) -> None:
        """Looks up: at the loss so far, at the clock, and whether to save or to stop."""
        progress = self._progress
        look = self._pulse.beat(progress.step, float(self._steps.total))
        epoch = (progress.step - 1) // self._setting.steps_an_epoch + 1
        loss = look.losses / seen
        check_finite(loss, split="train", epoch=epoch, step=progress.step, config=self._config)
        self._tell(self._stepped(look, epoch, loss))
        if (save or look.save or look.stop) and self._setting.job.checkpoints:
            self._save()
        if look.stop:
            raise Interrupted

    def _stepped(self, look: Beat, epoch: int, loss: float) -> Stepped:
        step, parts = self._progress.step, self._parts
        left = parts.schedule.total - step
        return Stepped(
            epoch=epoch,
            step=step,
            train_loss=loss,
            learning_rate=parts.schedule.rate(step),
            samples_a_second=look.samples_a_second,
            seconds_left=left * self._config.batch_size / look.samples_a_second,
            gpu_memory=devices.memory_in_use(parts.device),
            gpu_utilisation=devices.utilisation(parts.device),
        )

    def _booked(self) -> None:
        """Evaluates, books the epoch, keeps its weights if they are the best, and saves."""
        progress, rows = self._progress, self._setting.examples.rows["train"]
        number = progress.step // self._setting.steps_an_epoch
        losses = self._world.summed(float(self._steps.total))[0]
        named = {"epoch": number, "step": progress.step, "config": self._config}
        check_finite(losses / rows, split="train", **named)  # type: ignore[arg-type]
        begun = time.monotonic()
        eval_loss = self._evaluated(number)
        self._pulse.exclude(time.monotonic() - begun)
        check_finite(eval_loss, split="eval", **named)  # type: ignore[arg-type]
        epoch = Epoch(
            number=number,
            train_loss=losses / rows,
            eval_loss=eval_loss,
            learning_rate=self._parts.schedule.rate(progress.step),
        )
        progress.epochs.append(epoch)
        check_moves(progress.epochs, self._config)
        seconds = time.monotonic() - self._begun
        self._tell(EpochTold(**dataclasses.asdict(epoch), seconds=seconds))
        every = self._config.checkpoint_steps
        look = self._pulse.beat(progress.step, float(self._steps.total))
        self._tell(self._stepped(look, number, epoch.train_loss))
        self._steps.total.zero_()
        save = bool(every) and progress.step % every == 0
        if (save or look.save or look.stop) and self._setting.job.checkpoints:
            self._save()
        if look.stop and not self._over:
            raise Interrupted

    def _evaluated(self, number: int) -> float:
        """Returns the eval loss of the average, whose weights are kept if it is the lowest."""
        progress, parts = self._progress, self._parts
        with parts.ema.applied():
            loss = self._mean_loss()
            # Weights that still warm up may be lucky in their mean, but order rows badly.
            settled = parts.schedule.warmed_up(progress.step)
            if settled and not loss >= self.best_loss and math.isfinite(loss):
                progress.best, progress.stale = number, 0
                values = {**parts.weights.local, **parts.weights.buffers}
                progress.best_weights = {name: value.clone() for name, value in values.items()}
            elif settled:
                progress.stale += 1
        return loss

    def _mean_loss(self) -> float:
        held_out, parts = self._setting.held_out, self._parts
        parts.model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=parts.device)
        with torch.no_grad():
            for rows in held_out.parts():
                answers = parts.model(rows.numeric, rows.categorical)
                sums += parts.loss.eval_loss(answers, rows.target)
            for rows in held_out.fillers():
                parts.model(rows.numeric, rows.categorical)
        total, count = self._world.summed(*sums.tolist())
        return total / count

    def _save(self) -> None:
        begun = time.monotonic()
        checkpoint = train_state.capture(self._progress, self._steps)
        folder = self._setting.job.checkpoints
        if self._world.first and folder is not None:
            kept = self._config.checkpoints_kept
            checkpoints.write(folder, checkpoint, self._identity, kept)
        seconds = time.monotonic() - begun
        self._pulse.checkpoint_saved()
        self._pulse.exclude(seconds)
        self._tell(Saved(step=self._progress.step, seconds=seconds))


def _ignore(_: Event) -> None:
    return
