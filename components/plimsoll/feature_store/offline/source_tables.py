"""Feast's file sources as tables that DuckDB reads: where they are, what columns they have."""

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from plimsoll.errors import DataError, nearest, shortened
from plimsoll.feature_store.offline import sql_text

PARQUET = (".parquet", ".pq")
TEXTS = (".csv", ".csv.gz", ".csv.zst", ".tsv")
POSITION = ("plimsoll_file", "plimsoll_row")
"""The columns that say where in its source a row stands: the number of the file, of the row."""


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """A source's rows, its field mapping applied."""

    name: str
    """The source's own name, for messages."""
    scan: str
    """What stands after FROM."""
    kinds: Mapping[str, str]
    """Column, as Feast calls it -> DuckDB's type."""
    raw: Mapping[str, str]
    """Column, as Feast calls it -> its name in the files."""
    position: tuple[str, str] | None
    """Expressions of the number of a row's file and of the row in it; None: PLACE are columns."""

    def column(self, name: str, use: str) -> str:
        """Returns the column that a name means: as Feast calls it, or as the files do.

        Raises:
            DataError: if there is none.
        """
        if name in self.raw:
            return name
        for column, raw in self.raw.items():
            if raw == name:
                return column
        raise DataError(
            f"the source {self.name!r} has no column {name!r} ({use})",
            cause=nearest(name, self.raw) or "it has others: has the file changed since `apply`?",
            choices=tuple(self.raw),
        )

    def expression(self, column: str) -> str:
        """Returns the expression of a column's value."""
        return sql_text.quoted(self.raw[column])

    def microseconds(self, column: str) -> str:
        """Returns the expression of a column's time in microseconds since 1970 UTC.

        Raises:
            DataError: if the column is no time.
        """
        kind = self.kinds[column]
        if kind not in sql_text.TIMES and sql_text.family(kind) != "text":
            raise DataError(
                f"the column {column!r} of the source {self.name!r} is no timestamp",
                cause=f"it is {kind}",
                hint="write it as a timestamp; one without a zone is taken as UTC",
            )
        return sql_text.microseconds(self.expression(column), kind)

    def within(self, column: str, since_us: int | None, until_us: int | None) -> list[str]:
        """Returns the conditions that a column's time is in an interval, both ends in it."""
        return sql_text.within(self.expression(column), self.kinds[column], since_us, until_us)

    @property
    def position_columns(self) -> str:
        """The select list of PLACE."""
        expressions = self.position or tuple(map(sql_text.quoted, POSITION))
        return ", ".join(
            f"{at} AS {sql_text.quoted(as_)}" for at, as_ in zip(expressions, POSITION, strict=True)
        )


def open_source(connection: Any, source: Any, repo: Path | str | None) -> SourceTable:
    """Returns a Feast ``FileSource`` as a table.

    Args:
        connection: DuckDB's, which is asked for the columns.
        source: The source: a file, a folder or a glob pattern of Parquet, or a CSV file.
        repo: The folder that relative paths are told from; None: the current one.

    Raises:
        DataError: if it is of another kind, or nothing is there.
    """
    scan, position = _scan(source, repo)
    described = connection.sql(f"SELECT * FROM {scan} LIMIT 0")
    kinds = {
        name: str(kind)
        for name, kind in zip(described.columns, described.types, strict=True)
        if position or name not in POSITION
    }
    mapping = dict(source.field_mapping or {})
    taken = set(mapping.values())
    raw = {mapping.get(name, name): name for name in kinds if name in mapping or name not in taken}
    return SourceTable(
        name=source.name or source.path,
        scan=scan,
        kinds={column: kinds[name] for column, name in raw.items()},
        raw=raw,
        position=position,
    )


def is_local(source: Any) -> bool:
    """Says if a source is files on this machine, where ``location`` finds them."""
    from feast.infra.offline_stores.file_source import FileSource

    return isinstance(source, FileSource) and "://" not in source.path.removeprefix("file://")


def location(source: Any, repo: Path | str | None) -> Path:
    """Returns where a file source is on this machine.

    Raises:
        DataError: if it is no file source, or is elsewhere.
    """
    from feast.infra.offline_stores.file_source import FileSource

    if not isinstance(source, FileSource):
        raise DataError(
            f"the source {getattr(source, 'name', '')!r} is a {type(source).__name__}",
            cause="this offline store reads files",
            hint="use a FileSource, or the offline store that this kind of source belongs to",
        )
    address = urlparse(source.path)
    if address.scheme == "file":
        return Path(address.path)
    if address.scheme and address.netloc:
        raise DataError(
            f"the source {source.name!r} is not on this machine: {address.scheme}://{address.netloc}",
            cause="nothing is fetched while rows are joined",
            hint="copy the files here, mount the bucket, or use a warehouse's offline store",
        )
    return Path(repo or ".") / str(source.path)


def _scan(source: Any, repo: Path | str | None) -> tuple[str, tuple[str, str] | None]:
    from feast.data_format import ParquetFormat

    path = location(source, repo)
    if source.file_format is not None and not isinstance(source.file_format, ParquetFormat):
        raise DataError(
            f"the source {source.name!r} is of {type(source.file_format).__name__}",
            hint="this offline store reads Parquet and CSV",
        )
    if path.name.endswith(TEXTS):
        texts = sql_text.files(_files(source, path, TEXTS))
        position = f"0 AS {POSITION[0]}, row_number() OVER () AS {POSITION[1]}"
        return f"(SELECT *, {position} FROM read_csv({texts}))", None
    paths = _files(source, path, PARQUET)
    by_name = ", union_by_name = true" if len(paths) > 1 else ""
    return f"read_parquet({sql_text.files(paths)}{by_name})", ("file_index", "file_row_number")


def _files(source: Any, path: Path, endings: tuple[str, ...]) -> list[Path]:
    if path.is_file():
        return [path]
    pattern = f"{glob.escape(str(path))}/**/*" if path.is_dir() else str(path)
    paths = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
    paths = [
        item for item in paths if item.is_file() and (item.name.endswith(endings) or item == path)
    ]
    if not paths:
        beside = [item.name for item in path.parent.glob("*")] if path.parent.is_dir() else []
        raise DataError(
            f"the source {source.name!r} has no file at {path}",
            cause=nearest(path.name, beside)
            or f"beside it: {shortened(sorted(beside)) or 'nothing'}",
            hint="write the file first, or correct the source's path and apply again",
        )
    return paths
