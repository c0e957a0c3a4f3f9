"""The training loop: one network, in this process or in one of several that torchrun started.

``python -m plimsoll.train.loop.loop JOB.json`` trains what a job's file asks for. It ends with 0
when the network is written, with 143 when it was asked to stop and saved a checkpoint, and with 1
when it failed: the error is printed, and left as ``error.json`` beside the logs.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from plimsoll.errors import PlimsollError
from plimsoll.models.network import save_network
from plimsoll.storage.files import folder_written_whole, write_json
from plimsoll.train.distributed import devices, stopping
from plimsoll.train.distributed.process_group import (
    LostProcessError,
    World,
    join_process_group,
    lost_process_errors,
)
from plimsoll.train.job import Job, read_job
from plimsoll.train.loop import out_of_memory
from plimsoll.train.loop.setup import TrainingSetup, set_up_training
from plimsoll.train.loop.trainer import Interrupted, Trainer
from plimsoll.train.telemetry import failure_file
from plimsoll.train.telemetry.events import Ended, Event, Listener
from plimsoll.train.telemetry.history import Epoch, History
from plimsoll.train.telemetry.listeners import listeners_for

__all__ = ["Epoch", "History", "main", "run"]

HISTORY = "history.json"


def run(job: Job, listeners: Sequence[Listener] = ()) -> History:
    """Trains a network, going on from the newest checkpoint that is whole.

    The first process writes ``job.out``; all return the same.

    Args:
        job: What to train.
        listeners: Who is told, by the first process.

    Returns:
        What came of it.

    Raises:
        ArtifactError: if the examples are damaged, or the checkpoint is of another training.
        DataError: if the examples cannot be learnt from.
        ConfigError: if the training diverges or does not move, or memory ends.
        StepError: if another process of the training ends.
        SystemExit: with 143 after SIGTERM, once a checkpoint is saved.
        KeyboardInterrupt: after SIGINT, likewise.
    """
    asked: list[int] = []
    with stopping.on_signals(asked.append), join_process_group() as world:
        teller = _Teller(listeners)
        try:
            return _trained(job, world, teller, asked)
        except Interrupted:
            raise stopping.leave(asked[0] if asked else signal.SIGTERM) from None
        except RuntimeError as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            raise out_of_memory.outside_a_step(str(error)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what a job's file asks for, and returns the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if len(given) != 1:
        sys.stderr.write("usage: python -m plimsoll.train.loop.loop JOB.json\n")
        return 2
    logs: Path | None = None
    try:
        job = read_job(Path(given[0]))
        logs = job.logs
        history = run(job, listeners_for(job))
        for note in history.notes:
            sys.stdout.write(f"note: {note}\n")
    except PlimsollError as error:
        sys.stderr.write(f"error: {error}\n")
        _leave_word(logs, error)
        return 1
    except KeyboardInterrupt:
        return stopping.TERMINATED
    return 0


class _Teller:
    """Tells listeners; one that raised is told nothing more."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def __call__(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener.on_event(event)
            except BaseException:
                self._listeners = tuple(item for item in self._listeners if item is not listener)
                raise


def _trained(job: Job, world: World, tell: _Teller, asked: list[int]) -> History:
    if world.first and job.logs is not None:
        failure_file.clear(job.logs)
    device = devices.select_device(world)
    training: Trainer | None = None
    setting: TrainingSetup | None = None
    try:
        with lost_process_errors(world):
            setting = set_up_training(job, world, device)
            training = Trainer(setting, tell, lambda: bool(asked))
            history = training.run()
            weights = training.best_weights()
            if world.first:
                _write(job.out, setting, history, weights)
                stopped = len(history.epochs) < history.planned
                tell(training.ended("stopped early" if stopped else "all epochs"))
            # The others wait until it is written: their end would be taken for the training's.
            world.summed(0.0)
    except Interrupted:
        if world.first and training is not None:
            tell(training.ended("interrupted"))
        raise
    except Exception as error:
        said = error.headline if isinstance(error, PlimsollError) else repr(error)
        if world.first:
            none = Ended(best_epoch=0, eval_loss=float("nan"), reason="failed", error=said)
            tell(training.ended("failed", said) if training is not None else none)
        raise
    finally:
        if setting is not None:
            setting.source.close()
    return history


def _write(
    out: Path, setting: TrainingSetup, history: History, weights: dict[str, torch.Tensor]
) -> None:
    network = setting.network()
    held = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    with torch.no_grad():
        for name, value in weights.items():
            held[name].copy_(value)
    network.eval()
    with folder_written_whole(out) as aside:
        save_network(aside, network)
        write_json(aside / HISTORY, history.to_dict())


def _leave_word(logs: Path | None, error: PlimsollError) -> None:
    # What ended this process because another one had ended says less than that one's error.
    if logs is None or (isinstance(error, LostProcessError) and failure_file.read_error(logs)):
        return
    failure_file.write_error(logs, error)


if __name__ == "__main__":
    sys.exit(main())
