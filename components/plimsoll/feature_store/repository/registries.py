"""Feast's registry: read without running what it keeps, compared with definitions, locked.

A registry keeps the functions of on-demand views as dill, which is code that runs when it is
read. So it is read as protocol buffers here, and functions come from the definitions alone.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError, shortened
from plimsoll.storage.locks import lock

LOCK_SECONDS = 30.0
KINDS: Mapping[str, str] = {
    "entities": "entity",
    "data_sources": "data source",
    "feature_views": "feature view",
    "stream_feature_views": "stream feature view",
    "on_demand_feature_views": "on-demand feature view",
    "feature_services": "feature service",
}
"""Field of the registry -> what its items are called."""
NOT_VALUES = ("description", "owner", "tags", "org", "logging_config")
"""Fields of a definition that say nothing of what values its features have."""
NOT_SAID = ("meta", "project", "data_source_class_type")
"""Fields that a definition gets when it is applied."""
MAPS = ("field_mapping", "join_key_map", "sources", "deprecated_schema")
"""Fields whose keys are names of the repository's, not of fields."""


@dataclass(frozen=True, order=True)
class Difference:
    """One object that a registry and the definitions do not agree on."""

    kind: str
    name: str
    what: str
    """``changed``, ``new`` (not in the registry yet) or ``gone`` (not defined any more)."""

    def __str__(self) -> str:
        texts = {
            "changed": "is not as it is defined",
            "new": "is not in it",
            "gone": "is not defined any more",
        }
        return f"the {self.kind} {self.name!r} {texts[self.what]}"


@dataclass(frozen=True, kw_only=True)
class RegistryState:
    """How a registry stands to the definitions."""

    status: str
    """``equal``, ``stale``, ``missing`` (nothing was ever applied) or ``only`` (there are no
    definitions: the registry is all there is)."""
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        return shortened([str(item) for item in self.differences], 6)


def objects_of(proto: Any, project: str, folder: Path) -> dict[tuple[str, str], Any]:
    """Returns a registry's objects of a project by kind and name, as protocol buffers."""
    objects = {}
    for field, kind in KINDS.items():
        for item in getattr(proto, field):
            spec = spec_of(item)
            # Definitions carry no project yet.
            if spec.project in ("", project) and not _is_dummy(kind, spec.name):
                name = _source_name(spec, folder) if kind == "data source" else spec.name
                objects[(kind, name)] = item
    return objects


def differences(
    applied: Mapping[tuple[str, str], Any], defined: Mapping[tuple[str, str], Any], folder: Path
) -> tuple[Difference, ...]:
    """Returns what an applied registry and the definitions do not agree on, sorted.

    Args:
        applied: The registry's objects, as ``objects_of`` gives them.
        defined: The definitions'.
        folder: The repository, which local paths are told relative to.
    """
    changes = [Difference(*key, "new") for key in defined if key not in applied]
    changes += [Difference(*key, "gone") for key in applied if key not in defined]
    changes += [
        Difference(*key, "changed")
        for key, item in defined.items()
        if key in applied and canonical(item, folder) != canonical(applied[key], folder)
    ]
    return tuple(sorted(changes))


def canonical(item: Any, folder: Path) -> dict[str, Any]:
    """Returns an object as JSON values: what decides its features' values, and nothing else.

    No times of creation, no pickled code (its text stays), no paths of this machine.

    Args:
        item: A protocol buffer of the registry.
        folder: The repository, which local paths are told relative to.
    """
    from google.protobuf.json_format import MessageToDict

    values = MessageToDict(spec_of(item), preserving_proto_field_name=True)
    return _plain(values, folder)


def spec_of(item: Any) -> Any:
    """Returns what an object of the registry says; a data source says it itself."""
    return item.spec if "spec" in item.DESCRIPTOR.fields_by_name else item


def read_registry(store: Any, folder: Path, *, locked: bool = False) -> Any:
    """Returns the registry that a configuration names, as a protocol buffer; None: there is none.

    Args:
        store: Feast's ``FeatureStore``.
        folder: The repository.
        locked: Whether the caller holds its lock.

    Raises:
        DataError: if it cannot be read.
    """
    from google.protobuf.message import DecodeError

    path = local_path(store, folder)
    try:
        if path is not None and not path.exists():
            return None
        if locked:
            return _read(store, folder)
        with registry_lock(store, folder, write=False):
            return _read(store, folder)
    except FileNotFoundError:
        return None
    except DecodeError as error:
        raise DataError(
            f"the registry {store.config.registry.path} cannot be read",
            cause=str(error),
            hint="delete it and apply the repository again",
        ) from error


