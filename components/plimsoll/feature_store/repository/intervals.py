"""Which intervals of a feature view were materialised: Feast's own record, kept whole.

Feast reads its registry's file, changes it and writes all of it again, in place: of two runs at
once one loses what the other recorded, and a run that is killed leaves half a file. Here a file
is locked and replaced whole, and an object in a bucket is replaced only if it is still the one
that was read. Intervals that meet become one, so that years of a schedule do not fill a registry.
"""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError
from plimsoll.feature_store.repository.registries import local_path, read_registry, registry_lock
from plimsoll.storage.files import write_bytes
from plimsoll.storage.gcs import EMULATOR, SCHEME, split_uri
from plimsoll.storage.retries import credentials_for
from plimsoll.timestamps import microseconds, timestamp_of

TRIES = 20
"""At an object that others replace in between."""


def last_ends(store: Any, folder: Path) -> dict[str, int]:
    """Returns up to when each view was ever materialised, in microseconds UTC, by its name.

    Raises:
        DataError: if the registry cannot be read.
    """
    proto = read_registry(store, folder)
    return {
        view.spec.name: max(_us(item.end_time) for item in view.meta.materialization_intervals)
        for view in ([] if proto is None else _views(proto, store.project))
        if view.meta.materialization_intervals
    }


def record(store: Any, folder: Path, view: Any, interval: tuple[int, int], seconds: float) -> None:
    """Records that a view was materialised in an interval.

    Args:
        store: Feast's ``FeatureStore``.
        folder: The repository.
        view: Feast's feature view.
        interval: Its start and its end, in microseconds UTC.
        seconds: How long to wait for a registry that another holds.

    Raises:
        DataError: if the registry is locked for longer, does not hold the view, or cannot be
            written.
    """

    def add(proto: Any) -> Any:
        _add(proto, store.project, view.name, interval)
        proto.version_id = str(uuid.uuid4())
        proto.last_updated.GetCurrentTime()
        return proto

    path = local_path(store, folder)
    if path is not None:
        with registry_lock(store, folder, seconds):
            proto = read_registry(store, folder, locked=True)
            if proto is None:
                raise _view_is_gone(view.name)
            write_bytes(path, add(proto).SerializeToString())
    elif str(store.config.registry.path).startswith(SCHEME):
        _replace_object(str(store.config.registry.path), add)
    else:
        # A database or a server, which keeps its own order.
        start, end = interval
        store.registry.apply_materialization(
            view, store.project, timestamp_of(start), timestamp_of(end)
        )


def _views(proto: Any, project: str) -> list[Any]:
    every = (*proto.feature_views, *proto.stream_feature_views)
    return [item for item in every if item.spec.project == project]


def _add(proto: Any, project: str, name: str, interval: tuple[int, int]) -> None:
    from feast.feature_view import FeatureViewState

    views = [item for item in _views(proto, project) if item.spec.name == name]
    if not views:
        raise _view_is_gone(name)
    for view in views:
        known = [
            (_us(it.start_time), _us(it.end_time)) for it in view.meta.materialization_intervals
        ]
        del view.meta.materialization_intervals[:]
        for start, end in merge_intervals([*known, interval]):
            item = view.meta.materialization_intervals.add()
            item.start_time.FromDatetime(timestamp_of(start))
            item.end_time.FromDatetime(timestamp_of(end))
        view.meta.last_updated_timestamp.GetCurrentTime()
        view.meta.state = FeatureViewState.AVAILABLE_ONLINE.to_proto()


def merge_intervals(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns intervals sorted, those that overlap or meet as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _us(stamp: Any) -> int:
    return microseconds(stamp.ToDatetime())


def _view_is_gone(name: str) -> DataError:
    return DataError(
        f"the registry does not hold the feature view {name!r} any more",
        cause="it was taken out while its rows were written",
        hint="apply the repository, and run this again",
    )


def _replace_object(uri: str, change: Callable[[Any], Any]) -> None:
    from feast.protos.feast.core.Registry_pb2 import Registry
    from google.api_core.exceptions import GoogleAPIError, PreconditionFailed
    from google.cloud import storage

    bucket, name = split_uri(uri)
    try:
        client = storage.Client(project=None, credentials=credentials_for(EMULATOR))
        blob = client.bucket(bucket).blob(name)
        for _ in range(TRIES):
            blob.reload()
            generation = blob.generation
            proto = Registry.FromString(blob.download_as_bytes(if_generation_match=generation))
            try:
                blob.upload_from_string(
                    change(proto).SerializeToString(), if_generation_match=generation
                )
            except PreconditionFailed:
                continue
            return
    except GoogleAPIError as error:
        raise DataError(
            f"the registry {uri} cannot be written", cause=f"{type(error).__name__}: {error}"[:300]
        ) from error
    raise DataError(
        f"the registry {uri} is replaced by others all the time",
        cause=f"{TRIES} times it was not any more what had been read",
        hint="run this again when fewer write to it",
    )
