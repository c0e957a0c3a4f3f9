"""Finds the pipeline that a name on the command line means."""

import importlib.util
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from plimsoll import shipped
from plimsoll.errors import PlimsollError, UsageError, nearest
from plimsoll.local.pipelines.graph import Compiled, parse

_YAML = (".yaml", ".yml", ".json")


def names() -> list[str]:
    """Returns the names of the pipelines that come with the library."""
    return sorted(path.stem for path in shipped.folder("pipelines").glob("*.yaml"))


def find(pipeline: str) -> Compiled:
    """Returns the compiled pipeline that a word means.

    Args:
        pipeline: A name in the library, the path of a compiled YAML, or ``file.py:function``.

    Raises:
        UsageError: if it means none of these, or does not compile.
    """
    if pipeline in names():
        return _read(shipped.folder("pipelines") / f"{pipeline}.yaml")
    path, _, function = pipeline.rpartition(":")
    if function and path.endswith(".py"):
        return compile_function(_function(Path(path), function))
    if pipeline.endswith(".py"):
        raise UsageError(
            f"{pipeline} names no function",
            hint=f"plimsoll run {pipeline}:FUNCTION",
        )
    if pipeline.endswith(_YAML):
        return _read(Path(pipeline))
    raise UsageError(
        f"there is no pipeline {pipeline!r}",
        cause=nearest(pipeline, names()),
        choices=[*names(), "a compiled .yaml", "file.py:function"],
    )


def compile_function(function: Any) -> Compiled:
    """Compiles a ``@dsl.pipeline`` function, or a single component.

    Raises:
        UsageError: if it is neither.
    """
    from kfp import compiler, dsl

    if not isinstance(function, dsl.base_component.BaseComponent):
        raise UsageError(
            f"{getattr(function, '__name__', function)!r} is neither a pipeline nor a component",
            hint="decorate it with @dsl.pipeline(name=...)",
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(function, str(path))
        return _read(path)


def _read(path: Path) -> Compiled:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the pipeline {path} cannot be read", cause=str(error)) from error
    return parse(text, str(path))


def _function(path: Path, name: str) -> Any:
    if not path.is_file():
        raise UsageError(f"there is no file {path}", hint="give FILE.py:FUNCTION")
    module_name = f"plimsoll_pipeline_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # A pipeline file may import its neighbours, as it would when run as a script.
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[module_name] = module
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The default base_image", FutureWarning)
            spec.loader.exec_module(module)
    except PlimsollError:
        raise
    except Exception as error:
        raise UsageError(
            f"{path} cannot be imported", cause=f"{type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    if not hasattr(module, name):
        public = [item for item in vars(module) if not item.startswith("_")]
        raise UsageError(
            f"{path} has no function {name!r}", cause=nearest(name, public), choices=public
        )
    return getattr(module, name)
