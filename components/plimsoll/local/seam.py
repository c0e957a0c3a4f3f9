"""The one place that reaches into kfp: our task handler stands in for its subprocess handler.

kfp's local dispatcher looks the handler's class up in its module at call time; there is no
public way to register another. ``tests/local/test_seam.py`` fails if kfp moves either name.
"""

from __future__ import annotations

import contextlib
import io
import logging
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


def run_pipeline(
    text: str, arguments: dict[str, Any], root: Path, run_id: str, run_step: RunStep, log: Path
) -> None:
    """Runs a compiled pipeline through kfp.local; each step goes to ``run_step``.

    Args:
        text: The compiled YAML.
        arguments: The pipeline's inputs.
        root: The folder in which kfp makes ``run_id/<step>/<output>``.
        run_id: The run's folder below ``root``.
        run_step: Called once a step, in the order that kfp chooses.
        log: Where kfp's own chatter goes.

    Raises:
        PlimsollError: what ``run_step`` raised, unchanged.
        StepError: if kfp itself could not go on.
    """
    raised: list[BaseException] = []
    workspace = root / run_id / "workspace"
    workspace.mkdir()
    with log.open("w") as chatter, _quiet(chatter) as warned, _handler(run_step, run_id, raised):
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            # Left to itself, kfp makes one in the system's folder and forgets it where a run fails.
            workspace_root=str(workspace),
            raise_on_error=False,
        )
        try:
            pipeline = components.load_component_from_text(text)
            pipeline(**arguments)
        except PlimsollError:
            raise
        except Exception as error:
            raise StepError(
                "kfp's local orchestrator could not run this pipeline",
                cause=f"{type(error).__name__}: {error}",
                hint=f"its log: {log}",
            ) from error
        finally:
            local.config.LocalExecutionConfig.instance = None
            shutil.rmtree(workspace, ignore_errors=True)
    # A loop's worker threads swallow what a step raises; it must not end as a quiet failure.
    if raised:
        raise raised[0]
    _refuse_unevaluated(warned)


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
    """Sends what kfp prints and logs to a file; yields its warnings."""
    collector = _Collector(chatter)
    root = logging.getLogger()
    root.addHandler(collector)
    try:
        with contextlib.redirect_stdout(chatter), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield collector.messages
    finally:
        root.removeHandler(collector)


class _Collector(logging.StreamHandler[Any]):
    """Writes log records to a stream and keeps their messages."""

    def __init__(self, stream: io.TextIOBase) -> None:
        super().__init__(stream)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a record."""
        self.messages.append(record.getMessage())
        super().emit(record)
