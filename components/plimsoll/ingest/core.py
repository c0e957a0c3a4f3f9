"""From files to a dataset: read, settle what the problem leaves open, divide, write."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from plimsoll import __version__
from plimsoll import problem as problems
from plimsoll.artifacts import witness as witnesses
from plimsoll.artifacts.dataset import ARROW_TYPES, Dataset, write_dataset
from plimsoll.errors import ConfigError, DataError, shortened
from plimsoll.ingest import label as labels
from plimsoll.ingest.reading import Rows, read_sources
from plimsoll.ingest.roles import check_named, not_features, telling_columns
from plimsoll.ingest.sources import Source, check_unchanged, find
from plimsoll.ingest.splitting import divide, way
from plimsoll.ingest.time_split import check_time, with_times
from plimsoll.problem import SPLITS, Problem

FEWEST_ROWS = 10
LARGEST = 1e150
"""Squares of larger numbers, which means and spreads are made of, are more than a float holds."""
LONGEST_NAME = 40
"""KServe makes longer names of a model's, and a DNS label ends at 63 characters."""


@dataclass(frozen=True)
class Ingested:
    """A dataset that was written, and a witness of the files it came from."""

    dataset: Dataset
    witness: Mapping[str, Any]

    def metadata(self) -> dict[str, Any]:
        """Returns what the artifact's metadata tells of it."""
        return {
            **{f"rows_{split}": self.dataset.rows(split) for split in SPLITS},
            "id": self.dataset.id,
            "notes": list(self.dataset.inferred),
            witnesses.METADATA_KEY: [dict(self.witness)],
        }


def ingest(data: str, label: str, problem: str, folder: Path) -> Ingested:
    """Makes a dataset of CSV or Parquet files.

    Args:
        data: A file, a folder or a glob pattern.
        label: The column to predict; empty: the problem names it.
        problem: The problem file's text, YAML or JSON; empty: all but the label is inferred.
        folder: Where the dataset comes to be.

    Raises:
        ConfigError: if the problem does not hold together.
        DataError: if the data cannot be read, or cannot be what the problem asks of it.
    """
    if not data:
        raise ConfigError(
            "the path of the data is empty", hint="give a file, a folder or a glob pattern"
        )
    asked = problems.parse(problem, label=label)
    by = way(asked)
    notes: list[str] = []
    found = find(data, folder.parent, notes)
    rows = _read(found.sources, asked, notes)
    check_unchanged(found)
    read = rows.table.num_rows
    check_time(rows, asked)
    rows = labels.labelled(rows, asked.label, notes)
    unlabelled = read - rows.table.num_rows
    if by == "time":
        rows = with_times(rows, asked, notes)
    _check_enough(rows, read)
    rows, resolved = _settled(rows, asked, _name(asked, Path(data)), notes)
    tables, split = divide(rows, resolved, _features(rows, resolved), notes)
    dataset = write_dataset(
        folder,
        tables,
        dataclasses.replace(resolved, split=split),
        notes,
        _lineage(found.sources, read, unlabelled),
    )
    return Ingested(dataset, found.witness)


def safe_name(text: str) -> str:
    """Returns a name that Kubernetes takes: lower-case letters, digits, dashes; a letter first."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", plain.casefold()).strip("-")
    if not name[:1].isalpha():
        name = f"model-{name}"
    return name[:LONGEST_NAME].strip("-")


def _read(sources: Sequence[Source], problem: Problem, notes: list[str]) -> Rows:
    skip = set(problem.private) - {problem.time, *problem.keys}
    found = read_sources(sources, skip=skip, private=problem.private, notes=notes)
    check_named(problem, found.names, found.left_out)
    return found.rows


def _check_enough(rows: Rows, read: int) -> None:
    if rows.table.num_rows < FEWEST_ROWS:
        raise DataError(
            f"{rows.table.num_rows} rows are too few; at least {FEWEST_ROWS} are needed",
            cause=f"{read:,} rows were read; those without a label or a time are left out",
            hint="give more data",
        )


def _settled(rows: Rows, problem: Problem, name: str, notes: list[str]) -> tuple[Rows, Problem]:
    """Returns the rows, and the problem with all but the split's moments filled in."""
    rows, target = labels.settle(rows, problem, notes)
    useless = not_features(rows.table, problem, notes)
    resolved = dataclasses.replace(
        problem,
        name=name,
        task=target.task,
        positive=target.positive,
        drop=(*problem.drop, *useless),
    )
    features = _features(rows, resolved)
    if not features:
        raise _nothing_to_learn_from(rows, problem, notes)
    _check_magnitudes(rows, resolved, features)
    if target.classes:
        telling = telling_columns(rows.table, resolved, features)
        if telling:
            notes.append(f"SUSPICIOUS, tells the label exactly: {shortened(telling)}")
    return rows, resolved


def _nothing_to_learn_from(rows: Rows, problem: Problem, notes: Sequence[str]) -> DataError:
    cause = "\n".join(note for note in notes if note.startswith("dropped"))
    if rows.table.column_names == [problem.label]:
        cause = f"the label {problem.label!r} is the only column"
    elif not cause:
        cause = f"besides the label {problem.label!r} there are only columns that the problem drops"
    return DataError(
        "no column is left to predict from",
        cause=cause,
        hint="give data with more columns, or drop fewer",
    )


def _check_magnitudes(rows: Rows, problem: Problem, features: Sequence[str]) -> None:
    for name in (*features, problem.label):
        column = rows.table.column(name)
        if column.type != ARROW_TYPES["float"] or column.null_count == len(column):
            continue
        farthest = max(pc.min_max(column).as_py().values(), key=abs)
        if abs(farthest) > LARGEST:
            way_out = "" if name == problem.label else f", or drop: [{name}] in the problem file"
            raise DataError(
                f"column {name!r} holds numbers too large to reckon with",
                cause=f"such as {farthest:g}; the most is {LARGEST:g}",
                hint=f"leave cells empty where they stand for missing values{way_out}",
            )


def _features(rows: Rows, problem: Problem) -> list[str]:
    hidden = problem.not_features | {problem.label}
    return [name for name in rows.table.column_names if name not in hidden]


def _name(problem: Problem, data: Path) -> str:
    # A folder or a pattern is named by where it lies, which is no part of the dataset.
    stem = data.stem if data.is_file() else ""
    return safe_name(problem.name or f"{stem}-{problem.label}")


def _lineage(sources: Sequence[Source], read: int, unlabelled: int) -> dict[str, Any]:
    return {
        "sources": [
            {"name": source.name, "bytes": source.bytes, "sha256": source.sha256}
            for source in sources
        ],
        "rows_read": read,
        "rows_without_label": unlabelled,
        "library": f"plimsoll {__version__}",
    }
