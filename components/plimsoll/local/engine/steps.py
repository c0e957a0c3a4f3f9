"""Runs one step: from the cache where nothing changed, else in its role's environment."""

import itertools
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.errors import StepError
from plimsoll.images import ROLES, role_of
from plimsoll.local.engine import code, environments, failure, process
from plimsoll.local.engine.cache import Entry, StepCache
from plimsoll.local.engine.progress import Progress
from plimsoll.local.record import FAILED, RUNNING, SUCCEEDED, Failure, Run, Step
from plimsoll.storage import provenance
from plimsoll.storage.files import digest_json, digest_tree, write_text

# Artifacts of these types live in their metadata; they need not have a file.
_IN_METADATA = ("system.Metrics", "system.ClassificationMetrics", "system.SlicedClassification")
_ITERATION = re.compile(r"-iteration-\d+(?=/|$)")
_EXECUTOR_OUTPUT = "executor_output.json"
CHECKPOINTS = "PLIMSOLL_CHECKPOINTS"
"""Tells a step that trains where its checkpoints outlive it."""


@dataclass(kw_only=True)
class StepRunner:
    """Runs the steps of one run, and keeps its record."""

    run: Run
    """The record."""
    out: Path
    """The folder of runs."""
    cache: StepCache
    """The step cache."""
    reuse: bool
    """Whether steps are taken from the cache; they are put into it in any case."""
    uncached: set[str]
    """Component names whose caching the pipeline switches off."""
    progress: Progress
    """Where states are shown."""
    processes: process.Processes = field(default_factory=process.Processes)
    """What runs now."""
    digests: dict[str, str] = field(default_factory=dict)
    """Artifact path -> content digest, for what this run made or took from the cache."""
    loops: dict[str, list[str]] = field(default_factory=dict)
    """What the steps of loops wait for, by their name in the graph."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, image: str, command: list[str], declared: dict[str, str]) -> bool:
        """Runs a step; returns whether it succeeded. The step's record says the rest."""
        component = process.parse_command(command)
        executor_input = json.loads(component.executor_input)
        folder = Path(executor_input["outputs"]["outputFile"]).parent
        step = self._started(folder, image)
        begun = time.monotonic()
        try:
            step.role = _role(step, command)
            done = self._run(step, component, executor_input, folder, declared)
        finally:
            step.seconds = time.monotonic() - begun
            if step.state == RUNNING:
                step.state = FAILED
            self._changed(step)
        return done

    def _run(
        self,
        step: Step,
        component: process.Component,
        executor_input: dict[str, Any],
        folder: Path,
        declared: Mapping[str, str],
    ) -> bool:
        environment = environments.ensure(step.role, self.progress.note)
        with self._lock:
            self.run.locks[step.role] = environment.digest
        key = self._key(component, executor_input, declared, environment.digest, folder)
        # A retry finds what the attempt before it left.
        shutil.rmtree(folder, ignore_errors=True)
        entry = self._find(key, folder)
        if entry is not None and self.cache.take(entry, folder):
            _rebase(folder, entry.origin)
            step.cached = True
            self._keep_outputs(step, executor_input, folder)
        else:
            folder.mkdir(parents=True)
            step.error = self._execute(step, component, environment, declared)
            self._keep_outputs(step, executor_input, folder)
            step.error = step.error or _unwritten(step, executor_input, folder)
            if step.error:
                return False
            entry = self._store(key, step, folder)
        self._remember_digests(entry, executor_input, folder)
        step.state = SUCCEEDED
        return True

    def _execute(
        self,
        step: Step,
        component: process.Component,
        environment: environments.Environment,
        declared: Mapping[str, str],
    ) -> Failure | None:
        """Runs the step's process; returns why it failed, or None."""
        log = Path(step.log)
        ended = self.processes.run(
            component.command(environment.python, log.with_suffix(".py")),
            process.step_environment(
                code.staged(self.out / "cache" / "code"),
                environment.folder,
                environment.digest,
                {CHECKPOINTS: self._checkpoints(), **declared},
            ),
            log,
        )
        step.process_seconds, step.peak_memory = ended.seconds, ended.peak_memory
        return failure.explain(log, ended.code) if ended.code else None

    def _checkpoints(self) -> str:
        """Returns where a step that is killed finds what it had saved, when it runs again."""
        return os.environ.get(CHECKPOINTS) or str((self.out / "cache" / "checkpoints").resolve())

    def _started(self, folder: Path, image: str) -> Step:
        name = folder.relative_to(self.run.folder).as_posix()
        with self._lock:
            step = self._planned(name)
        step.image, step.state, step.error, step.cached = image, RUNNING, None, False
        step.log = str(Path(self.run.folder) / "logs" / f"{name}.log")
        Path(step.log).parent.mkdir(parents=True, exist_ok=True)
        self._changed(step)
        return step

    def _planned(self, name: str) -> Step:
        """Returns a step's record; a loop's one place in the graph gives way to its iterations."""
        template = _ITERATION.sub("", name)
        if template != name and template in self.run.steps:
            self.loops[template] = self.run.steps.pop(template).after
        after = self.loops.get(template, [])
        return self.run.steps.setdefault(name, Step(name=name, after=list(after)))

    def _changed(self, step: Step) -> None:
        with self._lock:
            self.run.write()
        self.progress.show(step)

    def _key(
        self,
        component: process.Component,
        executor_input: dict[str, Any],
        declared: Mapping[str, str],
        lock: str,
        folder: Path,
    ) -> str:
        """Returns the digest of everything that a step's outputs depend on."""
        inputs = executor_input.get("inputs", {})
        outputs = executor_input["outputs"]
        return digest_json(
            {
                "source": component.source,
                "function": component.function,
                "parameters": inputs.get("parameterValues", {}),
                "artifacts": {
                    name: [self._content(item) for item in listed["artifacts"]]
                    for name, listed in inputs.get("artifacts", {}).items()
                },
                "outputs": [
                    sorted(outputs.get("parameters", {})),
                    {
                        name: listed["artifacts"][0]["type"]
                        for name, listed in outputs.get("artifacts", {}).items()
                    },
                ],
                "environment": dict(declared),
                "lock": lock,
                "code": code.digest_reached_from(component.source),
                # What such a step reads outside is found from where the command was typed.
                "place": str(Path.cwd()) if folder.name in self.uncached else "",
            }
        )

    def _content(self, artifact: Mapping[str, Any]) -> dict[str, Any]:
        uri = artifact["uri"]
        if uri not in self.digests and Path(uri).exists():
            self.digests[uri] = digest_tree(Path(uri))
        metadata = dict(artifact.get("metadata", {}))
        metadata.pop(provenance.METADATA_KEY, None)
        return {"content": self.digests.get(uri, uri), "metadata": metadata}

    def _find(self, key: str, folder: Path) -> Entry | None:
        if not self.reuse:
            return None
        return self.cache.find(key, only_with_provenance=folder.name in self.uncached)

    def _store(self, key: str, step: Step, folder: Path) -> Entry:
        records = [
            artifact["metadata"][provenance.METADATA_KEY]
            for artifact in step.artifacts.values()
            if provenance.METADATA_KEY in artifact["metadata"]
        ]
        observed = tuple(itertools.chain.from_iterable(records)) if records else None
        return self.cache.put(key, folder, observed)

    def _remember_digests(self, entry: Entry, executor_input: dict[str, Any], folder: Path) -> None:
        for listed in executor_input["outputs"].get("artifacts", {}).values():
            path = Path(listed["artifacts"][0]["uri"])
            if path.is_relative_to(folder):
                name = path.relative_to(folder).as_posix()
                self.digests[str(path)] = entry.digest_of(name)

    def _keep_outputs(self, step: Step, executor_input: dict[str, Any], folder: Path) -> None:
        """Puts parameters, artifacts and notes into the step's record."""
        written = _executor_output(folder)
        step.outputs = {**_parameter_files(executor_input), **written.get("parameterValues", {})}
        # Made aside: another thread may be writing the record.
        artifacts: dict[str, dict[str, Any]] = {}
        declared = executor_input["outputs"].get("artifacts", {})
        for name, listed in {**declared, **written.get("artifacts", {})}.items():
            artifact = listed["artifacts"][0]
            artifacts[name] = {
                "type": artifact.get("type", {}).get("schemaTitle")
                or declared[name]["artifacts"][0]["type"]["schemaTitle"],
                "path": artifact["uri"],
                "metadata": artifact.get("metadata", {}),
            }
        step.artifacts = artifacts
        step.notes = [
            str(note) for item in artifacts.values() for note in item["metadata"].get("notes", [])
        ]


