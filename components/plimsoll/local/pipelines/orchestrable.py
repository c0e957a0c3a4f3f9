"""Rewrites a compiled pipeline so that kfp's local orchestrator runs it as a cluster would."""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

_UNUSED = "plimsoll-unused"


def runnable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy of a pipeline's spec that means the same and is safe to run here.

    Three things differ. Each task has a component of its own: kfp names a step's folder after its
    component, so two tasks that share one would overwrite each other's outputs. And conditions
    name a task's output as ``pipelinechannel--TASK--OUTPUT``, the only form in which the
    orchestrator finds a named output; as compiled, such a condition silently runs no branch.
    And a nested pipeline that is given artifacts alone gets a parameter, without which the
    orchestrator does not hand it its artifacts.
    """
    # Through JSON, which also parts what YAML anchors share.
    own: dict[str, Any] = json.loads(json.dumps(spec))
    shared = own["components"]
    own["components"] = {}
    _visit(own["root"]["dag"], shared, own["components"])
    return own


def named_apart(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a spec whose pipeline is named as none of its steps is.

    Of a pipeline that is named as a step kfp loads the step's component alone.
    """
    info = dict(spec["pipelineInfo"])
    while _component_key(info["name"]) in spec["components"]:
        info["name"] += "-pipeline"
    return {**spec, "pipelineInfo": info}


def _component_key(name: str) -> str:
    # As kfp makes it of a name.
    return "comp-" + re.sub("-+", "-", re.sub("[^-0-9a-z]+", "-", name.lower())).strip("-")


def _visit(dag: dict[str, Any], shared: Mapping[str, Any], own: dict[str, Any]) -> None:
    for task in dag["tasks"].values():
        _name_condition(task)
        reference = task["componentRef"]
        component = copy.deepcopy(shared[reference["name"]])
        reference["name"] = _free(reference["name"], own)
        own[reference["name"]] = component
        if "dag" in component:
            _give_parameter(task, component)
            _visit(component["dag"], shared, own)


def _give_parameter(task: dict[str, Any], component: dict[str, Any]) -> None:
    given = task.get("inputs", {})
    if "artifacts" not in given or given.get("parameters"):
        return
    given["parameters"] = {_UNUSED: {"runtimeValue": {"constant": ""}}}
    declared = component.setdefault("inputDefinitions", {}).setdefault("parameters", {})
    declared[_UNUSED] = {"parameterType": "STRING"}


def _free(name: str, taken: Mapping[str, Any]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-use-{number}", number + 1
    return free


def _name_condition(task: dict[str, Any]) -> None:
    condition = task.get("triggerPolicy", {}).get("condition")
    if not condition:
        return
    for channel, source in task.get("inputs", {}).get("parameters", {}).items():
        produced = source.get("taskOutputParameter")
        if produced:
            known = f"pipelinechannel--{produced['producerTask']}--{produced['outputParameterKey']}"
            condition = condition.replace(f"['{channel}']", f"['{known}']")
    task["triggerPolicy"]["condition"] = condition
