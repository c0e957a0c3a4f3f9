"""What a compiled pipeline says: its inputs, its steps and what each waits for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from plimsoll.errors import UsageError
from plimsoll.local.pipelines.orchestrable import named_apart, runnable
from plimsoll.local.record import Step

# The C parser reads a compiled pipeline ten times as fast; PyYAML is built without it at times.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input parameter of a pipeline."""

    name: str
    """Its name."""
    kind: str
    """KFP's type: STRING, NUMBER_INTEGER, NUMBER_DOUBLE, BOOLEAN, LIST or STRUCT."""
    required: bool
    """Whether it has no default."""
    default: Any
    """Its default, None where required."""
    description: str
    """What the pipeline's docstring says of it."""


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A compiled pipeline."""

    text: str
    """The YAML."""
    spec: Mapping[str, Any]
    """The same, parsed, and made runnable here."""

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.spec["pipelineInfo"]["name"])

    @property
    def description(self) -> str:
        """The first line of what the pipeline says it does."""
        text = str(self.spec["pipelineInfo"].get("description", ""))
        return text.strip().splitlines()[0] if text.strip() else ""

    def inputs(self) -> dict[str, Input]:
        """Returns the pipeline's input parameters by name."""
        declared = self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        return {name: _input(name, item) for name, item in declared.items()}

    def steps(self) -> dict[str, Step]:
        """Returns the steps by name, each after those it waits for; loops appear once."""
        steps: dict[str, Step] = {}
        self._collect(self.spec["root"]["dag"], "", [], steps)
        return steps

    def images(self) -> set[str]:
        """Returns the images of all steps."""
        executors = self.spec["deploymentSpec"]["executors"].values()
        return {item["container"]["image"] for item in executors if "container" in item}

    def uncached(self) -> set[str]:
        """Returns the component names of the tasks whose caching is switched off."""
        off = set()
        for dag in self._dags():
            for task in dag["tasks"].values():
                if not task.get("cachingOptions", {}).get("enableCache", False):
                    off.add(task["componentRef"]["name"].removeprefix("comp-"))
        return off

    def runnable_text(self) -> str:
        """Returns the YAML in the form that kfp's local orchestrator can run; see ``runnable``."""
        return str(yaml.dump(named_apart(self.spec), Dumper=Dumper, sort_keys=False))

    def _dags(self) -> list[Mapping[str, Any]]:
        nested = [item["dag"] for item in self.spec["components"].values() if "dag" in item]
        return [self.spec["root"]["dag"], *nested]

    def _collect(
        self, dag: Mapping[str, Any], prefix: str, outer: list[str], steps: dict[str, Step]
    ) -> list[str]:
        """Adds a dag's steps, named as kfp names their folders, and returns their names."""
        ends: dict[str, list[str]] = {}
        for name in in_order({name: _before(task) for name, task in dag["tasks"].items()}):
            task = dag["tasks"][name]
            reference = task["componentRef"]["name"]
            component = self.spec["components"][reference]
            waits = [end for before in _before(task) for end in ends.get(before, [])] or outer
            if self._is_importer(component):
                # kfp itself imports, which takes no process: there is no step to show.
                ends[name] = waits
            elif "dag" in component:
                is_loop = "parameterIterator" in task or "artifactIterator" in task
                inner = f"{prefix}{name}/" if is_loop else prefix
                ends[name] = self._collect(component["dag"], inner, waits, steps)
            else:
                step = prefix + reference.removeprefix("comp-")
                steps[step] = Step(name=step, image=self._image(component), after=list(waits))
                ends[name] = [step]
        return [end for group in ends.values() for end in group]

    def _is_importer(self, component: Mapping[str, Any]) -> bool:
        executors = self.spec["deploymentSpec"]["executors"]
        return "importer" in executors.get(component.get("executorLabel"), {})

    def _image(self, component: Mapping[str, Any]) -> str:
        executor = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]
        return str(executor.get("container", {}).get("image", ""))


def parse(text: str, source: str) -> Compiled:
    """Reads a compiled pipeline.

    Raises:
        UsageError: if the text is not a compiled pipeline.
    """
    try:
        documents = list(yaml.load_all(text, Loader=Loader))
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is not YAML", cause=str(error)) from error
    spec = documents[0] if documents else None
    if not isinstance(spec, dict) or not {"pipelineInfo", "root"} <= spec.keys():
        raise UsageError(
            f"{source} is not a compiled pipeline",
            cause="it has no pipelineInfo and root",
            hint="plimsoll compile PIPELINE.py",
        )
    spec.setdefault("components", {})
    spec.setdefault("deploymentSpec", {}).setdefault("executors", {})
    try:
        pipeline = Compiled(text=text, spec=runnable(spec))
        # What is missing somewhere within is found before a run begins.
        _ = pipeline.name, pipeline.inputs(), pipeline.steps(), pipeline.uncached()
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{source} is a damaged pipeline",
            cause=f"{type(error).__name__}: {error}",
            hint="compile it again: plimsoll compile PIPELINE.py",
        ) from error
    return pipeline


def _input(name: str, item: Mapping[str, Any]) -> Input:
    kind = str(item.get("parameterType", "STRING"))
    default = item.get("defaultValue")
    if kind == "NUMBER_INTEGER" and default is not None:
        default = int(default)
    return Input(
        name=name,
        kind=kind,
        required=not item.get("isOptional", False),
        default=default,
        description=" ".join(str(item.get("description", "")).split()),
    )


def _before(task: Mapping[str, Any]) -> list[str]:
    return list(task.get("dependentTasks", []))


def in_order(after: Mapping[str, Collection[str]]) -> list[str]:
    """Returns names so that each follows those it waits for.

    Args:
        after: Name -> the names that it waits for.
    """
    ordered: list[str] = []
    waiting = dict(after)
    while waiting:
        free = [name for name, before in waiting.items() if waiting.keys().isdisjoint(before)]
        # KFP refuses cycles when it compiles; a hand-made one must not loop here for ever.
        for name in free or list(waiting):
            ordered.append(name)
            waiting.pop(name)
    return ordered
