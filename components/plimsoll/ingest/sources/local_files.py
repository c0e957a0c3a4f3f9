"""Finds data on this machine: a file, a folder, a glob pattern, or a series of spans."""

import glob
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plimsoll.errors import ArtifactError, DataError, nearest, shortened
from plimsoll.formats.versions import read_manifest
from plimsoll.ingest.config import IngestConfig
from plimsoll.ingest.sources import dvc, spans
from plimsoll.ingest.sources.file_kinds import KIND_NAMES, detect_kind, printable, with_known_kind
from plimsoll.ingest.sources.model import ResolvedSources, Source
from plimsoll.storage.provenance import matching, observe, observe_some


def resolve_files(data: str, notes: list[str], config: IngestConfig) -> ResolvedSources:
    """Finds files on this machine.

    Args:
        data: A file, a folder, a glob pattern, or a pattern of spans.
        notes: Takes a sentence for each thing left out.
        config: Which spans are read.

    Raises:
        ConfigError: if a pattern of spans does not hold together.
        DataError: if there is no file, one is of no kind that can be read, or is not the one
            that DVC tracks.
        GateError: if there are fewer spans than asked for.
    """
    if not Path(data).exists() and spans.has_placeholders(data):
        return _series(data, notes, config)
    provenance = observe(data)
    pattern = str(provenance["pattern"])
    paths = [Path(name) for name in provenance["files"]]
    base = _base_folder(pattern)
    if Path(pattern).is_dir():
        names = {path: path.relative_to(base).as_posix() for path in paths}
        kept = set(with_known_kind(data, list(names.values()), notes))
        paths = [path for path in paths if names[path] in kept]
        _check_no_dataset(data, paths, base)
    if not paths:
        raise _no_files(data, pattern)
    tracked = dvc.check(paths, base, notes)
    sources = tuple(
        _source(
            path, base, provenance, {"dvc_md5": tracked.md5[path]} if path in tracked.md5 else {}
        )
        for path in paths
    )
    return ResolvedSources(sources=sources, provenance=provenance, lineage=tracked.lineage())


def _series(data: str, notes: list[str], config: IngestConfig) -> ResolvedSources:
    whole = os.path.abspath(data)
    pattern = spans.parse(whole)
    paths = [str(path) for path in matching(pattern.glob, folders=True)]
    if not any(pattern.regex.fullmatch(path) for path in paths):
        raise _no_span(data, whole)
    selection = spans.select(data, pattern, paths, notes, config)
    base = _base_folder(pattern.glob)
    files = selected_files(data, selection, str(base), notes)
    provenance = observe_some(pattern.glob, set(files))
    tracked = dvc.check([Path(name) for name in files], base, notes)
    sources = []
    for name, member in files.items():
        path = Path(name)
        version = {"span": member.label}
        if path in tracked.md5:
            version["dvc_md5"] = tracked.md5[path]
        sources.append(_source(path, base, provenance, version))
    lineage = {**selection.lineage(), **tracked.lineage()}
    return ResolvedSources(sources=tuple(sources), provenance=provenance, lineage=lineage)


def selected_files(
    data: str, selection: spans.Selection, base: str, notes: list[str]
) -> dict[str, spans.SpanFile]:
    """Returns the names of a selection's files -> their spans, without those of no known kind.

    Args:
        data: What was asked for, for errors.
        selection: The spans' files; only those in folders that the pattern names are sorted out.
        base: What all names start with.
        notes: Takes a sentence on what is left out.

    Raises:
        DataError: if none is known.
    """
    in_folders = [name for name, member in selection.files if member.below]
    kept: set[str] = set()
    if in_folders:
        relative = {name.removeprefix(base).lstrip("/"): name for name in in_folders}
        kept = {relative[name] for name in with_known_kind(data, list(relative), notes)}
    return {name: member for name, member in selection.files if not member.below or name in kept}


def _source(
    path: Path, base: Path, provenance: Mapping[str, Any], version: Mapping[str, str]
) -> Source:
    record = provenance["files"][str(path)]
    name = printable(path.relative_to(base).as_posix())
    kind, packed = detect_kind(path, name)
    return Source(
        path=path,
        name=name,
        kind=kind,
        packed=packed,
        bytes=int(record["bytes"]),
        sha256=str(record["sha256"]),
        version={"modified_ns": record["modified_ns"], **version},
    )


def _check_no_dataset(data: str, paths: Sequence[Path], base: Path) -> None:
    """Checks that a folder holds no output of ours, which would count its own rows again."""
    folders = {above for path in paths for above in path.relative_to(base).parents} - {Path()}
    made = sorted(str(folder) for folder in folders if _is_dataset(base / folder))
    if made:
        raise DataError(
            f"{data} holds data sets that were made by ingest",
            cause=shortened(made),
            hint="give a folder that no run writes to, or a pattern of the files themselves",
        )


def _is_dataset(folder: Path) -> bool:
    try:
        read_manifest(folder)
    except ArtifactError:
        return False
    return True


def _base_folder(pattern: str) -> Path:
    """Returns the folder that names are relative to, so that no artifact holds a full path."""
    path = Path(pattern)
    if path.is_dir():
        return path
    if path.exists() or not glob.has_magic(pattern):
        return path.parent
    while glob.has_magic(str(path)):
        path = path.parent
    return path


def _no_files(data: str, pattern: str) -> DataError:
    path = Path(pattern)
    hint = f"give a file, a folder or a glob pattern of {KIND_NAMES} files"
    if path.is_dir():
        return DataError(
            f"no {KIND_NAMES} file is in {data}", cause="the folder has no files", hint=hint
        )
    if path.exists():
        return DataError(
            f"{data} is a pipe or a device", cause="it can be read once only", hint=hint
        )
    if glob.has_magic(pattern):
        return DataError(f"no file matches {data}", hint="quote the pattern, and check its folder")
    beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, beside)
    missing = "" if path.parent.is_dir() else f"the folder {Path(data).parent} does not exist"
    return DataError(f"there is no file {data}", cause=close or missing, hint=hint)


def _no_span(data: str, whole: str) -> DataError:
    fixed = Path(re.split(r"[*?\[{]", whole, maxsplit=1)[0] + "x").parent
    if not fixed.is_dir():
        beside = [item.name for item in fixed.parent.iterdir()] if fixed.parent.is_dir() else []
        cause = nearest(fixed.name, beside) or f"the folder {fixed.name} does not exist"
        return DataError(f"no span matches {data}", cause=cause, hint="check the pattern's folder")
    return DataError(
        f"no span matches {data}",
        cause=nearby_names(data, [item.name for item in fixed.iterdir()]),
        hint="check the pattern's placeholders against the files' names",
    )


def nearby_names(data: str, names: list[str]) -> str:
    """Returns what lies where a pattern of spans looks, and the name that is nearest to it."""
    names = sorted(printable(name) for name in names if not name.startswith("."))
    if not names:
        return "nothing lies there"
    part = next((part for part in data.split("/") if spans.PLACEHOLDER.search(part)), data)
    shape = spans.PLACEHOLDER.sub(lambda match: "0" * max(2, len(match[1])), part)
    shapes = {re.sub(r"[0-9]", "0", name): name for name in reversed(names)}
    close = nearest(shape, shapes)
    near = next(
        (f"; did you mean {name!r}?" for key, name in shapes.items() if repr(key) in close), ""
    )
    return f"there lie {shortened(names, 6)}{near}"
