"""The functions of on-demand views, loaded from their files: in training as on a server."""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plimsoll.storage.files import digest_file


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a file without bytecode: none is read, and none is left in the verified folder."""

    def path_stats(self, path: Any) -> Any:
        """Says that no bytecode can be matched against the file.

        Raises:
            OSError: always, as the import system asks of a loader that has none.
        """
        raise OSError(f"{path} has no bytecode")


def load_function(path: Path, name: str) -> Callable[..., Any]:
    """Returns a function of a Python file, which is run once in a process.

    What the file itself raises goes through.

    Raises:
        AttributeError: if the file has no such function.
    """
    alias = f"plimsoll_on_demand_{digest_file(path)}"
    module = sys.modules.get(alias) or _executed(alias, path)
    function: Callable[..., Any] = getattr(module, name)
    return function


def _executed(alias: str, path: Path) -> Any:
    loader = _Loader(alias, str(path))
    spec = importlib.util.spec_from_loader(alias, loader)
    if spec is None:
        raise ImportError(f"{path.name} has no spec")
    module = importlib.util.module_from_spec(spec)
    # Before it runs, as dataclasses and the like look their module up.
    sys.modules[alias] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[alias]
        raise
    return module
