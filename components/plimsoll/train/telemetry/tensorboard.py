"""TensorBoard's event files: losses by step while they are made, the learning rate, the speed.

The curves of the two splits lie in folders of their own, ``train`` and ``eval``, under one tag, so
that TensorBoard draws them into one chart.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.train.telemetry.events import Ended, EpochFinished, Event, Started, Stepped

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

GIBIBYTE = 1 << 30
CURVE_SPLITS = ("train", "eval")
_OF_EPOCH = ("loss", "learning_rate")


class TensorBoard:
    """Writes event files that TensorBoard shows while they grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, EventFileWriter] = {}
        self._steps_an_epoch = 1
        self._epoch_ended = 0
        self._appends = False

    def on_event(self, event: Event) -> None:
        """Writes what an event says, and hands it to the system at once."""
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Stepped):
            values = _of_step(event)
            if event.step == self._epoch_ended:
                # The loss of its epoch is written already.
                values = {tag: values[tag] for tag in values if tag not in _OF_EPOCH}
            self._write("train", event.step, values)
        elif isinstance(event, EpochFinished) and not (event.again and self._appends):
            step = event.number * self._steps_an_epoch
            self._epoch_ended = step
            train = dict(zip(_OF_EPOCH, (event.train_loss, event.learning_rate), strict=True))
            self._write("train", step, {**train, "epoch": event.number})
            self._write("eval", step, {"loss": event.eval_loss})
        elif isinstance(event, Ended):
            self._close()

    def _start(self, event: Started) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._close()
        self._steps_an_epoch = event.steps_an_epoch
        # What was written here before is drawn already.
        self._appends = any(self._folder.glob("eval/events.out.tfevents.*"))
        for split in CURVE_SPLITS:
            self._writers[split] = EventFileWriter(str(self._folder / split))
        if event.resumed_at:
            # What was written past the checkpoint is taken again: TensorBoard forgets it.
            for split in CURVE_SPLITS:
                self._add(split, event.resumed_at + 1, session_log=SessionLog(status=_START))

    def _write(self, split: str, step: int, values: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        shown = [
            Summary.Value(tag=tag, simple_value=value)
            for tag, value in values.items()
            if math.isfinite(value)
        ]
        if shown and split in self._writers:
            self._add(split, step, summary=Summary(value=shown))

    def _add(self, split: str, step: int, **content: object) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent

        writer = self._writers[split]
        writer.add_event(TensorBoardEvent(wall_time=time.time(), step=step, **content))
        writer.flush()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


_START = 1  # SessionLog.START, which a type checker does not see.


def _of_step(event: Stepped) -> dict[str, float]:
    values = {
        "loss": event.train_loss,
        "learning_rate": event.learning_rate,
        "samples_a_second": event.samples_a_second,
    }
    if event.gpu_memory:
        values["gpu/memory_gib"] = event.gpu_memory / GIBIBYTE
        values["gpu/utilisation"] = event.gpu_utilisation
    return values
