"""The one place that reaches into kfp: our task handler stands in for its subprocess handler.

kfp's local dispatcher looks the handler's class up in its module at call time; there is no
public way to register another. ``tests/local/test_seam.py`` fails if kfp moves either name.
"""

import builtins
import contextlib
import io
import logging
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kfp import components, local
from kfp.local import executor_input_utils, subprocess_task_handler
from kfp.local.status import Status

from plimsoll.errors import PlimsollError, StepError

RunStep = Callable[[str, list[str], dict[str, str]], bool]
"""Runs a step by image, command and environment variables; says if it succeeded."""
_SAYS_FAILURE = re.compile(r"^(Pipeline|Task) .* finished with status .*FAILURE")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def run_pipeline(
    text: str, arguments: dict[str, Any], root: Path, run_id: str, run_step: RunStep, log: Path
) -> str:
    """Runs a compiled pipeline through kfp.local; each step goes to ``run_step``.

    Args:
        text: The compiled YAML.
        arguments: The pipeline's inputs.
        root: The folder in which kfp makes ``run_id/<step>/<output>``.
        run_id: The run's folder below ``root``.
        run_step: Called once a step, in the order that kfp chooses.
        log: Where kfp's own chatter goes.

    Returns:
        Why kfp calls the run a failure, empty where it does not: within a loop it fails without
        raising, and a task that it never began has no step to say so.

    Raises:
        PlimsollError: what ``run_step`` raised, unchanged.
        StepError: if kfp itself could not go on.
    """
    raised: list[BaseException] = []
    ended = ""
    workspace = root / run_id / "workspace"
    workspace.mkdir()
    with (
        log.open("w", encoding="utf-8") as chatter,
        _quiet(chatter) as warned,
        _handler(run_step, run_id, raised),
    ):
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            # Left to itself, kfp makes one in the system's folder and forgets it where a run fails.
            workspace_root=str(workspace),
            raise_on_error=True,
        )
        try:
            pipeline = components.load_component_from_text(text)
            pipeline(**arguments)
        except PlimsollError:
            raise
        except Exception as error:
            ended = str(error)
            if not _SAYS_FAILURE.search(ended):
                raise _as_ours(error, log) from error
        finally:
            local.config.LocalExecutionConfig.instance = None
            shutil.rmtree(workspace, ignore_errors=True)
    # A loop's worker threads swallow what a step raises; it must not end as a quiet failure.
    if raised:
        raise _as_ours(raised[0], log)
    _refuse_unevaluated(warned)
    return _failure(ended, warned) if ended else ""


@contextlib.contextmanager
def _handler(run_step: RunStep, run_id: str, raised: list[BaseException]) -> Iterator[None]:
    class RoleTaskHandler(subprocess_task_handler.SubprocessTaskHandler):
        """Runs a lightweight component in the environment of its image's role."""

        def validate_image(self, image: str) -> None:
            """Accepts any image: the step itself maps it to a role, or refuses it by name."""

        def validate_not_container_component(self, full_command: list[str]) -> None:
            """Refuses what has no Python function inside, by our own error."""
            _refuse_containers(full_command)

        def run(self) -> Status:
            """Runs the step."""
            try:
                done = run_step(self.image, list(self.full_command), dict(self.env_vars))
            except BaseException as error:
                raised.append(error)
                raise
            return Status.SUCCESS if done else Status.FAILURE

    names = executor_input_utils
    original = subprocess_task_handler.SubprocessTaskHandler
    original_name = names.get_local_pipeline_resource_name
    subprocess_task_handler.SubprocessTaskHandler = RoleTaskHandler
    names.get_local_pipeline_resource_name = lambda _: run_id
    try:
        yield
    finally:
        subprocess_task_handler.SubprocessTaskHandler = original
        names.get_local_pipeline_resource_name = original_name


def _refuse_containers(full_command: list[str]) -> None:
    if not any("kfp.dsl.executor_main" in part for part in full_command):
        raise StepError(
            "a container component cannot run on this machine without its container",
            cause=f"its command is: {' '.join(full_command)[:200]}",
            hint="run this pipeline on a cluster, or make the step a @dsl.component",
        )


def _as_ours(error: BaseException, log: Path) -> BaseException:
    """Returns our own errors, operating system's and interrupts as they are, others explained."""
    if isinstance(error, PlimsollError | OSError) or not isinstance(error, Exception):
        return error
    return StepError(
        "kfp's local orchestrator could not run this pipeline",
        cause=f"{type(error).__name__}: {error}",
        hint=f"its log: {log}",
    )


def _failure(ended: str, warned: list[str]) -> str:
    """Says why kfp calls a run a failure, from its last word and what it warned of before."""
    causes = [message for message in warned if "failed with exception" in message]
    error = StepError("kfp's local orchestrator failed", cause="\n".join(causes or [ended]))
    return _COLOUR.sub("", str(error))


def _refuse_unevaluated(warned: list[str]) -> None:
    """Fails a run in which kfp could not evaluate a condition: it runs no branch and says so well.

    Raises:
        StepError: if there was such a condition.
    """
    marks = ("Could not resolve", "Condition evaluation failed")
    for message in warned:
        if message.startswith(marks):
            raise StepError(
                "a condition of the pipeline could not be evaluated, so a branch was left out",
                cause=message,
                hint="compare with a bool or a number, or with text that holds no quote",
            )


@contextlib.contextmanager
def _quiet(chatter: io.TextIOBase) -> Iterator[list[str]]:
    """Sends what kfp prints and logs to a file; yields its warnings.

    kfp replaces the root logger's handlers and ``print`` for moments, without a lock: the threads
    of a loop can leave them replaced, so all is put back here.
    """
    collector = _Collector()
    root = logging.getLogger()
    handlers, level, printing = root.handlers[:], root.level, builtins.print
    root.addHandler(logging.StreamHandler(chatter))
    # A filter sees every record, whichever handlers a thread of kfp's has put in place.
    root.addFilter(collector)
    try:
        with contextlib.redirect_stdout(chatter), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield collector.messages
    finally:
        root.removeFilter(collector)
        root.handlers[:] = handlers
        root.setLevel(level)
        builtins.print = printing


class _Collector(logging.Filter):
    """Keeps the messages of log records, and lets all of them pass."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps a record's message."""
        self.messages.append(record.getMessage())
        return True
