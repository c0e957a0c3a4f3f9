"""Runs the trials of a search, several at a time, until its budget is spent."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.formats.examples import Examples
from plimsoll.train.job import Job
from plimsoll.train.telemetry.console import say
from plimsoll.tune.search import FinishedTrial, SampledTrial, Search
from plimsoll.tune.space import text_of
from plimsoll.tune.workers import MachineShare, Outcome, Worker, machine_shares

if TYPE_CHECKING:
    from plimsoll.tune.model import TuneRequest

TRIALS = "trials"
LONGEST_REASON = 160


class _SearchEndedError(Exception):
    """Raised in a worker's thread where the search ends early; its trial stays as it is."""


@dataclass(kw_only=True)
class TrialRunner:
    """The trials as they are run."""

    search: Search
    source: Examples
    folder: Path
    request: TuneRequest
    _broken_off: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Runs trials until there are no more to run.

        A trial that fails is recorded; what else is raised ends the search, which then goes on
        from here at its next start.
        """
        parts = self._shares()
        if self.search.resumed:
            say(f"{self.search.resumed} trials had ended before; going on")
        with ThreadPoolExecutor(len(parts)) as pool:
            waiting = [pool.submit(self._work, part) for part in parts]
            try:
                wait(waiting, return_when=FIRST_EXCEPTION)
            finally:
                self._broken_off.set()
        for done in waiting:
            done.result()
        shutil.rmtree(self.folder / TRIALS, ignore_errors=True)

    def _shares(self) -> list[MachineShare]:
        from plimsoll.train.distributed.devices import usable_processors

        config = self.request.config
        threads = self.request.space.base.threads
        return machine_shares(config.workers, threads, usable_processors(), gpus())

    def _work(self, share: MachineShare) -> None:
        worker = Worker(share.variables)
        try:
            while (sampled := self.search.next()) is not None:
                outcome = self.search.duplicate_outcome(sampled) or self._outcome(
                    worker, sampled, share
                )
                self._print_trial(self.search.finish(sampled, outcome))
        except _SearchEndedError:
            worker.kill()
        finally:
            worker.end()

    def _outcome(self, worker: Worker, sampled: SampledTrial, share: MachineShare) -> Outcome:
        folder = self.folder / TRIALS / f"{sampled.number:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.source.rows["train"]
        job = Job(
            examples=self.source.folder.resolve(),
            out=folder / "model",
            config=dataclasses.replace(sampled.config, threads=share.threads).for_rows(rows),
            checkpoints=folder / "checkpoints",
            module=self.request.module if sampled.config.model == "module" else "",
        )
        outcome = worker.run(
            job.write(folder),
            folder / "log.txt",
            lambda step, loss: self.search.report(sampled, step, loss),
            self._stopped,
        )
        for name in ("model", "checkpoints"):
            shutil.rmtree(folder / name, ignore_errors=True)
        return outcome

    def _stopped(self) -> str:
        if self._broken_off.is_set():
            raise _SearchEndedError
        return self.search.stop_reason()

    def _print_trial(self, trial: FinishedTrial) -> None:
        best = self.search.best()
        parts = [f"trial {trial.number}"]
        limit = self.request.config.trials
        parts[0] += f" of {limit}:" if limit else ":"
        parts.append(trial.state)
        if trial.eval_loss is not None:
            parts.append(f"eval loss {trial.eval_loss:.5f}")
        parts += [
            f"{name}={f'{value:.4g}' if isinstance(value, float) else text_of(value)}"
            for name, value in trial.values.items()
        ]
        if best is not None:
            parts.append(f"(best {best.eval_loss:.5f}, trial {best.number})")
        say(" ".join(parts))
        if trial.why:
            say(f"  {trial.why.splitlines()[0][:LONGEST_REASON]}")


def gpus() -> tuple[str, ...]:
    """Returns the names of the GPUs that this process may use."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = (
        [name.strip() for name in visible.split(",")] if visible else list(map(str, range(count)))
    )
    return tuple(names[:count])
