"""Puts a machine under the steps of a compiled pipeline that train."""

from collections.abc import Mapping
from typing import Any

import yaml

from plimsoll.accelerators import Machine, joined
from plimsoll.errors import UsageError
from plimsoll.local.pipelines.graph import Loader

TRAINING = ("train", "tune")
"""The components that train."""


def on_machine(text: str, machine: Machine) -> str:
    """Returns a compiled pipeline whose steps ``train`` and ``tune`` run on a machine.

    Args:
        text: The pipeline, as kfp compiled it.
        machine: What those steps are given.

    Raises:
        UsageError: if it has no such step.
    """
    documents = list(yaml.load_all(text, Loader=Loader))
    spec, platform = documents[0], documents[1] if len(documents) > 1 else {}
    executors = spec["deploymentSpec"]["executors"]
    chosen = sorted(name for name, item in executors.items() if _trains(item))
    if not chosen:
        raise UsageError(
            f"the pipeline {spec['pipelineInfo']['name']} has no step that trains",
            cause=f"it has {', '.join(sorted(executors))}",
            hint="leave the accelerator's flags away",
        )
    if machine.kind:
        for name in chosen:
            resources = executors[name]["container"].setdefault("resources", {})
            resources["accelerator"] = machine.accelerator()
    added = machine.platform()
    if added:
        steps = _steps(platform)
        for name in chosen:
            steps[name] = joined(steps.get(name, {}), added)
    comments = [line for line in text.splitlines(keepends=True) if line.startswith("#")]
    parts = [_yaml(spec), *([_yaml(platform)] if platform else [])]
    # The comments that kfp writes stand before all else.
    return "".join(comments) + "---\n".join(parts)


def trains(text: str) -> bool:
    """Says if a compiled pipeline has a step that trains."""
    spec = next(iter(yaml.load_all(text, Loader=Loader)))
    return any(_trains(item) for item in spec["deploymentSpec"]["executors"].values())


def _trains(executor: Mapping[str, Any]) -> bool:
    arguments = list(executor.get("container", {}).get("args", ()))
    flag = "--function_to_execute"
    return flag in arguments and arguments[arguments.index(flag) + 1] in TRAINING


def _steps(platform: dict[str, Any]) -> dict[str, Any]:
    at: dict[str, Any] = platform
    for part in ("platforms", "kubernetes", "deploymentSpec", "executors"):
        at = at.setdefault(part, {})
    return at


def _yaml(document: Any) -> str:
    # As kfp does; the C dumper breaks lines elsewhere.
    return yaml.safe_dump(document, sort_keys=True)
