"""A Feast repository, opened."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.feature_store.repository.applying import apply, contents_of
from plimsoll.feature_store.repository.definitions import quiet
from plimsoll.feature_store.repository.registries import (
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
from plimsoll.storage.files import digest_file, digest_json
from plimsoll.storage.gcs import SCHEME, Object


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
        self._check_appliable()
        with registry_lock(self.store, self.folder, seconds):
            changes = self._state(locked=True).differences
            with quiet():
                apply(self.where, self.store, self.folder, self.definitions, changes)
        return changes

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
        own = tuple(item for item in state.differences if (item.kind, item.name) in parts)
        status = "missing" if state.status == "missing" else "stale" if own else "equal"
        return RegistryState(status=status, differences=own)

    def registry_sha256(self, service: str) -> str:
        """Returns a digest of what decides a service's values; the same on every machine.

        The service, its views, entities, sources and the files of its on-demand functions count;
        times, descriptions, tags, owners and where this machine keeps the repository do not.

        Raises:
            ConfigError: if there is no such service.
        """
        parts = self._parts(service)
        objects = [[*key, canonical(item, self.folder)] for key, item in sorted(parts.items())]
        code = {
            name: digest_file(path)
            for kind, name in sorted(parts)
            if kind == "on-demand feature view"
            and (path := function_file(self.on_demand_views[name])) is not None
        }
        return digest_json(
            {"project": self.project, "keys": self.key_version, "objects": objects, "code": code}
        )

    def _state(self, *, locked: bool) -> RegistryState:
        proto = read_registry(self.store, self.folder, locked=locked)
        applied = {} if proto is None else objects_of(proto, self.project, self.folder)
        changes = differences(applied, self._objects, self.folder)
        if not applied:
            return RegistryState(status="missing", differences=changes)
        return RegistryState(status="stale" if changes else "equal", differences=changes)

    @cached_property
    def _objects(self) -> dict[tuple[str, str], Any]:
        return objects_of(self.contents.to_registry_proto(), self.project, self.folder)

    @cached_property
    def contents(self) -> Any:
        """Feast's ``RepoContents`` of the definitions, or of the registry where there are none."""
        return self.definitions or registered_contents(self.store, self.folder)

    def _defined(self, kind: str) -> list[Any]:
        return list(getattr(self.contents, kind))

    def _parts(self, service: str) -> dict[tuple[str, str], Any]:
        """Returns what a service is made of, by kind and name."""
        projections = self.service(service)
        views = {item.name for item in projections.feature_view_projections}
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


def registered_contents(store: Any, folder: Path) -> Any:
    """Returns what a registry holds as if it had been defined, without any function.

    Args:
        store: Feast's ``FeatureStore``.
        folder: The repository.

    Raises:
        ConfigError: if there is no registry.
    """
    proto = read_registry(store, folder)
    if proto is None:
        raise ConfigError(
            f"the feature repository {folder.name} has neither definitions nor a registry",
            hint="write its Python files, or apply them to the registry that it names",
        )
    return contents_of(proto, store.project, folder)


def _source_views(view: Any) -> list[str]:
    return [item.name for item in view.source_feature_view_projections.values()]
