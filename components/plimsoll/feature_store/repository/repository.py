"""A Feast repository, opened: its configuration, its definitions, and how its registry stands.

The definitions decide. What rows are joined with comes from the Python files of the repository,
through a registry of our own in a scratch folder; the configured registry, from which the online
side works, is compared with them. Only a repository without definitions is read from its
registry, and then without the functions that it keeps.
"""

import os
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError, DataError, PlimsollError, nearest, shortened
from plimsoll.feature_store.repository.definitions import definitions_of, quiet
from plimsoll.feature_store.repository.model import Repository, registered_contents
from plimsoll.storage.gcs import SCHEME, Object

YAML = "feature_store.yaml"


def open_repository(where: str, scratch: Path, yaml: str = YAML) -> Repository:
    """Opens a Feast repository.

    Args:
        where: Its folder, its configuration (``.../feature_store.gcp.yaml``), or a ``gs://``
            prefix.
        scratch: A folder for what is kept while it is used.
        yaml: Name of the configuration in a folder.

    Raises:
        ConfigError: if there is none, or its configuration or definitions do not hold.
        DataError: if it cannot be fetched, or a source that something is inferred from cannot be
            read.
    """
    scratch = Path(scratch).resolve()
    folder, path, objects = _locate(where, scratch, yaml)
    with quiet():
        config = _config(path, folder)
        definitions = definitions_of(folder, config.project)
        store = _feature_store(config, folder)
        scratch.mkdir(parents=True, exist_ok=True)
        own = _config(path, folder, registry=scratch / "registry.db")
        retrieval = _feature_store(own, folder)
        contents = definitions or registered_contents(store, folder)
        _infer(retrieval, contents, where)
    return Repository(
        where=where,
        folder=folder,
        yaml=path,
        config=config,
        definitions=definitions,
        store=store,
        retrieval=retrieval,
        objects=objects,
    )


def _locate(where: str, scratch: Path, yaml: str) -> tuple[Path, Path, tuple[Object, ...]]:
    objects: tuple[Object, ...] = ()
    folder = Path(where)
    if where.startswith(SCHEME):
        from plimsoll.storage.gcs import fetch_folder

        prefix, _, last = where.rstrip("/").rpartition("/")
        if last.endswith((".yaml", ".yml")):
            where, yaml = prefix, last
        folder = scratch / "repository"
        objects = fetch_folder(where, folder)
    if folder.is_file() and folder.suffix in (".yaml", ".yml"):
        folder, yaml = folder.parent, folder.name
    path = folder.resolve() / yaml
    if not path.is_file():
        beside = sorted(item.name for item in folder.glob("*.y*ml")) if folder.is_dir() else []
        raise ConfigError(
            f"there is no feature repository at {where}",
            cause=nearest(yaml, beside) if folder.is_dir() else f"there is no folder {where}",
            choices=beside,
            hint=f"give the folder of a {YAML}, or another configuration's path",
        )
    return folder.resolve(), path, objects


def _config(path: Path, folder: Path, registry: Path | None = None) -> Any:
    """Reads a configuration as Feast does; with a registry given, for reading alone."""
    import yaml
    from feast.errors import FeastError
    from feast.repo_config import RepoConfig

    try:
        values = yaml.safe_load(os.path.expandvars(path.read_text("utf-8")))
        if registry is not None:
            values = {**values, "registry": str(registry), "online_store": None}
        config = RepoConfig(**values)
        config.repo_path = folder
        # Feast loads the classes that are named here only when they are first used.
        _ = (config.registry, config.offline_store, config.online_store)
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError, FeastError) as error:
        raise ConfigError(
            f"the configuration {path.name} of the feature repository does not hold",
            cause=_without_input(error),
            hint="feast's own feature_store.yaml is described in its documentation",
        ) from error
    return config


def _without_input(error: Exception) -> str:
    # What does not hold may be a connection string, with a password.
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"line {mark.line + 1} is not YAML"
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return type(error).__name__ if isinstance(error, ValueError) else str(error)
    texts = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in errors()]
    return shortened(texts, 4)


def _feature_store(config: Any, folder: Path) -> Any:
    from feast import FeatureStore

    return FeatureStore(repo_path=str(folder), config=config)


def _infer(retrieval: Any, contents: Any, where: str) -> None:
    """Lets Feast infer what definitions leave out, in place, and keeps them for retrieval."""
    every = [
        *contents.projects,
        *contents.entities,
        *contents.data_sources,
        *contents.feature_views,
        *contents.stream_feature_views,
        # Those of a registry have no function to infer from.
        *(view for view in contents.on_demand_feature_views if view.udf is not None),
        *contents.feature_services,
    ]
    try:
        retrieval.apply(every)
    except PlimsollError:
        raise
    except Exception as error:  # on-demand functions are tried, whose errors may be any
        raise DataError(
            f"the definitions of the feature repository {where} do not hold together",
            cause=f"{type(error).__name__}: {error}".strip(),
            hint="what a schema leaves out is inferred from the source, which must be there",
        ) from error
    # Offline stores look these up, which would load functions from the pickles just made.
    for view in (view for view in contents.on_demand_feature_views if view.udf is not None):
        retrieval.registry.delete_feature_view(view.name, retrieval.project)
    for item in (*contents.feature_views, *contents.stream_feature_views):
        item.created_timestamp = item.last_updated_timestamp = None