def _role(step: Step, command: list[str]) -> str:
    role = role_of(step.image)
    if role is None and step.image.startswith("python:"):
        # What kfp writes where a component names no image: its own packages are all it may need.
        role = environments.AUTHOR
    if role is None:
        raise StepError(
            f"the step {step.name} uses the image {step.image!r}, which has no environment here",
            cause="each step runs in the environment of its image's role",
            choices=[f'image("{name}")' for name in ROLES],
            hint='@dsl.component(base_image=image("train"), install_kfp_package=False)',
        )
    packages = process.installs_packages(command)
    if packages:
        raise StepError(
            f"the step {step.name} installs packages when it runs: {', '.join(packages)}",
            cause="environments are locked; nothing is installed in the middle of a run",
            hint='use the image of a role that has them: base_image=image("data")',
        )
    return role


def _executor_output(folder: Path) -> dict[str, Any]:
    path = folder / _EXECUTOR_OUTPUT
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _parameter_files(executor_input: Mapping[str, Any]) -> dict[str, Any]:
    files = {
        name: Path(item["outputFile"])
        for name, item in executor_input["outputs"].get("parameters", {}).items()
    }
    return {name: path.read_text("utf-8") for name, path in files.items() if path.is_file()}


def _unwritten(step: Step, executor_input: Mapping[str, Any], folder: Path) -> Failure | None:
    """Returns the error of a step that ended well and left an output unwritten, or None."""
    missing = _missing_outputs(executor_input, _executor_output(folder))
    if not missing:
        return None
    error = StepError(
        f"the step {step.name} ended without writing {', '.join(missing)}",
        cause="its process exited with 0, but what it declares is not there",
        hint="write each declared output, whatever the step finds",
    )
    return Failure(
        headline=error.headline,
        text=str(error),
        ours=True,
        log_tail=failure.tail(failure.last_lines(Path(step.log))),
    )