def local_path(store: Any, folder: Path) -> Path | None:
    """Returns the file that a registry is; None: it is a database, a server or in a bucket."""
    config = store.config.registry
    if not _is_file(config) or "://" in str(config.path):
        return None
    return folder / str(config.path)


@contextmanager
def registry_lock(
    store: Any, folder: Path, seconds: float = LOCK_SECONDS, *, write: bool = True
) -> Iterator[None]:
    """Holds a local registry's lock, so that of two at once neither loses what it wrote.

    Feast reads the registry's file, changes it and writes all of it again, without a lock. The
    lock is a file beside it; a registry elsewhere is not locked.

    Args:
        store: Feast's ``FeatureStore``.
        folder: The repository.
        seconds: How long to wait for another to let go.
        write: Whether to keep readers out too.

    Raises:
        DataError: if another holds it for longer, or it cannot be made.
    """
    path = local_path(store, folder)
    if path is None:
        yield
        return
    beside = path.with_name(f".{path.name}.lock")
    if not write and not beside.exists():
        yield
        return
    with _opened(beside, write) as descriptor:
        if not lock(descriptor, seconds, shared=not write):
            raise DataError(
                f"the registry {path.name} is locked",
                cause=f"another process has held it for {seconds:g} s",
                hint="wait for what applies or materialises the repository, or end it",
            )
        yield


@contextmanager
def _opened(path: Path, write: bool) -> Iterator[int]:
    try:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY, 0o666)
    except OSError as error:
        raise DataError(
            f"the registry {path.parent} cannot be locked",
            cause=f"{type(error).__name__}: {error.strerror}",
            hint="let the account write to the registry's folder",
        ) from error
    try:
        yield descriptor
    finally:
        # Closing lets go of the lock; the file stays, or two could hold a lock of one name.
        os.close(descriptor)


def _read(store: Any, folder: Path) -> Any:
    from feast.infra.registry.registry import (
        get_registry_store_class_from_scheme,
        get_registry_store_class_from_type,
    )

    config = store.config.registry
    if not _is_file(config):
        return _of_lists(store)
    # Not through Feast's registry, which makes an empty one where there is none.
    if config.registry_store_type is None:
        kind = get_registry_store_class_from_scheme(config.path)
    else:
        kind = get_registry_store_class_from_type(str(config.registry_store_type))
    return kind(config, folder).get_registry_proto()


def _of_lists(store: Any) -> Any:
    """Reads a registry that is a database or a server; None if it does not know the project."""
    from feast.protos.feast.core.Registry_pb2 import Registry

    known, project = store.registry, store.project
    if project not in {item.name for item in known.list_projects()}:
        return None
    proto = Registry()
    lists = {
        "entities": known.list_entities(project),
        "data_sources": known.list_data_sources(project),
        "feature_views": known.list_feature_views(project, skip_udf=True),
        "stream_feature_views": known.list_stream_feature_views(project, skip_udf=True),
        "on_demand_feature_views": known.list_on_demand_feature_views(project, skip_udf=True),
        "feature_services": known.list_feature_services(project),
    }
    for field, items in lists.items():
        getattr(proto, field).extend([item.to_proto() for item in items])
    return proto


def _is_file(config: Any) -> bool:
    return getattr(config, "registry_type", "file") in ("file", None)


def _is_dummy(kind: str, name: str) -> bool:
    from feast.feature_view import DUMMY_ENTITY_NAME

    return kind == "entity" and name == DUMMY_ENTITY_NAME


def _plain(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in sorted(values.items()):
        if key in (*NOT_VALUES, *NOT_SAID):
            continue
        if key == "user_defined_function":
            plain[key] = {"text": value.get("body_text", "")}
        elif key == "uri":
            plain[key] = _relative(str(value), folder)
        elif key in MAPS:
            plain[key] = {name: _item(item, folder) for name, item in sorted(value.items())}
        elif isinstance(value, list):
            plain[key] = [_item(item, folder) for item in value]
        else:
            plain[key] = _item(value, folder)
    uri = values.get("file_options", {}).get("uri")
    if uri and values.get("name") == uri:
        plain["name"] = _relative(uri, folder)
    return plain


def _item(value: Any, folder: Path) -> Any:
    return _plain(value, folder) if isinstance(value, Mapping) else value


def _source_name(spec: Any, folder: Path) -> str:
    # A source without a name is called by its file's address.
    named = spec.file_options.uri == spec.name and spec.name
    return _relative(spec.name, folder) if named else str(spec.name)


def _relative(uri: str, folder: Path) -> str:
    """Returns a file's address as any machine would tell it."""
    if "://" in uri:
        return uri
    home = folder.resolve()
    path = Path(os.path.abspath(home / uri))
    # Data that lies elsewhere lies at other places on other machines.
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else path.name
