"""Runs a command in the environment of a role, and brings its answer back as JSON.

What reads data or feature stores needs packages that the author's environment has not. The
command's process writes its answer to a file: what the packages print cannot garble it.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from plimsoll.errors import PlimsollError, StepError
from plimsoll.local.engine import code, environments, failure, process
from plimsoll.local.engine.progress import building
from plimsoll.processes import how_it_ended
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
    processes = process.Processes()
    status = Console(stderr=True, highlight=False, markup=False).status(doing)
    with status, process.interrupts_raised(processes):
        ended = processes.run(
            [str(environment.python), "-m", MODULE, str(folder)],
            process.step_environment(
                import_root(), environment.folder, environment.digest, variables or {}
            ),
            folder / LOG,
        )
    if not (folder / ANSWER).is_file():
        raise StepError(
            f"plimsoll {command} {how_it_ended(ended.code)}",
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
