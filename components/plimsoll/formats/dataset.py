"""The dataset artifact: an immutable snapshot of rows, split, in Parquet shards with a manifest.

A folder of ``manifest.json`` and ``{split}/part-00000.parquet``. The id is the SHA-256 of the
columns and the shards' digests: the same rows in the same splits have the same id, wherever
they came from. Private columns are never in it. Where features were joined, their plan lies in
the folder ``features``.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plimsoll import problem as problems
from plimsoll.errors import ArtifactError, DataError, PlimsollError, nearest, shortened
from plimsoll.formats.shards import Shard, SplitWriter
from plimsoll.problem import SPLITS, Problem
from plimsoll.storage.files import (
    checked_manifest,
    digest_file,
    digest_json,
    digest_tree,
    folder_written_whole,
    write_json,
)

FORMAT = "plimsoll.dataset/1"
MANIFEST = "manifest.json"
FEATURES = "features"
ROWS_PER_SHARD = 1 << 20
ARROW_TYPES: Mapping[str, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
}
"""Column type -> how it is kept; a timestamp is in UTC and carries no zone."""


@dataclass(frozen=True)
class Column:
    """A column's name and type, one of ``ARROW_TYPES``."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset artifact that was opened, its shards checked."""

    folder: Path
    id: str
    columns: tuple[Column, ...]
    splits: Mapping[str, tuple[Shard, ...]]
    problem: Problem
    """The resolved problem: task, positive class, drops and split are filled in."""
    inferred: tuple[str, ...]
    """What was inferred or changed on the way in, one sentence each."""
    lineage: Mapping[str, Any]
    """Where the rows came from: ``sources``, ``rows_read``, ``rows_without_label``, ``library``."""
    features_sha256: str = ""
    """Digest of the feature plan; empty: no features were joined."""

    @property
    def feature_plan(self) -> Path | None:
        """Folder of the plan of the features that were joined; None: none were."""
        return self.folder / FEATURES if self.features_sha256 else None

    def column_names(self) -> tuple[str, ...]:
        """Returns the names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    def type_of(self, name: str) -> str:
        """Returns a column's type: int, float, bool, string or timestamp.

        Raises:
            DataError: if there is no such column.
        """
        self._check_columns([name])
        return next(column.type for column in self.columns if column.name == name)

    def rows(self, split: str) -> int:
        """Returns the number of rows of a split."""
        return sum(shard.rows for shard in self._shards(split))

    def feature_columns(self) -> tuple[Column, ...]:
        """Returns the columns that a model may see, in order."""
        hidden = self.problem.not_features | {self.problem.label}
        return tuple(column for column in self.columns if column.name not in hidden)

    def read(self, split: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Reads a split, or some of its columns in the order asked for.

        Raises:
            DataError: if there is no such split or column.
        """
        names = self._existing(columns)
        tables = [_table_of(self.folder / shard.path, names) for shard in self._shards(split)]
        return pa.concat_tables(tables)

    def batches(
        self, split: str, columns: Sequence[str] | None = None, batch_rows: int = 65536
    ) -> Iterator[pa.RecordBatch]:
        """Yields a split's rows in order, in bounded memory.

        Raises:
            DataError: if there is no such split or column.
        """
        names = self._existing(columns)
        for shard in self._shards(split):
            with pq.ParquetFile(self.folder / shard.path) as file:
                for batch in file.iter_batches(batch_size=batch_rows, columns=names):
                    yield pa.RecordBatch.from_arrays(
                        [batch.column(batch.schema.get_field_index(name)) for name in names],
                        names=names,
                    )

    def _existing(self, columns: Sequence[str] | None) -> list[str]:
        if columns is None:
            return list(self.column_names())
        self._check_columns(columns)
        return list(columns)

    def _check_columns(self, names: Sequence[str]) -> None:
        known = self.column_names()
        for name in names:
            if name not in known:
                raise DataError(
                    f"there is no column {name!r} in the dataset",
                    cause=nearest(name, known),
                    choices=known,
                )

    def _shards(self, split: str) -> tuple[Shard, ...]:
        if split not in self.splits:
            raise DataError(
                f"there is no split {split!r} in the dataset",
                cause=nearest(split, self.splits),
                choices=tuple(self.splits),
            )
        return self.splits[split]


