"""The training loop: one network, in this process or in one of several that torchrun started.

``python -m plimsoll.train.loop.loop JOB.json`` trains what a job's file asks for. It ends with 0
when the network is written, with 143 when it was asked to stop and saved a checkpoint, and with 1
when it failed: the error is printed, and left as ``error.json`` beside the logs.
"""

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
        listeners: They take the events of the first process.

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
    signals: list[int] = []
    with stopping.on_signals(signals.append), join_process_group() as world:
        try:
            return _train(job, world, _Dispatcher(listeners), signals)
        except Interrupted:
            raise stopping.exit_for_signal(signals[0] if signals else signal.SIGTERM) from None
        except RuntimeError as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            raise out_of_memory.outside_a_step(str(error)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what a job's file asks for, and returns the exit status."""
    paths = sys.argv[1:] if arguments is None else list(arguments)
    if len(paths) != 1:
        sys.stderr.write("usage: python -m plimsoll.train.loop.loop JOB.json\n")
        return 2
    logs: Path | None = None
    try:
        job = read_job(Path(paths[0]))
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


class _Dispatcher:
    """Passes events on to listeners; one that raised gets no more of them."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def __call__(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener.on_event(event)
            except BaseException:
                self._listeners = tuple(item for item in self._listeners if item is not listener)
                raise


def _train(job: Job, world: World, emit: _Dispatcher, signals: list[int]) -> History:
    if world.first and job.logs is not None:
        failure_file.clear(job.logs)
    device = devices.select_device(world)
    trainer: Trainer | None = None
    setup: TrainingSetup | None = None
    try:
        with lost_process_errors(world):
            setup = set_up_training(job, world, device)
            trainer = Trainer(setup, emit, lambda: bool(signals))
            history = trainer.run()
            weights = trainer.best_weights()
            if world.first:
                _write(job.out, setup, history, weights)
                stopped = len(history.epochs) < history.planned
                emit(trainer.ended("stopped early" if stopped else "all epochs"))
            # The others wait until it is written: their end would be taken for the training's.
            world.all_reduce(0.0)
    except Interrupted:
        if world.first and trainer is not None:
            emit(trainer.ended("interrupted"))
        raise
    except Exception as error:
        headline = error.headline if isinstance(error, PlimsollError) else repr(error)
        if world.first:
            none = Ended(best_epoch=0, eval_loss=float("nan"), reason="failed", error=headline)
            emit(trainer.ended("failed", headline) if trainer is not None else none)
        raise
    finally:
        if setup is not None:
            setup.batches.close()
    return history


def _write(
    out: Path, setup: TrainingSetup, history: History, weights: dict[str, torch.Tensor]
) -> None:
    network = setup.network()
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
