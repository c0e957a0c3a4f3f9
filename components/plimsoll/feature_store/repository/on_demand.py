"""On-demand functions: found in their files, and checked to stand alone.

A server runs the file of an on-demand view without Feast, so the file may import the standard
library alone, and its function has to give what Feast's copy of it gives.
"""

import ast
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError, shortened
from plimsoll.feature_store.repository.model import function_file
from plimsoll.feature_store.types import value_type
from plimsoll.formats.plan_functions import load_function
from plimsoll.timestamps import EPOCH_UTC

Batch = Mapping[str, list[Any]]
MOVE = (
    "write the function in a file of its own that imports the standard library only, and give it "
    "to the view as udf="
)
PROBES: Mapping[str, list[Any]] = {
    "INT32": [0, 7, 1201],
    "INT64": [0, 7, 1201],
    "FLOAT": [0.0, 0.5, 1400.0],
    "DOUBLE": [0.0, 0.5, 1400.0],
    "BOOL": [False, True, True],
    "STRING": ["", "a", "JFK"],
    "UNIX_TIMESTAMP": [
        EPOCH_UTC,
        datetime(2013, 7, 4, 12, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    ],
}
"""Values of each type to try a function with."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function that stands alone."""

    path: Path
    name: str
    call: Callable[[dict[str, list[Any]]], dict[str, list[Any]]]


def checked_function(view: Any, what: str) -> Function:
    """Returns the function of an on-demand view after checking that its file stands alone.

    Args:
        view: Feast's ``OnDemandFeatureView``.
        what: What to call it in errors.

    Raises:
        ConfigError: if the view is of another mode, its function cannot be found in a file, or
            the file does not stand alone.
    """
    _check_mode(view, what)
    path = function_file(view)
    if path is None:
        raise ConfigError(
            f"{what} has no function that could be found in a file",
            cause="a registry keeps functions as pickled code, which is not loaded",
            hint="give the repository's Python files, not its registry alone",
        )
    name = str(view.udf.__name__)
    _check_file(path, name, what)
    function = Function(path=path, name=name, call=_loaded(path, name, what))
    _check_same(view, function, what)
    return function


def _check_mode(view: Any, what: str) -> None:
    if view.mode != "python" or view.singleton:
        mode = f"the mode {view.mode!r}" if view.mode != "python" else "singleton=True"
        raise ConfigError(
            f"{what} has {mode}",
            cause="a server computes it without Feast, a batch of rows at a time",
            hint='write it with mode="python": a function of dict[str, list] to dict[str, list]',
        )
    if view.aggregations or view.write_to_online_store:
        raise ConfigError(
            f"{what} keeps values in the online store",
            cause="such values are as old as their last write, not as of the request",
            hint="take out aggregations and write_to_online_store, or make it a feature view",
        )


def _check_file(path: Path, name: str, what: str) -> None:
    tree = ast.parse(path.read_text("utf-8"), filename=path.name)
    foreign = sorted({module for module in _imports(tree) if not _is_standard(module)})
    if foreign:
        raise ConfigError(
            f"{what}: its file {path.name} imports {shortened(foreign)}",
            cause="the file travels with the model, to servers that have neither Feast nor the "
            "repository",
            hint=MOVE,
        )
    defined = [item.name for item in tree.body if isinstance(item, ast.FunctionDef)]
    if name not in defined:
        raise ConfigError(
            f"{what}: its function {name!r} is not defined at the top of {path.name}",
            choices=defined,
            hint=MOVE,
        )


def _loaded(path: Path, name: str, what: str) -> Callable[..., Any]:
    try:
        return load_function(path, name)
    except Exception as error:  # the repository's code, whose errors may be any
        raise ConfigError(
            f"{what}: its file {path.name} cannot be run by itself",
            cause=f"{type(error).__name__}: {error}",
            hint=MOVE,
        ) from error


def _imports(tree: ast.AST) -> list[str]:
    modules = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append("." * node.level + (node.module or ""))
    return modules


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _check_same(view: Any, function: Function, what: str) -> None:
    """Compares the file's function with Feast's on a few rows, with and without values."""
    types = {
        field.name: value_type(field, what)
        for source in (
            *(source.schema for source in view.source_request_sources.values()),
            *(source.features for source in view.source_feature_view_projections.values()),
        )
        for field in source
    }
    full = {name: list(PROBES[kind]) for name, kind in types.items()}
    named = [field.name for field in view.features]
    for batch in (full, {name: [None] * len(values) for name, values in full.items()}):
        ours, theirs = _tried(function.call, batch), _tried(view.udf, batch)
        if isinstance(ours, dict):
            _check_answer(ours, named, len(next(iter(batch.values()), [])), what)
        elif batch is full:
            raise ConfigError(f"{what}: its function fails: {ours}")
        if not _equal(ours, theirs):
            raise ConfigError(
                f"{what}: the function in {function.path.name} is not the one that Feast runs",
                cause="the two answer differently, so that it depends on more than its file",
                hint="let it use nothing but its arguments and its own file",
            )


def _tried(call: Callable[..., Any], batch: Batch) -> Any:
    try:
        return call({name: list(values) for name, values in batch.items()})
    except Exception as error:  # the repository's code, whose errors may be any
        return f"{type(error).__name__}: {error}"


def _check_answer(answer: Mapping[str, Any], named: list[str], rows: int, what: str) -> None:
    odd = [name for name in named if not isinstance(answer.get(name), list | tuple)]
    if odd:
        raise ConfigError(
            f"{what}: its function does not return a list for {shortened(odd)}",
            hint="return a dict of a list for each feature of its schema",
        )
    short = [name for name in named if len(answer[name]) != rows]
    if short:
        raise ConfigError(
            f"{what}: its function returns lists of another length for {shortened(short)}",
            cause=f"{rows} rows were given",
        )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)