def open_dataset(folder: Path) -> Dataset:
    """Opens a dataset artifact and checks each shard's size and SHA-256.

    Raises:
        ArtifactError: if it is missing, of another format, or a shard is not what was written.
    """
    folder = Path(folder)
    manifest = checked_manifest(folder, MANIFEST, FORMAT)
    try:
        dataset = _from_manifest(folder, manifest)
    except (KeyError, TypeError, AttributeError, PlimsollError) as error:
        raise ArtifactError(
            f"the manifest of the dataset {folder} does not hold together",
            cause=f"{type(error).__name__}: {error}",
        ) from error
    for shards in dataset.splits.values():
        for shard in shards:
            _check_shard(folder, shard)
    plan = dataset.feature_plan
    if plan is not None and digest_tree(plan) != dataset.features_sha256:
        raise ArtifactError(
            f"the feature plan of the dataset {folder} is not the one that was written",
            hint="make the dataset again; its files must not be edited",
        )
    actual = _identity(dataset.columns, dataset.splits)
    if actual != dataset.id:
        raise ArtifactError(
            f"the dataset {folder} is not the one its manifest names",
            cause=f"its id is {dataset.id}, its shards give {actual}",
        )
    return dataset


def write_dataset(
    folder: Path,
    tables: Mapping[str, pa.Table],
    problem: Problem,
    inferred: Sequence[str],
    lineage: Mapping[str, Any],
) -> Dataset:
    """Writes a dataset artifact whole, leaving the problem's private columns out.

    Args:
        folder: Where it comes to be; replaced if it exists.
        tables: The rows of ``train``, ``eval`` and ``test``, all with the same columns, each of
            a type in ``ARROW_TYPES``.
        problem: The resolved problem.
        inferred: What was inferred or changed, one sentence each.
        lineage: JSON values that say where the rows came from, without absolute paths.

    Raises:
        DataError: if the tables differ in columns, or a column has another type.
    """
    public = {split: _without(tables[split], problem.private) for split in SPLITS}
    schema = public[SPLITS[0]].schema
    for split, table in public.items():
        if table.schema != schema:
            raise DataError(f"the splits {SPLITS[0]} and {split} differ in their columns")
    pieces = ((split, batch) for split in SPLITS for batch in public[split].to_batches())
    return write_batches(folder, schema, pieces, problem, inferred, lineage)


def write_batches(
    folder: Path,
    schema: pa.Schema,
    pieces: Iterable[tuple[str, pa.RecordBatch]],
    problem: Problem,
    inferred: Sequence[str],
    lineage: Mapping[str, Any],
    plan: Path | None = None,
) -> Dataset:
    """Writes a dataset artifact whole, from rows that come in batches, in bounded memory.

    Args:
        folder: Where it comes to be; replaced if it exists.
        schema: The names of the columns, and types in ``ARROW_TYPES``; none of them private.
        pieces: Split and rows, the rows of each split in order; all have the columns of
            ``schema``.
        problem: The resolved problem.
        inferred: What was inferred or changed, one sentence each.
        lineage: JSON values that say where the rows came from, without absolute paths.
        plan: Folder of the plan of the features among the columns, if there are any.

    Raises:
        DataError: if a column has another type, or a private one is among them.
    """
    folder = Path(folder)
    columns = _columns_of(schema, problem)
    with folder_written_whole(folder) as aside:
        splits = _write_splits(aside, schema, pieces)
        identity = _identity(columns, splits)
        if plan is not None:
            shutil.copytree(plan, aside / FEATURES)
        planned = "" if plan is None else digest_tree(plan)
        write_json(
            aside / MANIFEST,
            {
                "format": FORMAT,
                "id": identity,
                "columns": [asdict(column) for column in columns],
                "splits": {
                    split: [asdict(shard) for shard in shards] for split, shards in splits.items()
                },
                "problem": problem.to_dict(),
                "inferred": list(inferred),
                "lineage": dict(lineage),
                "features_sha256": planned,
            },
        )
    return Dataset(
        folder=folder,
        id=identity,
        columns=columns,
        splits=splits,
        problem=problem,
        inferred=tuple(inferred),
        lineage=dict(lineage),
        features_sha256=planned,
    )


