"""Finds data in Cloud Storage, and fetches it whole to the scratch folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError
from plimsoll.ingest.config import IngestConfig
from plimsoll.ingest.sources import spans
from plimsoll.ingest.sources.file_kinds import of_known_kind, printable, recognised
from plimsoll.ingest.sources.local_files import of_selection, what_is_there
from plimsoll.ingest.sources.model import Found, Source
from plimsoll.storage.gcs import SCHEME, Fetched, Object, Store, split_uri
from plimsoll.storage.gcs_listing import Listing, by_generation, found_or_told, listing
from plimsoll.storage.globs import fixed_part


def find_objects(data: str, scratch: Path, notes: list[str], config: IngestConfig) -> Found:
    """Finds objects and fetches them, each pinned to the generation that was listed.

    Args:
        data: ``gs://bucket/object``, a prefix, a glob pattern, or a pattern of spans.
        scratch: The folder to fetch to.
        notes: Takes a sentence for each thing left out.
        config: Which spans are read, and how long and how many at a time objects are fetched.

    Raises:
        ConfigError: if ``data`` is no address, or a pattern of spans does not hold together.
        DataError: if there is no such object, or one cannot be read whole.
        GateError: if there are fewer spans than asked for.
    """
    bucket, _ = split_uri(data)
    store = Store(config.retry_seconds)
    if spans.has_placeholders(data):
        return _series(store, data, scratch, notes, config)
    found = found_or_told(store, data)
    chosen = list(found.objects)
    if found.folder:
        names = {found.name(item): item for item in chosen}
        chosen = [names[name] for name in of_known_kind(data, list(names), notes)]
    fetched = _fetched(store, chosen, scratch, config)
    return Found(
        sources=tuple(_source(item, found, {}) for item in fetched),
        witness=_witness(data, found, folders=False),
        lineage={"bucket": bucket},
    )


def _series(
    store: Store, data: str, scratch: Path, notes: list[str], config: IngestConfig
) -> Found:
    bucket, _ = split_uri(data)
    pattern = spans.parse(data)
    found = listing(store, pattern.glob, folders=True)
    by_uri = {item.uri: item for item in found.objects}
    if not any(pattern.regex.fullmatch(uri) for uri in by_uri):
        raise _no_span(store, data, pattern)
    selection = spans.select(data, pattern, by_uri, notes, config)
    files = of_selection(data, selection, f"{SCHEME}{bucket}/{found.base}", notes)
    fetched = _fetched(store, [by_uri[uri] for uri in files], scratch, config)
    return Found(
        sources=tuple(
            _source(item, found, {"span": files[item.object.uri].label}) for item in fetched
        ),
        witness=_witness(pattern.glob, found, folders=True),
        lineage={"bucket": bucket, **selection.lineage()},
    )


def _fetched(
    store: Store, objects: Sequence[Object], scratch: Path, config: IngestConfig
) -> list[Fetched]:
    # Objects' names come from outside: none becomes a path.
    needed = sum(item.bytes for item in objects)
    scratch.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(scratch).free
    if needed > free:
        raise DataError(
            f"{needed:,} bytes do not fit where they are fetched to",
            cause=f"{free:,} bytes are free",
            hint="free some space, or read fewer objects",
        )
    paths = [scratch / "fetched" / f"{number:06d}" for number in range(len(objects))]
    return store.fetch_all(objects, paths, config.threads)


def _source(item: Fetched, found: Listing, version: Mapping[str, str]) -> Source:
    name = printable(found.name(item.object))
    kind, packed = recognised(item.path, name)
    return Source(
        path=item.path,
        name=name,
        kind=kind,
        packed=packed,
        bytes=item.object.bytes,
        sha256=item.sha256,
        uri=printable(item.object.uri),
        version={"generation": str(item.object.generation), **version},
    )


def _witness(uri: str, found: Listing, *, folders: bool) -> dict[str, Any]:
    return {"uri": uri, "folders": folders, "objects": by_generation(found.objects)}


def _no_span(store: Store, data: str, pattern: spans.Pattern) -> DataError:
    bucket, name = split_uri(pattern.glob)
    folder = f"{fixed_part(name).rpartition('/')[0]}/".lstrip("/")
    names = {
        item.name.removeprefix(folder).partition("/")[0]
        for item in store.listed(bucket, folder, most=1000)
    }
    return DataError(
        f"no span matches {data}",
        cause=what_is_there(data, list(names)),
        hint="check the pattern's placeholders against the objects' names",
    )