def _missing_outputs(executor_input: Mapping[str, Any], written: Mapping[str, Any]) -> list[str]:
    missing = []
    values = {**_parameter_files(executor_input), **written.get("parameterValues", {})}
    for name in executor_input["outputs"].get("parameters", {}):
        if values.get(name) is None:
            missing.append(f"the parameter {name!r}")
    for name, listed in executor_input["outputs"].get("artifacts", {}).items():
        artifact = written.get("artifacts", {}).get(name, listed)["artifacts"][0]
        kind = listed["artifacts"][0]["type"]["schemaTitle"]
        remote = "://" in artifact["uri"]
        if not kind.startswith(_IN_METADATA) and not remote and not Path(artifact["uri"]).exists():
            missing.append(f"the artifact {name!r} ({artifact['uri']})")
    return missing


def _rebase(folder: Path, origin: str) -> None:
    """Points a cached step's artifacts at this run's folder instead of the one that made them."""
    path = folder / _EXECUTOR_OUTPUT
    if not path.is_file():
        return
    written = json.loads(path.read_text("utf-8"))
    for listed in written.get("artifacts", {}).values():
        for artifact in listed["artifacts"]:
            if artifact["uri"].startswith(f"{origin}/"):
                artifact["uri"] = str(folder) + artifact["uri"].removeprefix(origin)
    write_text(path, json.dumps(written))