def type_name(arrow: pa.DataType) -> str:
    """Returns the column type that an Arrow type is kept as, or an empty string for another."""
    return next((name for name, kept in ARROW_TYPES.items() if kept == arrow), "")


def _from_manifest(folder: Path, manifest: Mapping[str, Any]) -> Dataset:
    columns = tuple(Column(str(item["name"]), str(item["type"])) for item in manifest["columns"])
    for column in columns:
        if column.type not in ARROW_TYPES:
            raise DataError(f"column {column.name!r} has the unknown type {column.type!r}")
    return Dataset(
        folder=folder,
        id=str(manifest["id"]),
        columns=columns,
        splits={
            split: tuple(Shard(**item) for item in manifest["splits"][split]) for split in SPLITS
        },
        problem=problems.from_dict(manifest["problem"]),
        inferred=tuple(manifest["inferred"]),
        lineage=dict(manifest["lineage"]),
        features_sha256=str(manifest.get("features_sha256", "")),
    )


def _check_shard(folder: Path, shard: Shard) -> None:
    name = PurePosixPath(shard.path)
    if name.is_absolute() or ".." in name.parts:
        raise ArtifactError(f"the dataset {folder} names a shard outside itself: {shard.path!r}")
    path = folder / name
    if not path.is_file():
        raise ArtifactError(f"the dataset {folder} lacks its shard {shard.path}")
    if path.stat().st_size != shard.bytes or digest_file(path) != shard.sha256:
        raise ArtifactError(
            f"the shard {shard.path} of the dataset {folder} is damaged",
            cause="its size or SHA-256 is not the one in the manifest",
            hint="make the dataset again; its files must not be edited",
        )


def _identity(columns: Sequence[Column], splits: Mapping[str, Sequence[Shard]]) -> str:
    return digest_json(
        {
            "format": FORMAT,
            "columns": [[column.name, column.type] for column in columns],
            "splits": {split: [item.sha256 for item in splits[split]] for split in SPLITS},
        }
    )


def _without(table: pa.Table, private: Sequence[str]) -> pa.Table:
    kept = [name for name in table.column_names if name not in private]
    # Metadata and nullability would tell equal rows of two sources apart.
    return pa.Table.from_arrays([table.column(name) for name in kept], names=kept)


def _table_of(path: Path, names: list[str]) -> pa.Table:
    # Not read_table: it would take columns from folders named like year=2013.
    with pq.ParquetFile(path) as file:
        return file.read(columns=names).select(names)


def _columns_of(schema: pa.Schema, problem: Problem) -> tuple[Column, ...]:
    columns = tuple(Column(field.name, type_name(field.type)) for field in schema)
    odd = [f"{field.name} ({field.type})" for field in schema if not type_name(field.type)]
    if odd:
        raise DataError(
            "a dataset cannot keep columns of these types",
            cause=shortened(odd),
            choices=tuple(ARROW_TYPES),
        )
    shown = [column.name for column in columns if column.name in problem.private]
    if shown:
        raise DataError(f"a dataset cannot keep private columns: {shortened(shown)}")
    return columns


def _write_splits(
    folder: Path, schema: pa.Schema, pieces: Iterable[tuple[str, pa.RecordBatch]]
) -> dict[str, tuple[Shard, ...]]:
    # Metadata and nullability would tell equal rows of two sources apart.
    plain = pa.schema([pa.field(field.name, field.type) for field in schema])
    writers = {split: SplitWriter(folder, split, plain, ROWS_PER_SHARD) for split in SPLITS}
    try:
        for split, batch in pieces:
            writers[split].write(pa.RecordBatch.from_arrays(batch.columns, schema=plain))
        return {split: writer.close() for split, writer in writers.items()}
    finally:
        for writer in writers.values():
            writer.abandon()
