"""Several processes of one training on this machine: torchrun, as a process of ours."""

import codecs
import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import IO

import plimsoll
from plimsoll.errors import StepError
from plimsoll.processes import die_with_parent, how_it_ended
from plimsoll.train.distributed.stopping import exit_for_signal, on_signals
from plimsoll.train.job import Job
from plimsoll.train.telemetry import webhook
from plimsoll.train.telemetry.failure_file import clear, read_error

GRACE_SECONDS = 60.0
"""From being asked to stop to being killed: a checkpoint is saved meanwhile."""
READER_SECONDS = 10.0
TAIL_BYTES = 1 << 16
SHOWN_LINES = 12
_EXIT = re.compile(r"\brank\s*: (\d+) .*\n\s*exitcode\s*: (-?\d+)")
_TORCHRUN_SUMMARY = re.compile(
    r"^(E\d{4} .*torch/distributed/|W\d{4} .*closing signal)", re.MULTILINE
)


def run(job: Job, processes: int) -> None:
    """Trains with several processes, and passes on what they print.

    They end with this process, however that ends. SIGTERM and SIGINT are passed on once: the
    training saves a checkpoint and leaves; a second one kills it.

    Raises:
        PlimsollError: what ended the training, as its process reported it.
        StepError: if a process died without a word.
        SystemExit: with 143 after SIGTERM.
    """
    with tempfile.TemporaryDirectory(prefix="plimsoll-torchrun-") as folder:
        logs = job.logs or Path(folder) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        clear(logs)
        file = dataclasses.replace(job, logs=logs).write(Path(folder))
        ended = _Torchrun(command(processes, file, "--standalone"), processes).wait()
        if ended.signal:
            raise exit_for_signal(ended.signal)
        if ended.code:
            with webhook.alert_on_error(job.title, logs):
                # Who was killed left no word; what the others left is that they lost it.
                raise (
                    kill_error(ended.tail) or read_error(logs) or exit_error(ended.code, ended.tail)
                )


def command(
    processes: int, job_file: PurePath, *flags: str, python: str = sys.executable
) -> list[str]:
    """Returns torchrun's command for so many processes on this machine.

    Args:
        processes: Processes on this machine.
        job_file: The job, as every process sees it.
        flags: More of torchrun's own; ``--standalone`` where this machine is the only one.
        python: The interpreter.
    """
    run_worker = ["-m", "plimsoll.train.worker", str(job_file)]
    launcher = ["-m", "torch.distributed.run", *flags, f"--nproc-per-node={processes}"]
    # A training that failed is not tried again: what ended it would end it again.
    return [python, *launcher, "--max-restarts=0", *run_worker]


def kill_error(tail: str) -> StepError | None:
    """Returns the error for a process that a signal killed, by torchrun's account, or None.

    SIGTERM is what torchrun itself sends the others.
    """
    for rank, code in _EXIT.findall(tail):
        number = -int(code)
        if number > 0 and number != signal.SIGTERM:
            return StepError(
                f"process {rank} of the training {how_it_ended(-number)}",
                cause=last_lines(tail),
                hint="run again: it goes on from its last checkpoint",
            )
    return None


def exit_error(code: int, tail: str) -> StepError:
    """Returns the error for a training whose processes left no word of why they ended."""
    return StepError(f"the training exited with {code}", cause=last_lines(tail))


def last_lines(text: str) -> str:
    """Returns the last lines of what was printed before torchrun's own account of the end."""
    before = text.replace("\r", "\n")
    summary = _TORCHRUN_SUMMARY.search(before)
    lines = before[: summary.start() if summary else None].rstrip().splitlines()
    return "\n".join(line.rstrip() for line in lines[-SHOWN_LINES:])


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Exit:
    code: int
    signal: int
    """What asked this process to stop; 0: nothing did."""
    tail: str


class _Torchrun:
    """A torchrun that was started: what it prints goes to our standard output."""

    def __init__(self, command: Sequence[str], processes: int) -> None:
        self._command = command
        self._processes = processes
        self._signal = 0
        self._tail = ""

    def wait(self) -> _Exit:
        """Starts it, and waits for its end."""
        with on_signals(self._on_signal):
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=_environment(self._processes),
                # Signals to our group reach it through us alone: a second one while it stops its
                # processes would make it leave them behind.
                process_group=0,
                # Asked, not killed: it takes its processes with it.
                preexec_fn=partial(die_with_parent, signal.SIGTERM),  # noqa: PLW1509
            )
            if self._signal:
                self._process.terminate()
            try:
                return self._waited(self._process)
            except BaseException:
                self._process.kill()
                self._process.wait()
                raise

    def _waited(self, process: subprocess.Popen[bytes]) -> _Exit:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        reader = threading.Thread(target=self._pass_on, args=[process.stdout], daemon=True)
        reader.start()
        code = process.wait()
        # What a process left behind may hold the pipe open.
        reader.join(READER_SECONDS)
        if not reader.is_alive():
            process.stdout.close()
        return _Exit(code=code, signal=self._signal, tail=self._tail)

    def _on_signal(self, number: int) -> None:
        again, self._signal = bool(self._signal), number
        process = getattr(self, "_process", None)
        if process is None:
            return
        if again:
            process.kill()
            return
        process.terminate()
        killing = threading.Timer(GRACE_SECONDS, process.kill)
        killing.daemon = True
        killing.start()

    def _pass_on(self, stream: IO[bytes]) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        while chunk := os.read(stream.fileno(), 1 << 16):
            text = decode(chunk)
            self._tail = (self._tail + text)[-TAIL_BYTES:]
            sys.stdout.write(text)
            sys.stdout.flush()


def _environment(processes: int) -> dict[str, str]:
    root = str(Path(plimsoll.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    threads = max(1, (os.cpu_count() or 1) // processes)
    unbuffered = {"PYTHONUNBUFFERED": "1"}
    # torchrun warns of threads that nobody chose; the training sets its own number anyway.
    return {"OMP_NUM_THREADS": str(threads), **os.environ, "PYTHONPATH": path, **unbuffered}
