"""A Feast repository's definitions: its Python files, run quietly, and what they define.

The files are trusted as a pipeline's are: reading them runs them. They are imported under their
own names, with the repository first on the path, and forgotten again, so that two repositories
in one process do not see each other's modules.
"""

import contextlib
import importlib
import io
import itertools
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError

RUNS_MARK = Path("cache", "code")
"""What every folder of runs has: the code of their steps."""

# The working folder and the modules are the process's: one repository at a time.
_ONE_AT_A_TIME = threading.Lock()


def definitions_of(folder: Path, project: str) -> Any:
    """Runs a repository's Python files and returns what they define.

    Returns:
        Feast's ``RepoContents``, with one project; None if the files define no view and no
        service.

    Raises:
        ConfigError: if a file cannot be run, two that differ have one name, or they define
            another project.
    """
    from feast.project import Project
    from feast.repo_operations import parse_repo

    folder = folder.resolve()
    with _ONE_AT_A_TIME, quiet(), _imports_from(folder), _without_runs():
        _check_names(folder)
        try:
            contents = parse_repo(folder)
        except ConfigError:
            raise
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"the definitions of the feature repository {folder.name} cannot be loaded",
                cause=_error_text(error, folder),
                hint="run the file that is named, or feast plan, in the repository's folder",
            ) from error
    if not contents.feature_views and not contents.feature_services:
        return None
    _check_unique(contents, folder)
    named = sorted({item.name for item in contents.projects} - {project})
    if named:
        raise ConfigError(
            f"the feature repository {folder.name} defines the project {named[0]!r}",
            cause=f"its configuration names {project!r}",
            hint="let the two agree",
        )
    if not contents.projects:
        contents.projects.append(Project(name=project))
    return contents


def _check_unique(contents: Any, folder: Path) -> None:
    """Refuses definitions of one name that differ: in a registry the last one would stay."""
    views = ("feature_views", "stream_feature_views", "on_demand_feature_views")
    for what, kinds in (
        ("entity", ("entities",)),
        ("feature view", views),
        ("feature service", ("feature_services",)),
    ):
        known: dict[str, Any] = {}
        for item in (item for kind in kinds for item in getattr(contents, kind)):
            other = known.setdefault(item.name, item)
            if type(other) is not type(item) or other != item:
                raise ConfigError(
                    f"the feature repository {folder.name} defines the {what} {item.name!r} twice",
                    cause="they differ, and only one of them could be meant",
                    hint="rename one, or write the view's .with_name(...) or [[...]] in the service"
                    if what == "feature view"
                    else "rename one of them, or take it out",
                )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what Feast prints and warns of from the reader."""
    # Feast's import sets a filter of its own, which would come before ours.
    import feast.feature_store  # noqa: F401

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _imports_from(folder: Path) -> Iterator[None]:
    # Feast names modules relative to the working folder.
    before, written = Path.cwd(), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    os.chdir(folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        os.chdir(before)
        sys.dont_write_bytecode = written
        sys.path.remove(str(folder))
        for name in [name for name, module in sys.modules.items() if _lies_in(module, folder)]:
            del sys.modules[name]


@contextlib.contextmanager
def _without_runs() -> Iterator[None]:
    """Keeps Feast from the Python files of runs that were made in the repository's folder."""
    from feast import repo_operations

    every = repo_operations.get_repo_files

    def files(folder: Path) -> list[Path]:
        return [path for path in every(folder) if not _is_of_a_run(path, folder)]

    # Feast takes no list of what to leave out but the user's .feastignore.
    repo_operations.get_repo_files = files
    try:
        yield
    finally:
        repo_operations.get_repo_files = every


def _is_of_a_run(path: Path, folder: Path) -> bool:
    above = itertools.takewhile(lambda parent: parent != folder, path.parents)
    return any((parent / RUNS_MARK).is_dir() for parent in above)


def _lies_in(module: Any, folder: Path) -> bool:
    # Of a package without __init__.py there is only its path.
    paths = [getattr(module, "__file__", None), *list(getattr(module, "__path__", ()) or ())]
    return any(path and Path(path).is_relative_to(folder) for path in paths)


def _check_names(folder: Path) -> None:
    from feast import repo_operations

    for path in repo_operations.get_repo_files(folder):
        top = path.relative_to(folder).parts[0].removesuffix(".py")
        loaded = sys.modules.get(top)
        if loaded is not None and not _lies_in(loaded, folder):
            raise ConfigError(
                f"the feature repository's {path.relative_to(folder)} has a name that is taken",
                cause=f"a module {top!r} from elsewhere is loaded already",
                hint="rename it, or leave it out by a line in .feastignore",
            )


def _error_text(error: BaseException, folder: Path) -> str:
    """Returns what went wrong, and the line of the repository in which it did."""
    text = f"{type(error).__name__}: {error}"
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder)
    ]
    if isinstance(error, SyntaxError) or not own:
        return text
    path = Path(own[-1].filename).relative_to(folder)
    return f"{path}, line {own[-1].lineno}: {text}"
