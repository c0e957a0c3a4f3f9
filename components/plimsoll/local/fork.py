"""Makes a run like an earlier one, but for what is set: ``plimsoll fork last --set lr=0.001``."""

import copy
import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plimsoll.errors import UsageError, nearest
from plimsoll.local.pipelines import arguments as pipeline_arguments
from plimsoll.local.pipelines import kept_pipelines, variants
from plimsoll.local.pipelines.graph import Compiled
from plimsoll.train.config import TrainConfig

TRAIN_CONFIG = "train_config"
SHORT = {"lr": "learning_rate", "batch": "batch_size", "wd": "weight_decay"}
"""Short names of hyperparameters, as people type them."""
_NUMBER = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
_PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Fork:
    """A run that is to be made."""

    pipeline: Compiled
    """The pipeline of the run that it is like."""
    arguments: dict[str, Any]
    """All its arguments."""
    changed: dict[str, Any]
    """What was set, by its whole name."""


def forked(record: Mapping[str, Any], settings: Sequence[str], out: Path) -> Fork:
    """Returns the run that is like another but for the settings.

    Args:
        record: The record of the other.
        settings: ``NAME=VALUE``: a field of ``train_config``, an input of the pipeline, or a field
            within one (``transform_config.clip``). A value is JSON if it can be, else text; null
            takes a field back to its default.
        out: The folder of runs.

    Raises:
        UsageError: if a name means nothing, or the arguments do not hold together.
    """
    pipeline = kept_pipelines.of_run(record)
    if not settings:
        raise UsageError(
            "a fork differs from its run in what is set, and nothing is",
            hint=f"plimsoll fork {record['id']} --set learning_rate=0.001",
        )
    known = pipeline.inputs()
    given = {name: value for name, value in record["arguments"].items() if name in known}
    changed: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting} has no value", hint="--set NAME=VALUE")
        path = meant(name.strip(), pipeline)
        whole = ".".join(path)
        if whole in changed:
            raise UsageError(f"{whole} is set twice")
        if len(path) == 1:
            given |= pipeline_arguments.parse([f"--{path[0]}={text}"], pipeline)
            changed[whole] = given[path[0]]
        else:
            changed[whole] = value_of(text)
            given[path[0]] = _with(given.get(path[0]), path, changed[whole])
    pipeline = variants.fitting(pipeline, given)
    return Fork(
        pipeline=pipeline,
        arguments=pipeline_arguments.complete(given, pipeline, out),
        changed=changed,
    )


def meant(name: str, pipeline: Compiled) -> tuple[str, ...]:
    """Returns what a name means: an input, and the fields within it.

    A name that is both an input and a field of ``train_config`` (``data``) is the input; the field
    has a longer name.

    Raises:
        UsageError: if it means nothing.
    """
    inputs = pipeline.inputs()
    settings = dataclasses.fields(TrainConfig) if TRAIN_CONFIG in inputs else ()
    known = [item.name for item in settings]
    head, *fields = name.split(".")
    if fields and head in inputs and all(fields):
        if head != TRAIN_CONFIG:
            return (head, *fields)
        fields[0] = SHORT.get(fields[0], fields[0])
        if fields[0] in known:
            return (head, *fields)
        raise UsageError(
            f"{TRAIN_CONFIG} has no field {fields[0]!r}",
            cause=nearest(fields[0], known),
            choices=known,
        )
    plain = name.replace("-", "_")
    if plain in inputs:
        return (plain,)
    field = SHORT.get(plain, plain)
    if field in known:
        return (TRAIN_CONFIG, field)
    raise UsageError(
        f"the pipeline {pipeline.name!r} has nothing that is named {name!r}",
        cause=nearest(name, [*known, *SHORT, *inputs]),
        choices=[*known, *inputs],
        hint=f"a field within an input is named with a dot: {_example(inputs)}",
    )


def value_of(text: str) -> Any:
    """Returns a typed value: JSON if it is that, a number, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return float(text) if _NUMBER.fullmatch(text) else text


def field_of(arguments: Mapping[str, Any], name: str) -> Any:
    """Returns what arguments hold by a whole name, or None; of ``train_config`` the default too."""
    head, *fields = name.split(".")
    value = arguments.get(head)
    if not fields:
        return value
    try:
        value = _fields_of(value, head)
    except UsageError:
        return None
    for field in fields:
        value = value.get(field) if isinstance(value, dict) else None
    if value is None and head == TRAIN_CONFIG and len(fields) == 1:
        return getattr(TrainConfig(), fields[0], None)
    return value


def _with(value: Any, path: Sequence[str], wanted: Any) -> Any:
    """Returns an input's value with one field within it set, or taken away if it is None."""
    head, *fields = path
    whole = _fields_of(value, head)
    inner, within = whole, head
    for field in fields[:-1]:
        within = f"{within}.{field}"
        inner = inner.setdefault(field, {})
        if not isinstance(inner, dict):
            raise UsageError(
                f"{within} has no field {fields[-1]!r}",
                cause=f"it is {inner!r}",
                hint=f"--set '{within}={json.dumps({fields[-1]: wanted})}' replaces it",
            )
    if wanted is None:
        inner.pop(fields[-1], None)
    else:
        inner[fields[-1]] = wanted
    if isinstance(value, dict):
        return whole
    return (
        yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
        if head == _PROBLEM
        else json.dumps(whole, ensure_ascii=False)
    )


def _fields_of(value: Any, name: str) -> dict[str, Any]:
    """Returns the fields that an input's value holds, itself or as JSON or YAML text."""
    if isinstance(value, dict):
        return copy.deepcopy(value)
    try:
        fields = yaml.safe_load(value or "{}") if name == _PROBLEM else json.loads(value or "{}")
    except (TypeError, ValueError, yaml.YAMLError):
        fields = None
    if not isinstance(fields, dict):
        raise UsageError(
            f"the input {name!r} holds no fields that could be set",
            hint=f"--set {name}=VALUE replaces all of it",
        )
    return fields


def _example(inputs: Mapping[str, Any]) -> str:
    configs = [name for name in inputs if name.endswith("_config")]
    named = "transform_config" if "transform_config" in configs else next(iter(configs), "config")
    return f"--set {named}.FIELD=VALUE"


def _refuse(constant: str) -> float:
    raise ValueError(constant)
