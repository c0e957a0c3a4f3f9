"""A network of the user's own: one Python file with ``build(inputs)``, which travels as text.

The file's text is what is stored beside the weights and run again wherever the model is loaded,
so it has to stand alone: it may import what the roles train and serve have (the standard library,
numpy, torch, ``plimsoll.models.network_layers``), and no other file of its project.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.storage.files import digest_bytes

if TYPE_CHECKING:
    from torch import nn

FUNCTION = "build"
MOST_BYTES = 1 << 20
_PATH = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<function>[A-Za-z_]\w*)")
_HINT = "define: def build(inputs: NetworkInputs) -> torch.nn.Module"


@dataclass(frozen=True, kw_only=True)
class NetworkInputs:
    """What a network reads and has to answer: the argument of ``build``.

    The module's ``forward(numeric, categorical)`` takes float32 of shape (rows, numeric) and
    int64 of shape (rows, sum of widths), and returns float32 of shape (rows, outputs), or (rows,
    members, outputs) of an ensemble: logits of the classes, or standardised values.
    """

    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    outputs: int
    """Numbers that have to come out a row: the classes (2 for binary), or 1 for regression."""
    numeric: int
    """Numeric columns, about standardised unless the problem file says otherwise."""
    categories: tuple[int, ...]
    """Indices that each categorical output takes; 0 is missing, 1 unknown, known ones from 2."""
    widths: tuple[int, ...]
    """Columns that each categorical output takes: a row's indices, then 0."""
    hidden: tuple[int, ...]
    """``hidden`` of the training's config, to use or not."""
    dropout: float
    """``dropout`` of the training's config, to use or not."""


def source_of(module: str) -> str:
    """Returns the source text of a network, given as that or as ``package.module:function``.

    An import path is looked up where this process can import from; of its package only the
    parents are run. The function is called ``build`` in what is returned.

    Raises:
        ConfigError: if it is not found, or is not one file that stands alone.
    """
    path = _PATH.fullmatch(module.strip())
    source = module if path is None else _source_at(path["module"], path["function"])
    if len(source.encode()) > MOST_BYTES:
        raise ConfigError(
            "the network's file is too large", cause=f"it has more than {MOST_BYTES:,} bytes"
        )
    return source


def check_source(module: str) -> None:
    """Reads a network's text without running it; an import path is left to who can import it.

    Raises:
        ConfigError: if the text is not Python.
    """
    if module.strip() and not _PATH.fullmatch(module.strip()):
        _translating_errors(lambda: ast.parse(module), "the network's file", "")


def build_module(source: str, inputs: NetworkInputs) -> nn.Module:
    """Runs a network's source in a namespace of its own, and returns what ``build`` makes.

    Raises:
        ConfigError: if it does not run, has no ``build``, or that returns no module.
    """
    from torch import nn

    module = _execute(source)
    function = getattr(module, FUNCTION, None)
    if not callable(function):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise ConfigError(
            f"the network's file has no function {FUNCTION}",
            cause=nearest(FUNCTION, names),
            hint=_HINT,
        )
    network = _translating_errors(
        lambda: function(inputs), f"{FUNCTION} of the network's file", source
    )
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"{FUNCTION} of the network's file returns {type(network).__name__}, "
            "not a torch module",
            hint=_HINT,
        )
    return network


def run_forward(module: Callable[..., Any], source: str, *inputs: Any) -> Any:
    """Returns what a network of the user's own answers; what it raises is said with its line.

    Raises:
        ConfigError: if it raises.
    """
    return _translating_errors(lambda: module(*inputs), "the network's forward", source)


class _TextLoader(importlib.abc.InspectLoader):
    """Loads a module from text that is in no file."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 - it has one module
        """Returns the text."""
        return self._source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """Returns the compiled text, under the name by which tracebacks find its lines."""
        return self.source_to_code(self._source, _filename(self._source))


def _execute(source: str) -> ModuleType:
    digest = digest_bytes(source.encode())
    name = f"plimsoll_network_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    # Where tracebacks and torch's compiler look for the lines of a file that there is not.
    lines = source.splitlines(keepends=True)
    linecache.cache[_filename(source)] = (len(source), None, lines, _filename(source))
    loader = _TextLoader(source)
    spec = importlib.machinery.ModuleSpec(name, loader, origin=_filename(source))
    module = importlib.util.module_from_spec(spec)
    # Before it runs, as dataclasses and the like look their module up.
    sys.modules[name] = module
    try:
        _translating_errors(lambda: loader.exec_module(module), "the network's file", source)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _translating_errors(function: Callable[[], Any], what: str, source: str) -> Any:
    try:
        return function()
    except SyntaxError as error:
        raise ConfigError(
            f"{what} is not Python: line {error.lineno}",
            cause=f"{(error.text or '').rstrip()}\n{error.msg}",
        ) from error
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{what} raised {type(error).__name__}{_line(error, source)}", cause=str(error)
        ) from error


def _line(error: BaseException, source: str) -> str:
    own = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == _filename(source)
    ]
    if not own or own[-1] is None:
        return ""
    return f" in line {own[-1]}: {source.splitlines()[own[-1] - 1].strip()}"


def _filename(source: str) -> str:
    return f"<network {digest_bytes(source.encode())[:16]}>"


def _source_at(module: str, function: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"the network's module {module} cannot be imported", cause=str(error)
        ) from error
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise ConfigError(
            f"the network's module {module} is not there as a Python file",
            hint="give the file itself, or install its package where the training runs",
        )
    source = Path(spec.origin).read_text("utf-8")
    tree = _translating_errors(
        lambda: ast.parse(source, spec.origin or module), f"the file of {module}", ""
    )
    _check_alone(tree, module)
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if function not in names:
        raise ConfigError(
            f"{module} defines no {function}", cause=nearest(function, names), choices=names
        )
    return source if function == FUNCTION else f"{source}\n\n{FUNCTION} = {function}\n"


def _check_alone(tree: ast.Module, module: str) -> None:
    package, dot, _ = module.partition(".")
    if not dot or package == "plimsoll":
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [package if node.level else node.module or ""]
        if isinstance(node, ast.stmt) and package in {name.partition(".")[0] for name in names}:
            raise ConfigError(
                f"the network's file {module} does not stand alone: line {node.lineno}",
                cause=f"it imports from its own package {package}, which a server does not have",
                hint="move what it needs into the one file",
            )
