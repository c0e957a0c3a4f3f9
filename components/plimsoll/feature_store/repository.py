"""A Feast repository, opened: its configuration, its definitions, and how its registry stands.

The definitions decide. What rows are joined with comes from the Python files of the repository,
through a registry of our own in a scratch folder; the configured registry, from which the online
side works, is compared with them. Only a repository without definitions is read from its
registry, and then without the functions that it keeps.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from plimsoll.artifacts.files import digest_file, digest_json
from plimsoll.artifacts.gcs import SCHEME, Object
from plimsoll.errors import ConfigError, DataError, PlimsollError, nearest, shortened
from plimsoll.feature_store.definitions import definitions_of, quiet
from plimsoll.feature_store.registries import (
    LOCK_SECONDS,
    Difference,
    RegistryState,
    canonical,
    differences,
    local_path,
    objects_of,
    read_registry,
    registry_lock,
)

YAML = "feature_store.yaml"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A Feast repository that was opened; Feast's own objects in it are its API."""

    where: str
    """As it was asked for."""
    folder: Path
    """Where it lies on this machine."""
    yaml: Path
    """Its configuration."""
    config: Any
    """Feast's ``RepoConfig``."""
    definitions: Any
    """Feast's ``RepoContents``, with what Feast infers filled in; None: there are none, and the
    registry is all there is."""
    store: Any
    """Feast's ``FeatureStore`` as it is configured: its registry, its offline and online store."""
    retrieval: Any
    """A ``FeatureStore`` of the same offline store whose registry, in the scratch folder, holds
    the entities, sources and views as they are defined, and no online store."""
    objects: tuple[Object, ...] = field(default=(), repr=False)
    """The objects that it was fetched from, where it lies in a bucket."""

    @property
    def project(self) -> str:
        """Feast's project."""
        return str(self.config.project)

    @property
    def key_version(self) -> int:
        """How entity keys are serialized."""
        return int(self.config.entity_key_serialization_version)

    @cached_property
    def services(self) -> Mapping[str, Any]:
        """The feature services by name."""
        return {item.name: item for item in self._defined("feature_services")}

    @cached_property
    def views(self) -> Mapping[str, Any]:
        """The feature views by name, stream views too; those on demand are not among them."""
        plain = [*self._defined("feature_views"), *self._defined("stream_feature_views")]
        return {item.name: item for item in plain}

    @cached_property
    def on_demand_views(self) -> Mapping[str, Any]:
        """The on-demand feature views by name."""
        return {item.name: item for item in self._defined("on_demand_feature_views")}

    @cached_property
    def entities(self) -> Mapping[str, Any]:
        """The entities by name."""
        return {item.name: item for item in self._defined("entities")}

    def service(self, name: str) -> Any:
        """Returns a feature service.

        Raises:
            ConfigError: if there is none of that name.
        """
        if name not in self.services:
            raise ConfigError(
                f"the feature repository {self.where} has no feature service {name!r}",
                cause=nearest(name, self.services),
                choices=tuple(sorted(self.services)),
                hint="" if self.services else "define a FeatureService in it",
            )
        return self.services[name]

    def view_of(self, projection: Any) -> Any:
        """Returns the view, plain or on demand, that a service's projection takes from.

        Raises:
            ConfigError: if there is none of that name.
        """
        known = {**self.views, **self.on_demand_views}
        if projection.name not in known:
            raise ConfigError(
                f"the feature repository {self.where} has no feature view {projection.name!r}",
                cause=nearest(projection.name, known),
                choices=tuple(sorted(known)),
            )
        return known[projection.name]

    def apply(self, seconds: float = LOCK_SECONDS) -> tuple[Difference, ...]:
        """Registers the definitions and makes the online store's tables; twice changes nothing.

        What is not defined any more is taken out, as ``feast apply`` does.

        Args:
            seconds: How long to wait for another that holds the registry.

        Returns:
            What was not as it is now.

        Raises:
            ConfigError: if there are no definitions, or the registry would be a file of a
                repository that was fetched from a bucket.
            DataError: if the registry is locked or cannot be written.
        """
        from plimsoll.feature_store.applying import apply

        self._check_appliable()
        with registry_lock(self.store, self.folder, seconds):
            found = self._state(locked=True).differences
            with quiet():
                apply(self, found)
        return found

    def registry_state(self, service: str = "") -> RegistryState:
        """Compares the registry with the definitions.

        Args:
            service: Only what this service is made of counts; empty: everything.

        Raises:
            DataError: if the registry cannot be read.
        """
        if self.definitions is None:
            return RegistryState(status="only")
        state = self._state(locked=False)
        if not service:
            return state
        parts = self._parts(service)
        found = tuple(item for item in state.differences if (item.kind, item.name) in parts)
        status = "missing" if state.status == "missing" else "stale" if found else "equal"
        return RegistryState(status=status, differences=found)

    def registry_sha256(self, service: str) -> str:
        """Returns a digest of what decides a service's values; the same on every machine.

        The service, its views, entities, sources and the files of its on-demand functions count;
        times, descriptions, tags, owners and where this machine keeps the repository do not.

        Raises:
            ConfigError: if there is no such service.
        """
        parts = self._parts(service)
        told = [[*key, canonical(item, self.folder)] for key, item in sorted(parts.items())]
        code = {
            name: digest_file(path)
            for kind, name in sorted(parts)
            if kind == "on-demand feature view"
            and (path := function_file(self.on_demand_views[name])) is not None
        }
        return digest_json(
            {"project": self.project, "keys": self.key_version, "objects": told, "code": code}
        )

    def _state(self, *, locked: bool) -> RegistryState:
        proto = read_registry(self.store, self.folder, locked=locked)
        applied = {} if proto is None else objects_of(proto, self.project, self.folder)
        found = differences(applied, self._objects, self.folder)
        if not applied:
            return RegistryState(status="missing", differences=found)
        return RegistryState(status="stale" if found else "equal", differences=found)

    @cached_property
    def _objects(self) -> dict[tuple[str, str], Any]:
        return objects_of(self.contents.to_registry_proto(), self.project, self.folder)

    @cached_property
    def contents(self) -> Any:
        """Feast's ``RepoContents`` of the definitions, or of the registry where there are none."""
        return self.definitions or _contents_of(self.store, self.folder)

    def _defined(self, kind: str) -> list[Any]:
        return list(getattr(self.contents, kind))

    def _parts(self, service: str) -> dict[tuple[str, str], Any]:
        """Returns what a service is made of, by kind and name."""
        asked = self.service(service)
        views = {item.name for item in asked.feature_view_projections}
        for name in views & set(self.on_demand_views):
            views |= set(_source_views(self.on_demand_views[name]))
        entities = {name for view in views & set(self.views) for name in self.views[view].entities}
        wanted = {("feature service", service)}
        wanted |= {
            (kind, name)
            for name in views
            for kind in ("feature view", "stream feature view", "on-demand feature view")
        }
        wanted |= {("entity", name) for name in entities}
        return {key: item for key, item in self._objects.items() if key in wanted}

    def _check_appliable(self) -> None:
        if self.definitions is None:
            raise ConfigError(
                f"the feature repository {self.where} has no definitions to apply",
                hint="its registry is applied where its Python files are",
            )
        if self.where.startswith(SCHEME) and local_path(self.store, self.folder) is not None:
            raise ConfigError(
                f"the registry of {self.where} is a file beside it, which nobody else would see",
                hint=f"name a registry in a bucket or a database in {self.yaml.name}",
            )


