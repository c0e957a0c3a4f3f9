"""Turns words of the command line into a pipeline's arguments."""

import functools
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.errors import UsageError, nearest
from plimsoll.local.pipelines import baselines
from plimsoll.local.pipelines.checks import check_text, check_texts
from plimsoll.local.pipelines.graph import Compiled, Input
from plimsoll.local.pipelines.named_data import STORE

# Inputs that hold a file's text, since a cluster has no path to it: --problem problem.yaml.
TEXT_INPUTS = (
    "problem",
    "schema",
    "ingest_config",
    "features_config",
    "gate_config",
    "transform_config",
    "train_config",
    "module",
    "launcher_config",
    "space",
    "tune_config",
    "materialize_config",
    "push_config",
)
_JSON: Mapping[str, type] = {"LIST": list, "STRUCT": dict}
"""KFP's types that are given as JSON."""
_IMPORT_PATH = re.compile(r"[\w.]+:\w+")


def parse(words: Sequence[str], pipeline: Compiled) -> dict[str, Any]:
    """Reads ``--name value`` and ``--name=value`` by the pipeline's own inputs.

    A value ``@FILE`` is replaced by that file's text; for inputs that hold the text of a file
    the ``@`` may be left out.

    Raises:
        UsageError: if an input is unknown, given twice, missing, or of the wrong type.
    """
    inputs = pipeline.inputs()
    given: dict[str, Any] = {}
    waiting = list(words)
    while waiting:
        name, value = _next(waiting, inputs, pipeline.name)
        if name in given:
            raise UsageError(f"--{name} is given twice")
        given[name] = _convert(inputs[name], text_of(name, value))
    return given


def complete(given: Mapping[str, Any], pipeline: Compiled, out: Path) -> dict[str, Any]:
    """Checks names and adds defaults.

    Here ``push_to`` defaults to ``models`` and ``store`` to ``datasets`` below the folder of
    runs, where a cluster has to be told; and the word ``last`` is a ``baseline``.

    Raises:
        UsageError: if an input is unknown, a required one is missing, or one holds a text that its
            component would refuse.
    """
    inputs = pipeline.inputs()
    for name in given:
        if name not in inputs:
            raise _unknown(name, inputs, pipeline.name)
    missing = [name for name, item in inputs.items() if item.required and name not in given]
    if missing:
        raise UsageError(
            f"the pipeline {pipeline.name!r} needs --{missing[0]}",
            cause=inputs[missing[0]].description,
            hint=f"plimsoll run {pipeline.name} --help",
        )
    complete = {
        name: _carried(item, given[name]) if name in given else item.default
        for name, item in inputs.items()
    }
    for name, folder in (("push_to", "models"), ("store", STORE)):
        if name in complete and not complete[name]:
            complete[name] = str(out / folder)
    check_texts(complete)
    if "baseline" in complete:
        complete["baseline"] = baselines.completed(complete, pipeline.name, out)
    return complete


def _carried(item: Input, value: Any) -> Any:
    """Returns a value given from Python as KFP carries it, a path as its text.

    JSON text is taken for a dict or a list too: records from before configs were dicts hold it.
    """
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    if item.kind in _JSON and isinstance(value, str):
        value = _convert(item, value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the input {item.name!r} cannot be {value!r}",
            cause=str(error),
            hint="give text, a number, a bool, or a list or dict of these",
        ) from error
    return value


def _next(waiting: list[str], inputs: Mapping[str, Input], pipeline: str) -> tuple[str, str]:
    word = waiting.pop(0)
    if not word.startswith("--"):
        raise UsageError(
            f"unexpected argument {word!r}",
            cause="a pipeline's inputs are given by name",
            hint=f"plimsoll run {pipeline} --help",
        )
    name, equals, value = word[2:].partition("=")
    name = name.replace("-", "_")
    if name not in inputs:
        raise _unknown(name, inputs, pipeline)
    if equals:
        return name, value
    if inputs[name].kind == "BOOLEAN" and (not waiting or waiting[0].startswith("--")):
        return name, "true"
    if not waiting:
        raise UsageError(f"--{name} needs a value")
    return name, waiting.pop(0)


def _unknown(name: str, inputs: Mapping[str, Input], pipeline: str) -> UsageError:
    return UsageError(
        f"the pipeline {pipeline!r} has no input {name!r}",
        cause=nearest(name, inputs),
        choices=[f"--{known}" for known in inputs],
        hint=f"plimsoll run {pipeline} --help",
    )


def text_of(name: str, value: str) -> str:
    """Returns a value as it was typed, or the text of the file that it names.

    Args:
        name: The input that it is for.
        value: ``@FILE``, for an input that holds the text of a file just ``FILE``, or the text.

    Raises:
        UsageError: if there is no such file.
    """
    path = Path(value[1:]) if value.startswith("@") else None
    if path is None and name in TEXT_INPUTS and _names_a_file(name, value):
        path = Path(value)
    if path is None:
        return value
    try:
        # An editor of Windows may begin a file with a byte order mark.
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--{name}: {path} cannot be read",
            cause=str(error),
            hint=f"--{name} FILE, or the text itself",
        ) from error


def _names_a_file(name: str, value: str) -> bool:
    if name == "module" and _IMPORT_PATH.fullmatch(value):
        return False
    one_word = "\n" not in value and "{" not in value and ": " not in value
    return one_word and bool(value)


def _convert(item: Input, text: str) -> Any:
    converters: dict[str, Callable[[str], Any]] = {
        "NUMBER_INTEGER": int,
        "NUMBER_DOUBLE": _number,
        "BOOLEAN": _boolean,
        **{kind: functools.partial(_json, kind=made) for kind, made in _JSON.items()},
    }
    try:
        return converters.get(item.kind, str)(text)
    except ValueError as error:
        # The component that reads such a config has a better word for what is wrong.
        check_text(item.name, text)
        raise UsageError(
            f"--{item.name} is {text!r}, which is not {_WORDS.get(item.kind, item.kind)}",
            cause=str(error),
        ) from error


_WORDS = {
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a JSON list",
    "STRUCT": "a JSON object",
}


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("KFP carries finite numbers only")
    return number


def _boolean(text: str) -> bool:
    values = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in values:
        raise ValueError("write true or false")
    return values[text.lower()]


def _json(text: str, kind: type) -> Any:
    value = json.loads(text or "{}" if kind is dict else text)
    if not isinstance(value, kind):
        raise ValueError(f"it is a {type(value).__name__}")
    return value
