"""Runs a command in the environment of a role, and brings its answer back as JSON.

What reads data or feature stores needs packages that the author's environment has not. The
command's process writes its answer to a file: what the packages print cannot garble it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from plimsoll.errors import PlimsollError, StepError
from plimsoll.local.engine import code, environments, failure, process
from plimsoll.local.engine.progress import building
from plimsoll.processes import die_with_parent, how_it_ended
from plimsoll.storage.files import read_json, write_json

DATA = "data"
FEATURES = "features"
MODULE = "plimsoll.commands"
REQUEST, ANSWER, LOG = "request.json", "answer.json", "log"
SCRATCH_PREFIX = ".command-"


class CommandError(PlimsollError):
    """What the command's process refused, with the exit code that it asks for."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(
            str(error["headline"]),
            cause=str(error["cause"]),
            choices=tuple(error["choices"]),
            hint=str(error["hint"]),
        )
        self.exit_code = int(error["exit_code"])


@contextmanager
def scratch(out: Path) -> Iterator[Path]:
    """Yields a folder for what a command makes on the way, and removes it in any case.

    Args:
        out: The folder of runs; where there is one, its disk is the one with room for data.
    """
    parent = out / "cache" if (out / "cache").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def call(
    command: str,
    parameters: Mapping[str, Any],
    folder: Path,
    doing: str,
    *,
    role: str = DATA,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Runs a command in a role's environment, which is built if it is missing.

    Args:
        command: One of ``plimsoll.commands``: ``data show``.
        parameters: JSON values, its function's arguments.
        folder: A scratch folder.
        doing: What to show meanwhile.
        role: The role whose packages the command needs.
        variables: Environment variables that it gets beside those of any step.

    Returns:
        The command's result.

    Raises:
        CommandError: if the command refuses.
        StepError: if its process fails.
        EnvironmentBuildError: if the environment cannot be built.
    """
    write_json(folder / REQUEST, {"command": command, "parameters": dict(parameters)})
    with building(role) as announce:
        environment = environments.ensure(role, announce)
    with Console(stderr=True, highlight=False, markup=False).status(doing):
        ended = _run(
            [str(environment.python), "-m", MODULE, str(folder)],
            process.step_environment(
                import_root(), environment.folder, environment.digest, variables or {}
            ),
            folder / LOG,
        )
    if not (folder / ANSWER).is_file():
        raise StepError(
            f"plimsoll {command} {how_it_ended(ended)}",
            cause="\n".join(failure.tail(failure.last_lines(folder / LOG))),
        )
    answer = read_json(folder / ANSWER)
    if "error" in answer:
        raise CommandError(answer["error"])
    return dict(answer["result"])


def import_root() -> Path:
    """Returns an import root with the library alone, in the cache or, failing that, beside it."""
    try:
        return code.staged(environments.cache_folder() / "code")
    except OSError:
        return code.staged(Path(tempfile.gettempdir()) / "plimsoll-code")


def _run(command: Sequence[str], variables: Mapping[str, str], log: Path) -> int:
    """Runs a process that ends with this one, however that ends; returns its exit status."""
    with log.open("wb") as stream, _terminated_as_interrupted():
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(variables),
            # A terminal's Ctrl-C reaches this process alone, which then stops the other.
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509
        )
        try:
            return running.wait()
        except BaseException:
            running.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(process.GRACE_SECONDS)
            raise
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Makes SIGTERM end a command as Ctrl-C does, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