def function_file(view: Any) -> Path | None:
    """Returns the Python file of an on-demand view's function; None: there is none to be found."""
    if view.udf is None:
        return None
    try:
        name = inspect.getsourcefile(inspect.unwrap(view.udf))
    except TypeError:
        return None
    return Path(name) if name and Path(name).is_file() else None


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
    folder, path, objects = _located(where, scratch, yaml)
    with quiet():
        config = _config(path, folder)
        definitions = definitions_of(folder, config.project)
        store = _feature_store(config, folder)
        scratch.mkdir(parents=True, exist_ok=True)
        own = _config(path, folder, registry=scratch / "registry.db")
        retrieval = _feature_store(own, folder)
        contents = definitions or _contents_of(store, folder)
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


def _located(where: str, scratch: Path, yaml: str) -> tuple[Path, Path, tuple[Object, ...]]:
    objects: tuple[Object, ...] = ()
    place = Path(where)
    if where.startswith(SCHEME):
        from plimsoll.artifacts.gcs import fetch_folder

        prefix, _, last = where.rstrip("/").rpartition("/")
        if last.endswith((".yaml", ".yml")):
            where, yaml = prefix, last
        place = scratch / "repository"
        objects = fetch_folder(where, place)
    if place.is_file() and place.suffix in (".yaml", ".yml"):
        place, yaml = place.parent, place.name
    path = place.resolve() / yaml
    if not path.is_file():
        found = sorted(item.name for item in place.glob("*.y*ml")) if place.is_dir() else []
        raise ConfigError(
            f"there is no feature repository at {where}",
            cause=nearest(yaml, found) if place.is_dir() else f"there is no folder {where}",
            choices=found,
            hint=f"give the folder of a {YAML}, or another configuration's path",
        )
    return place.resolve(), path, objects


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
    told = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in errors()]
    return shortened(told, 4)


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


def _contents_of(store: Any, folder: Path) -> Any:
    """Returns what a registry holds as if it had been defined, without any function."""
    from plimsoll.feature_store.applying import contents_of

    proto = read_registry(store, folder)
    if proto is None:
        raise ConfigError(
            f"the feature repository {folder.name} has neither definitions nor a registry",
            hint="write its Python files, or apply them to the registry that it names",
        )
    return contents_of(proto, store.project, folder)


def _source_views(view: Any) -> list[str]:
    return [item.name for item in view.source_feature_view_projections.values()]
