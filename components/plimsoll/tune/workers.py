"""The processes that run trials, as the search sees them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plimsoll
from plimsoll.processes import how_it_ended

MODULE = "plimsoll.tune.worker"
TICK_SECONDS = 0.2
SECONDS_TO_END = 10.0
LAST_LINES = 12


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a trial."""

    state: str
    """``complete``, ``pruned`` or ``failed``."""
    eval_loss: float | None = None
    """Complete: log loss, or root mean squared error in the label's unit."""
    epochs: int = 0
    best: int = 0
    """The epoch, or the tree, that was kept."""
    why: str = ""
    """Failed, or pruned by the clock: in words."""


class Worker:
    """One process; it is started when there is a trial, and again if it dies.

    Args:
        variables: Environment variables: its share of the machine.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread()

    def run(
        self,
        job: Path,
        log: Path,
        report: Callable[[int, float], bool],
        stopped: Callable[[], str],
    ) -> Outcome:
        """Runs a trial to its end.

        Args:
            job: The training's file.
            log: Takes what is printed.
            report: Takes a step of ``REPORTS`` and the loss there; says if the trial is to go on.
            stopped: Says, asked again and again, why the trial must stop; empty: it need not.
        """
        if self._process is not None and self._process.poll() is not None:
            self._forget()
        if self._process is None:
            self._start(log)
        self._say(job=str(job), log=str(log))
        while not (why := stopped()):
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=TICK_SECONDS)
                if line is None:
                    return Outcome(state="failed", why=self._death(log))
                answer: dict[str, Any] = json.loads(line)
                if "state" in answer:
                    return Outcome(**answer)
                self._say(go_on=report(int(answer["step"]), float(answer["eval_loss"])))
        self.kill()
        return Outcome(state="pruned", why=why)

    def end(self) -> None:
        """Lets the process end, and sees to it that it does."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._forget()

    def kill(self) -> None:
        """Ends the process at once."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _forget(self) -> int:
        """Waits for the process, which ends, and returns its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        code = process.wait()
        self._reader.join()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return code

    def _start(self, log: Path) -> None:
        root = str(Path(plimsoll.__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with log.open("a", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                encoding="utf-8",
                env={**os.environ, **self._variables, "PYTHONPATH": os.pathsep.join(paths)},
            )
        self._lines = queue.Queue()
        arguments = (self._process, self._lines)
        self._reader = threading.Thread(target=_read, args=arguments, daemon=True)
        self._reader.start()

    def _say(self, **request: Any) -> None:
        # A process that has died says so by the end of its output.
        with contextlib.suppress(OSError):
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()

    def _death(self, log: Path) -> str:
        code = self._forget()
        lines = log.read_text("utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"its process {how_it_ended(code)}", *lines])


def machine_shares(
    workers: int, threads: int, processors: int, gpus: tuple[str, ...]
) -> list[MachineShare]:
    """Divides the machine among workers.

    Args:
        workers: How many; 0: one a GPU, or one.
        threads: Threads that a trial shall have; 0: an even share.
        processors: Those that this process may use.
        gpus: Names of the GPUs, as ``CUDA_VISIBLE_DEVICES`` has them.
    """
    workers = workers or len(gpus) or 1
    each = threads or max(1, processors // workers)
    shares = []
    for index in range(workers):
        variables = {"OMP_NUM_THREADS": str(each)}
        if gpus:
            mine = gpus[index::workers] or (gpus[index % len(gpus)],)
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        shares.append(MachineShare(threads=each, variables=variables))
    return shares


@dataclass(frozen=True, kw_only=True)
class MachineShare:
    """A worker's part of the machine."""

    threads: int
    variables: Mapping[str, str]
    """For its environment."""


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    if process.stdout is not None:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)
