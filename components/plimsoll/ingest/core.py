"""From files to a dataset: read, settle what the problem leaves open, divide, write."""

import dataclasses
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll import __version__
from plimsoll import problem as problems
from plimsoll.errors import ConfigError, DataError, shortened
from plimsoll.formats.dataset import MANIFEST, Dataset, write_batches
from plimsoll.ingest import config as configs
from plimsoll.ingest.config import IngestConfig
from plimsoll.ingest.facts import label as labels
from plimsoll.ingest.facts.facts import Facts, gather
from plimsoll.ingest.facts.roles import (
    check_columns,
    leaking_columns,
    looks_like_index,
    not_features,
)
from plimsoll.ingest.readers.open_files import open_files
from plimsoll.ingest.readers.prefetch import prefetch
from plimsoll.ingest.readers.read_files import read_files
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.sources.model import ResolvedSources, Source
from plimsoll.ingest.sources.resolve import check_unchanged, resolve
from plimsoll.ingest.split.by_time import check_time, with_times
from plimsoll.ingest.split.splitter import Splitter, split_method
from plimsoll.problem import SPLITS, Problem
from plimsoll.storage import provenance
from plimsoll.storage.code_digest import code_digest
from plimsoll.storage.files import digest_json, move_folder
from plimsoll.storage.scratch import scratch_beside
from plimsoll.storage.write_errors import translate_write_errors

FEWEST_ROWS = 10
LARGEST = 1e150
"""Squares of larger numbers, which means and spreads are made of, are more than a float holds."""
LONGEST_NAME = 40
"""KServe makes longer names of a model's, and a DNS label ends at 63 characters."""


@dataclass(frozen=True)
class IngestResult:
    """A dataset that was written, and what it came from."""

    dataset: Dataset
    provenance: tuple[Mapping[str, Any], ...]
    """Of the files it came from, and of the version that the store keeps."""
    sources: tuple[Source, ...]
    notes: tuple[str, ...] = ()
    """What happened after the dataset was written."""

    def metadata(self) -> dict[str, Any]:
        """Returns what the artifact's metadata tells of it."""
        return {
            **{f"rows_{split}": self.dataset.rows(split) for split in SPLITS},
            "id": self.dataset.id,
            "notes": [*self.dataset.inferred, *self.notes],
            provenance.METADATA_KEY: [dict(record) for record in self.provenance],
        }


def ingest(
    data: str, label: str, problem: str, folder: Path, config: str = "{}", store: str = ""
) -> IngestResult:
    """Makes a dataset of files, in memory that does not grow with their rows.

    Args:
        data: What ``ingest.sources.sources.find`` finds: a file, a folder, a pattern, an address.
        label: The column to predict; empty: the problem names it.
        problem: The problem file's text, YAML or JSON; empty: all but the label is inferred.
        folder: Where the dataset comes to be.
        config: An ``IngestConfig`` as JSON.
        store: A folder in which each version is kept once; empty: none.

    Raises:
        ConfigError: if the problem or the config does not hold together, or the folder is the
            data's own.
        DataError: if the data cannot be read, or cannot be what the problem asks of it.
    """
    if not data:
        raise ConfigError(
            "the path of the data is empty", hint="give a file, a folder or a glob pattern"
        )
    parsed = problems.parse(problem, label=label)
    settings = configs.parse(config)
    split_method(parsed)
    with translate_write_errors(folder), scratch_beside(folder) as scratch:
        ingested = _ingest(data, parsed, settings, folder, scratch)
        move_folder(ingested.dataset.folder, folder)
    dataset = dataclasses.replace(ingested.dataset, folder=folder)
    ingested = dataclasses.replace(ingested, dataset=dataset)
    return ingested if not store else _keep(ingested, Path(store))


def _ingest(
    data: str, problem: Problem, settings: IngestConfig, folder: Path, scratch: Path
) -> IngestResult:
    notes: list[str] = []
    inputs = resolve(data, _subfolder(scratch, "fetched"), notes, settings)
    _check_apart(inputs.sources, folder)
    rows = _read(inputs, problem, _subfolder(scratch, "rows"), notes)
    check_time(rows, problem)
    rows = labels.with_label(rows, problem.label, notes)
    unlabelled = rows.read - rows.count()
    if split_method(problem) == "time":
        rows = with_times(rows, problem, notes)
    _check_enough(rows)
    rows, facts, settled = _settle(rows, problem, _name(problem, Path(data)), notes)
    numbers = _subfolder(scratch, "numbers")
    split = Splitter(rows, settled, facts, numbers, notes).split(_features(rows, settled))
    public = [name for name in rows.names if name not in problem.private]
    lineage = _lineage(inputs, problem, settings)
    lineage |= {"rows_read": rows.read, "rows_without_label": unlabelled}
    dataset = write_batches(
        scratch / folder.name,
        pa.schema([(name, rows.types[name]) for name in public]),
        prefetch(split.batches(public)),
        dataclasses.replace(settled, split=split.split),
        notes,
        lineage,
    )
    return IngestResult(dataset, (inputs.provenance,), inputs.sources)


