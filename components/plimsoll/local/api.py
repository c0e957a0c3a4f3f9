"""Runs a pipeline on this machine, from Python and from the command line alike."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plimsoll import problem
from plimsoll.errors import PlimsollError, StepError, UsageError
from plimsoll.local.engine import code
from plimsoll.local.engine.cache import StepCache
from plimsoll.local.engine.process import interrupts_raised
from plimsoll.local.pipelines import arguments as pipeline_arguments
from plimsoll.local.pipelines import kept_pipelines, library, variants
from plimsoll.local.pipelines.graph import Compiled
from plimsoll.local.record import (
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SKIPPED,
    STOPPED,
    SUCCEEDED,
    Run,
    new_run,
    runs_folder,
)
from plimsoll.storage.files import finite

if TYPE_CHECKING:
    from plimsoll.local.engine.steps import StepRunner

DEFAULT_OUT = "runs"
_GATES = ("blessed", "pushed")


def run(
    pipeline: Any,
    arguments: Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike[str] = DEFAULT_OUT,
    cache: bool = True,
) -> Run:
    """Runs a pipeline here, each step in its own role's environment, without a container.

    Args:
        pipeline: A ``@dsl.pipeline`` function, a component, a name in the library, the path of
            a compiled YAML, or ``file.py:function``.
        arguments: The pipeline's inputs by name.
        out: The folder that holds runs, their artifacts, pushed models and the step cache.
        cache: Whether a step whose inputs, code and lock are unchanged is taken from the cache.

    Returns:
        The run's record; its ``status`` says how it ended, its ``report`` where the page is.

    Raises:
        UsageError: if there is no such pipeline, or its arguments do not fit it.
    """
    given = arguments or {}
    chosen = library.find(pipeline) if isinstance(pipeline, str) else compiled(pipeline)
    chosen = variants.fitting(chosen, given)
    root = runs_folder(out)
    return execute(chosen, pipeline_arguments.complete(given, chosen, root), root, cache)


def compiled(pipeline: Any) -> Compiled:
    """Compiles a pipeline function, or returns what is compiled already."""
    return pipeline if isinstance(pipeline, Compiled) else library.compile_function(pipeline)


def execute(
    pipeline: Compiled,
    arguments: dict[str, Any],
    out: Path,
    cache: bool,
    fork: tuple[str, Mapping[str, Any]] = ("", {}),
) -> Run:
    """Runs a compiled pipeline with complete arguments, and writes its record and report.

    Args:
        pipeline: What to run.
        arguments: All its inputs.
        out: The folder of runs.
        cache: Whether unchanged steps are taken from the cache.
        fork: The run that this one is like, and what was changed, by name.
    """
    from plimsoll.local.engine.progress import Progress
    from plimsoll.local.engine.steps import StepRunner
    from plimsoll.local.report.page import write_report

    record = _begun(pipeline, arguments, out, fork)
    begun = time.monotonic()
    with Progress(record.steps) as progress:
        runner = StepRunner(
            run=record,
            out=out,
            cache=StepCache(out / "cache" / "steps"),
            reuse=cache,
            uncached=pipeline.uncached(),
            progress=progress,
        )
        _conclude(record, _orchestrate(pipeline, runner))
        for step in record.steps.values():
            if step.state == SKIPPED:
                progress.show(step)
    record.seconds = time.monotonic() - begun
    record.report = str(write_report(finite(record.to_dict()), Path(record.folder)))
    record.write()
    return record


def _begun(
    pipeline: Compiled, arguments: dict[str, Any], out: Path, fork: tuple[str, Mapping[str, Any]]
) -> Run:
    """Writes the record of a run that begins, and keeps its pipeline."""
    record = new_run(pipeline.name, arguments, out)
    record.forked_from, record.changed = fork[0], dict(fork[1])
    kept_pipelines.keep(pipeline, Path(record.folder))
    record.steps = pipeline.steps()
    code.reread()
    record.code = code.describe()
    record.write()
    return record


def _orchestrate(pipeline: Compiled, runner: StepRunner) -> str:
    """Runs the steps; returns what failed in kfp itself, which no step knows of."""
    from plimsoll.local.engine.seam import run_pipeline

    record, text = runner.run, pipeline.runnable_text()
    log = Path(record.folder) / "kfp.log"
    try:
        with interrupts_raised(runner.processes):
            return run_pipeline(text, record.arguments, runner.out, record.id, runner, log)
    except PlimsollError as error:
        record.reason = str(error)
    except KeyboardInterrupt:
        record.reason = INTERRUPTED
    except OSError as error:
        record.reason = str(_of_the_disk(error, runner.out))
    record.status = FAILED
    return ""


def _conclude(record: Run, trouble: str) -> None:
    """Works out from the steps how the run ended; kfp's own word for it is not enough.

    Args:
        record: The run's record.
        trouble: What failed in kfp itself, which no step knows of; empty where nothing did.
    """
    failed = [step for step in record.steps.values() if step.state in (FAILED, RUNNING)]
    for step in record.steps.values():
        if step.state == PENDING:
            step.state = SKIPPED
        elif step.state == RUNNING:
            step.state = FAILED
    _collect_results(record)
    if record.status == RUNNING and failed:
        error = failed[0].error
        record.status = STOPPED if error and error.gate else FAILED
        record.reason = f"{failed[0].name}: {error.headline if error else 'failed'}"
    if record.status == RUNNING and trouble:
        record.status, record.reason = FAILED, trouble
    if record.status == RUNNING:
        record.status, record.reason = _judge(record)
    record.next = _next_commands(record)


def _judge(record: Run) -> tuple[str, str]:
    """Says if a gate stopped a run in which no step failed."""
    if not any(step.state == SUCCEEDED for step in record.steps.values()):
        return FAILED, "no step ran"
    reasons = [
        f"{step.name}: {step.outputs.get('reason') or 'not ' + gate}"
        for step in record.steps.values()
        for gate in _GATES
        if step.outputs.get(gate) is False
    ]
    # The first gate holds the cause; those after it only pass it on.
    return (STOPPED, reasons[0]) if reasons else (SUCCEEDED, "")


def _collect_results(record: Run) -> None:
    for step in record.steps.values():
        if step.outputs.get("pushed") is True:
            record.pushed = True
            record.model_version = step.outputs.get("version")
            record.model_path = step.outputs.get("path")
        for name, target in (
            ("metrics", record.metrics),
            ("baseline", record.baseline_metrics),
        ):
            artifact = step.artifacts.get(name, {})
            if artifact.get("type") == "system.Metrics":
                _by_split(artifact["metadata"], target)


def _by_split(metadata: Mapping[str, Any], target: dict[str, dict[str, float]]) -> None:
    for key, value in metadata.items():
        split, slash, metric = key.partition("/")
        if slash and isinstance(value, int | float):
            target.setdefault(split, {})[metric] = float(value)


def _next_commands(record: Run) -> list[str]:
    if record.pushed and record.model_path:
        served = ["plimsoll", "serve", str(Path(record.model_path).parent)]
        return [shlex.join([*served, *_features_of(record)])]
    failed = [step for step in record.steps.values() if step.state == FAILED and step.log]
    if failed and record.status == FAILED and record.reason != INTERRUPTED:
        return [shlex.join(["less", failed[0].log])]
    return [shlex.join(["plimsoll", "report", record.folder])]


def _features_of(record: Run) -> list[str]:
    """Returns the option that names the feature store, if the run joined features from one."""
    given = record.arguments
    if not {"problem", "label", "features_config"} <= given.keys():
        return []
    features = problem.parse(given["problem"], label=given["label"]).features
    return ["--features", features.repo] if features else []


def _of_the_disk(error: OSError, out: Path) -> PlimsollError:
    return StepError(
        f"a file could not be written or read: {error.strerror or error}",
        cause=f"{error.filename or out}",
        hint="free space or mend its permissions, then type the same command: it goes on",
    )


def require_local_extra() -> None:
    """Says which extra is missing, before an ImportError does.

    Raises:
        UsageError: if the local engine's packages are not installed.
    """
    import importlib.util

    missing = [name for name in ("kfp", "rich", "uv", "yaml") if not importlib.util.find_spec(name)]
    if missing:
        raise UsageError(
            f"the local engine needs {', '.join(missing)}",
            hint="pip install 'kfp-plimsoll[local]'",
        )
