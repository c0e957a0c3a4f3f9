"""Finds data in Cloud Storage, and fetches it whole to the scratch folder."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.errors import DataError
from plimsoll.ingest.config import IngestConfig
from plimsoll.ingest.sources import spans
from plimsoll.ingest.sources.file_kinds import detect_kind, printable, with_known_kind
from plimsoll.ingest.sources.local_files import nearby_names, selected_files
from plimsoll.ingest.sources.model import ResolvedSources, Source
from plimsoll.storage.gcs import SCHEME, FetchedObject, GcsClient, Object, split_uri
from plimsoll.storage.gcs_listing import Listing, by_generation, list_objects, list_or_raise
from plimsoll.storage.globs import fixed_part


def resolve_objects(
    data: str, scratch: Path, notes: list[str], config: IngestConfig
) -> ResolvedSources:
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
    store = GcsClient(config.retry_seconds)
    if spans.has_placeholders(data):
        return _series(store, data, scratch, notes, config)
    listing = list_or_raise(store, data)
    chosen = list(listing.objects)
    if listing.folder:
        names = {listing.name(item): item for item in chosen}
        chosen = [names[name] for name in with_known_kind(data, list(names), notes)]
    fetched = _fetched(store, chosen, scratch, config)
    return ResolvedSources(
        sources=tuple(_source(item, listing, {}) for item in fetched),
        provenance=_provenance(data, listing, folders=False),
        lineage={"bucket": bucket},
    )


def _series(
    store: GcsClient, data: str, scratch: Path, notes: list[str], config: IngestConfig
) -> ResolvedSources:
    bucket, _ = split_uri(data)
    pattern = spans.parse(data)
    listing = list_objects(store, pattern.glob, folders=True)
    by_uri = {item.uri: item for item in listing.objects}
    if not any(pattern.regex.fullmatch(uri) for uri in by_uri):
        raise _no_span(store, data, pattern)
    selection = spans.select(data, pattern, by_uri, notes, config)
    files = selected_files(data, selection, f"{SCHEME}{bucket}/{listing.base}", notes)
    fetched = _fetched(store, [by_uri[uri] for uri in files], scratch, config)
    return ResolvedSources(
        sources=tuple(
            _source(item, listing, {"span": files[item.object.uri].label}) for item in fetched
        ),
        provenance=_provenance(pattern.glob, listing, folders=True),
        lineage={"bucket": bucket, **selection.lineage()},
    )


def _fetched(
    store: GcsClient, objects: Sequence[Object], scratch: Path, config: IngestConfig
) -> list[FetchedObject]:
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


def _source(item: FetchedObject, listing: Listing, version: Mapping[str, str]) -> Source:
    name = printable(listing.name(item.object))
    kind, packed = detect_kind(item.path, name)
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


def _provenance(uri: str, listing: Listing, *, folders: bool) -> dict[str, Any]:
    return {"uri": uri, "folders": folders, "objects": by_generation(listing.objects)}


def _no_span(store: GcsClient, data: str, pattern: spans.Pattern) -> DataError:
    bucket, name = split_uri(pattern.glob)
    folder = f"{fixed_part(name).rpartition('/')[0]}/".lstrip("/")
    names = {
        item.name.removeprefix(folder).partition("/")[0]
        for item in store.listed(bucket, folder, most=1000)
    }
    return DataError(
        f"no span matches {data}",
        cause=nearby_names(data, list(names)),
        hint="check the pattern's placeholders against the objects' names",
    )