def safe_name(text: str) -> str:
    """Returns a name that Kubernetes takes: lower-case letters, digits, dashes; a letter first."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain.casefold()).strip("-")
    if not name[:1].isalpha():
        name = f"model-{name}"
    return name[:LONGEST_NAME].strip("-")


def _read(resolved: ResolvedSources, problem: Problem, scratch: Path, notes: list[str]) -> Rows:
    used = {problem.time, *problem.keys, *problem.split.stratify}
    skip = set(problem.private) - used
    files = open_files(resolved.sources, skip)
    if files[0].declares_names:
        # Before hours are spent on reading.
        check_columns(problem, files[0].names, files[0].left_out)
    read = read_files(files, skip=skip, private=problem.private, notes=notes, folder=scratch)
    check_unchanged(resolved)
    check_columns(problem, read.names, read.left_out)
    return read.rows


def _check_apart(sources: Sequence[Source], folder: Path) -> None:
    target = folder.resolve()
    inside = [item.name for item in sources if item.path.resolve().is_relative_to(target)]
    if inside:
        raise ConfigError(
            f"the output {folder.name} would replace the data that it is made of",
            cause=shortened(inside),
            hint="write to another folder",
        )


def _subfolder(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _check_enough(rows: Rows) -> None:
    count = rows.count()
    if count < FEWEST_ROWS:
        raise DataError(
            f"{count} rows are too few; at least {FEWEST_ROWS} are needed",
            cause=f"{rows.read:,} rows were read; those without a label or a time are left out",
            hint="give more data",
        )


def _settle(
    rows: Rows, problem: Problem, name: str, notes: list[str]
) -> tuple[Rows, Facts, Problem]:
    """Returns the rows, facts of them, and the problem with all but its timestamps filled in."""
    candidates = _features(rows, problem)
    counted = [item for item in candidates if looks_like_index(item)]
    facts = gather(rows, problem.label, candidates, counted)
    rows, target = labels.resolve_target(rows, problem, facts.label, notes)
    useless = not_features(facts, problem, notes)
    resolved = dataclasses.replace(
        problem,
        name=name,
        task=target.task,
        positive=target.positive,
        drop=(*problem.drop, *useless),
    )
    features = _features(rows, resolved)
    if not features and not problem.features:
        raise _nothing_to_learn_from(rows, problem, notes)
    _check_magnitudes(facts, resolved, features)
    if target.classes:
        leaking = leaking_columns(facts, features)
        if leaking:
            notes.append(f"SUSPICIOUS, tells the label exactly: {shortened(leaking)}")
    return rows, facts, resolved


def _nothing_to_learn_from(rows: Rows, problem: Problem, notes: Sequence[str]) -> DataError:
    cause = "\n".join(note for note in notes if note.startswith("dropped"))
    if rows.names == (problem.label,):
        cause = f"the label {problem.label!r} is the only column"
    elif not cause:
        cause = f"besides the label {problem.label!r} there are only columns that the problem drops"
    return DataError(
        "no column is left to predict from",
        cause=cause,
        hint="give data with more columns, or drop fewer",
    )


def _check_magnitudes(facts: Facts, problem: Problem, features: Sequence[str]) -> None:
    farthest = {name: facts.columns[name].farthest for name in features}
    for name, number in {**farthest, problem.label: facts.label.farthest}.items():
        if abs(number) > LARGEST:
            way_out = "" if name == problem.label else f", or drop: [{name}] in the problem file"
            raise DataError(
                f"column {name!r} holds numbers too large to reckon with",
                cause=f"such as {number:g}; the most is {LARGEST:g}",
                hint=f"leave cells empty where they stand for missing values{way_out}",
            )


def _features(rows: Rows, problem: Problem) -> list[str]:
    hidden = problem.not_features | {problem.label}
    return [name for name in rows.names if name not in hidden]


def _name(problem: Problem, data: Path) -> str:
    # A folder or a pattern is named by where it lies, which is no part of the dataset.
    stem = data.stem if data.is_file() else ""
    return safe_name(problem.name or f"{stem}-{problem.label}")


def _lineage(resolved: ResolvedSources, problem: Problem, settings: IngestConfig) -> dict[str, Any]:
    return {
        "sources": [_source_record(source) for source in resolved.sources],
        **({"found": dict(resolved.lineage)} if resolved.lineage else {}),
        "problem": digest_json(problem.to_dict()),
        "config": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(settings).items()
            if value != getattr(configs.DEFAULT, name)
        },
        "library": f"plimsoll {__version__}",
    }


def _source_record(source: Source) -> dict[str, Any]:
    record = {"name": source.name, "bytes": source.bytes, "sha256": source.sha256}
    # A file's time of modification is no part of the data: a copy of it is the same data.
    version = source.lasting_version
    return {
        **record,
        **({"uri": source.uri} if source.uri else {}),
        **({"version": version} if version else {}),
    }


def _keep(ingested: IngestResult, store: Path) -> IngestResult:
    from plimsoll.formats.versions import keep

    dataset = ingested.dataset
    record = {
        **dataset.lineage,
        "code": code_digest(("formats", "storage", "statistics", "ingest")),
        "sources": [
            {**_source_record(source), "version": dict(source.version)}
            for source in ingested.sources
        ],
    }
    notes: list[str] = []
    with translate_write_errors(store):
        kept = keep(dataset.folder, store, record, notes)
    return dataclasses.replace(
        ingested,
        notes=tuple(notes),
        provenance=(*ingested.provenance, provenance.observe(str(kept / MANIFEST))),
    )
