"""Definitions into a registry and back, without running functions that a registry keeps."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError
from plimsoll.feature_store.repository.registries import (
    Difference,
    local_path,
    objects_of,
    read_registry,
    spec_of,
)
from plimsoll.storage.files import write_bytes


def apply(
    where: str, store: Any, folder: Path, contents: Any, differences: Sequence[Difference]
) -> None:
    """Writes definitions to the registry, if they differ, and makes the online store's tables.

    Args:
        where: What the repository is called.
        store: Feast's ``FeatureStore``; its registry is locked by the caller.
        folder: Where the repository lies on this machine.
        contents: Feast's ``RepoContents``: the definitions.
        differences: Where registry and definitions differ.

    Raises:
        DataError: if the registry or the online store cannot be written.
    """
    from feast.errors import FeastError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        if differences:
            _write_at_once(store, folder)
            _write(store, folder, contents, differences)
        else:
            _make_tables(store, contents)
    except (FeastError, ValueError, OSError, SQLAlchemyError) as error:
        raise DataError(
            f"the feature repository {where} could not be applied",
            cause=f"{type(error).__name__}: {error}".strip().splitlines()[0],
        ) from error


def contents_of(proto: Any, project: str, folder: Path) -> Any:
    """Returns what a registry holds of a project as Feast's ``RepoContents``.

    On-demand views come without their functions, which would have to be unpickled.
    """
    from feast.project import Project
    from feast.repo_contents import RepoContents

    objects = objects_of(proto, project, folder)
    kinds: dict[str, list[Any]] = {}
    for (kind, _), item in sorted(objects.items()):
        kinds.setdefault(kind, []).append(from_proto(kind, item))
    return RepoContents(
        projects=[Project(name=project)],
        data_sources=kinds.get("data source", []),
        feature_views=kinds.get("feature view", []),
        on_demand_feature_views=kinds.get("on-demand feature view", []),
        stream_feature_views=kinds.get("stream feature view", []),
        label_views=[],
        entities=kinds.get("entity", []),
        feature_services=kinds.get("feature service", []),
        permissions=[],
    )


def from_proto(kind: str, item: Any) -> Any:
    """Returns Feast's object of a protocol buffer, without the function that it may keep."""
    from feast.data_source import DataSource
    from feast.entity import Entity
    from feast.feature_service import FeatureService
    from feast.feature_view import FeatureView
    from feast.on_demand_feature_view import OnDemandFeatureView
    from feast.stream_feature_view import StreamFeatureView

    plain = {"data source": DataSource, "entity": Entity, "feature service": FeatureService}
    if kind in plain:
        return plain[kind].from_proto(item)
    views = {
        "feature view": FeatureView,
        "stream feature view": StreamFeatureView,
        "on-demand feature view": OnDemandFeatureView,
    }
    return views[kind].from_proto(item, skip_udf=True)


def _write(store: Any, folder: Path, contents: Any, differences: Sequence[Difference]) -> None:
    proto = read_registry(store, folder, locked=True)
    applied = {} if proto is None else objects_of(proto, store.project, folder)
    gone = [
        from_proto(item.kind, applied[item.kind, item.name])
        for item in differences
        if item.what == "gone"
    ]
    defined = {item.name: item for item in _views(contents)}
    for (kind, name), item in applied.items():
        # Feast would load the function of what is registered, to compare it with ours.
        if _has_function(item) and not any(item.name == name for item in gone):
            if name in defined and kind != "on-demand feature view":
                intervals = from_proto(kind, item).materialization_intervals
                defined[name].materialization_intervals = list(intervals)
            # Written at once: Feast reads the registry again before it applies.
            store.registry.delete_feature_view(name, store.project)
    store.apply(
        [
            *contents.projects,
            *contents.entities,
            *contents.data_sources,
            *contents.feature_views,
            *contents.stream_feature_views,
            *contents.on_demand_feature_views,
            *contents.feature_services,
            *contents.permissions,
        ],
        objects_to_delete=gone,
        partial=False,
    )


def _write_at_once(store: Any, folder: Path) -> None:
    """Lets Feast replace a registry that is a file, which it would cut off and write anew."""
    path = local_path(store, folder)
    kept = getattr(store.registry, "_registry_store", None)
    if path is None or kept is None:
        return

    def write(proto: Any) -> None:
        proto.version_id = str(uuid.uuid4())
        proto.last_updated.GetCurrentTime()
        write_bytes(path, proto.SerializeToString())

    # All that Feast's store of files writes goes through this method.
    kept._write_registry = write


def _make_tables(store: Any, contents: Any) -> None:
    store._get_provider().update_infra(
        project=store.project,
        tables_to_delete=[],
        tables_to_keep=_views(contents),
        entities_to_delete=[],
        entities_to_keep=list(contents.entities),
        partial=False,
    )


def _views(contents: Any) -> list[Any]:
    return [*contents.feature_views, *contents.stream_feature_views]


def _has_function(item: Any) -> bool:
    spec = spec_of(item)
    names = spec.DESCRIPTOR.fields_by_name
    return any(
        name in names and spec.HasField(name)
        for name in ("user_defined_function", "feature_transformation")
    )
