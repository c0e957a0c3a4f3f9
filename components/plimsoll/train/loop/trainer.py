"""The training loop: from the first step, or the newest checkpoint, to the last."""

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
from plimsoll.train.telemetry.events import Ended, EpochFinished, Event, Saved, Started, Stepped
from plimsoll.train.telemetry.history import Epoch, History


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The training was asked to stop, and what it had come to was saved."""


class Trainer:
    """One process's part of a training.

    Args:
        setup: What it works with.
        emit: Takes events; called in the first process alone.
        stopping: Whether this process was asked to stop.
    """

    def __init__(
        self, setup: TrainingSetup, emit: Callable[[Event], None], stopping: Callable[[], bool]
    ) -> None:
        self._setup, self._train_step = setup, setup.train_step
        self._parts = setup.train_step.parts
        self._config, self._world = setup.job.config, self._parts.world
        self._train_rows = setup.examples.rows["train"]
        self._emit = emit if self._world.first else lambda _: None
        seconds = 60 * self._config.checkpoint_minutes if setup.job.checkpoints else 0.0
        self._heartbeat = Heartbeat(self._world, stopping, seconds, self._config.batch_size)
        self._identity = train_state.identity(setup.job, setup.spec.network)
        self._state = train_state.TrainState()
        self._notes: tuple[str, ...] = ()

    def run(self) -> History:
        """Trains to the end, and returns what came of it.

        Raises:
            ConfigError: if the loss is no number or does not move, or memory ends.
            ArtifactError: if the checkpoint is of another training.
            Interrupted: if it was asked to stop.
        """
        self._resume()
        self._emit(self._started())
        for epoch in self._state.epochs:
            self._emit(EpochFinished(**dataclasses.asdict(epoch), again=True))
        self._heartbeat.begin(self._state.step)
        while not self._over:
            self._train_epoch()
            self._finish_epoch()
        return self.history

    @property
    def history(self) -> History:
        """What came of it so far."""
        return History(
            epochs=tuple(self._state.epochs),
            best=self._state.best_epoch,
            planned=self._config.epochs,
            device=self._device,
            notes=self._notes,
        )

    @property
    def best_loss(self) -> float:
        """The eval loss of the best epoch; NaN if there is none yet."""
        state = self._state
        return state.epochs[state.best_epoch - 1].eval_loss if state.best_epoch else math.nan

    def ended(self, reason: str, error: str = "") -> Ended:
        """Returns the event of its end."""
        return Ended(
            best_epoch=self._state.best_epoch, eval_loss=self.best_loss, reason=reason, error=error
        )

    def best_weights(self) -> dict[str, torch.Tensor]:
        """Returns the whole weights of the best epoch; all processes have to call it together."""
        gathered = self._parts.weights.gathered
        return {name: gathered(name, part) for name, part in self._state.best_weights.items()}

    @property
    def _device(self) -> str:
        return devices.describe_device(self._parts.device, self._world)

    @property
    def _over(self) -> bool:
        stopped = self._state.stale >= self._config.patience
        return stopped or len(self._state.epochs) >= self._config.epochs

    @property
    def _at_checkpoint_step(self) -> bool:
        every = self._config.checkpoint_steps
        return bool(every) and self._state.step % every == 0

    def _resume(self) -> None:
        folder = self._setup.job.checkpoints
        if folder is None:
            return
        newest: list[object] = ["", []]
        if self._world.first:
            checkpoints.remove_unfinished(folder)
            path, notes = checkpoints.newest(folder, self._identity)
            newest = [path.name if path else "", list(notes)]
        name, messages = self._world.broadcast(newest)
        self._notes = tuple(messages)
        if name:
            path = folder / name
            self._state = train_state.restore(checkpoints.read(path), self._train_step, path)
            self._notes += (f"went on from step {self._state.step:,}",)

    def _started(self) -> Started:
        return Started(
            model=self._config.model,
            task=self._setup.examples.task,
            rows=self._train_rows,
            batch_size=self._config.batch_size,
            steps_an_epoch=self._setup.steps_an_epoch,
            epochs=self._config.epochs,
            weights=self._setup.parameters,
            place=self._device,
            processes=self._world.size,
            resumed_at=self._state.step,
        )

    def _train_epoch(self) -> None:
        """Takes the steps that the epoch lacks."""
        state, steps, size = self._state, self._setup.steps_an_epoch, self._config.batch_size
        epoch, first = divmod(state.step, steps)
        self._parts.model.train()
        self._epoch_begun = time.monotonic()
        for step in range(first, steps):
            batch = self._setup.batches.batch(epoch, step)
            self._learn(batch, min(size, self._train_rows - step * size))
            state.step += 1
            if step + 1 == steps:
                return
            save = self._at_checkpoint_step and self._setup.job.checkpoints is not None
            if save or self._heartbeat.due(state.step):
                self._report(epoch + 1, rows=(step + 1) * size, save=save)

    def _learn(self, batch: TensorBatch, global_rows: int) -> None:
        try:
            self._train_step.run(batch, rows=global_rows, step=self._state.step)
            return
        except RuntimeError as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            message = str(error)
        # The traceback is gone, and with it what the step had in memory.
        alone = self._world.size == 1
        fits = len(batch) // 2
        if alone:
            backward = self._train_step.backward
            fits = out_of_memory.largest_fitting(batch, lambda rows: backward(rows, len(rows)))
        raise out_of_memory.batch_too_large(
            self._config.batch_size, fits * self._world.size, measured=alone, message=message
        )

    def _report(self, epoch: int, *, rows: int, save: bool) -> None:
        """Looks at the loss so far and at the clock, and saves or stops if it is time to."""
        step = self._state.step
        beat = self._heartbeat.beat(step, float(self._train_step.total))
        loss = beat.losses / rows
        check_finite(loss, split="train", epoch=epoch, step=step, config=self._config)
        self._emit(self._stepped(beat, epoch, loss))
        if save or beat.save or beat.stop:
            self._save()
        if beat.stop:
            raise Interrupted

    def _stepped(self, beat: Beat, epoch: int, loss: float) -> Stepped:
        step, parts = self._state.step, self._parts
        left = parts.schedule.total - step
        return Stepped(
            epoch=epoch,
            step=step,
            train_loss=loss,
            learning_rate=parts.schedule.rate(step),
            samples_a_second=beat.samples_a_second,
            seconds_left=left * self._config.batch_size / beat.samples_a_second,
            gpu_memory=devices.memory_in_use(parts.device),
            gpu_utilisation=devices.utilisation(parts.device),
        )

    def _finish_epoch(self) -> None:
        """Evaluates, records the epoch, keeps its weights if they are the best, and saves."""
        state = self._state
        number = state.step // self._setup.steps_an_epoch
        train_loss = self._world.all_reduce(float(self._train_step.total))[0] / self._train_rows
        check_finite(train_loss, split="train", epoch=number, step=state.step, config=self._config)
        begun = time.monotonic()
        eval_loss = self._evaluate(number)
        self._heartbeat.exclude(time.monotonic() - begun)
        check_finite(eval_loss, split="eval", epoch=number, step=state.step, config=self._config)
        epoch = Epoch(
            number=number,
            train_loss=train_loss,
            eval_loss=eval_loss,
            learning_rate=self._parts.schedule.rate(state.step),
        )
        state.epochs.append(epoch)
        check_moves(state.epochs, self._config)
        seconds = time.monotonic() - self._epoch_begun
        self._emit(EpochFinished(**dataclasses.asdict(epoch), seconds=seconds))
        beat = self._heartbeat.beat(state.step, float(self._train_step.total))
        self._emit(self._stepped(beat, number, train_loss))
        self._train_step.total.zero_()
        if self._at_checkpoint_step or beat.save or beat.stop:
            self._save()
        if beat.stop and not self._over:
            raise Interrupted

    def _evaluate(self, number: int) -> float:
        """Returns the eval loss of the average, whose weights are kept if it is the lowest."""
        state, parts = self._state, self._parts
        with parts.ema.applied():
            loss = self._eval_loss()
            # Weights that still warm up may be lucky in their mean, but order rows badly.
            warmed_up = parts.schedule.warmed_up(state.step)
            if warmed_up and not loss >= self.best_loss and math.isfinite(loss):
                state.best_epoch, state.stale = number, 0
                values = {**parts.weights.local, **parts.weights.buffers}
                state.best_weights = {name: value.clone() for name, value in values.items()}
            elif warmed_up:
                state.stale += 1
        return loss

    def _eval_loss(self) -> float:
        parts = self._parts
        parts.model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=parts.device)
        with torch.no_grad():
            for rows in self._setup.eval_batches.batches():
                outputs = parts.model(rows.numeric, rows.categorical)
                sums += parts.loss.eval_sums(outputs, rows.target)
            for rows in self._setup.eval_batches.filler_batches():
                parts.model(rows.numeric, rows.categorical)
        total, count = self._world.all_reduce(*sums.tolist())
        return total / count

    def _save(self) -> None:
        """Writes a checkpoint, if any are taken."""
        folder = self._setup.job.checkpoints
        if folder is None:
            return
        begun = time.monotonic()
        checkpoint = train_state.capture(self._state, self._train_step)
        if self._world.first:
            kept = self._config.checkpoints_kept
            checkpoints.write(folder, checkpoint, self._identity, kept)
        seconds = time.monotonic() - begun
        self._heartbeat.checkpoint_saved()
        self._heartbeat.exclude(seconds)
        self._emit(Saved(step=self._state.step, seconds=seconds))
