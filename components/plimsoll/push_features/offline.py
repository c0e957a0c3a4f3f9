"""Appends pushed rows to a Parquet source, each once."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from plimsoll.errors import DataError
from plimsoll.feature_store.offline import parquet_files
from plimsoll.feature_store.offline.engine import Limits, engine
from plimsoll.feature_store.offline.source_tables import TEXTS, location, open_source
from plimsoll.feature_store.offline.sql_text import TIMES, quoted

ROW = "plimsoll_row"


def append(source: Any, folder: Path, rows: pa.Table, seconds: float) -> int:
    """Appends to a source of Parquet files the rows that it does not hold yet.

    Args:
        source: Feast's ``FileSource``; its file is made if it is missing.
        folder: The repository, which relative paths are told from.
        rows: The rows, under the source's names; times in microseconds UTC.
        seconds: How long to wait for another that writes to it.

    Returns:
        How many rows were new.

    Raises:
        DataError: if the source is held for longer, cannot be read or written, or has other
            columns or types.
    """
    path = location(source, folder)
    if path.name.endswith(TEXTS):
        raise DataError(
            f"rows cannot be appended to the source {source.name!r}",
            cause=f"{path.name} is not Parquet",
            hint="name a Parquet file as the batch source of what is pushed",
        )
    try:
        with parquet_files.exclusively(source, folder, seconds) as target:
            fresh = _distinct(_new(source, folder, rows) if target.exists() else rows)
            if fresh.num_rows:
                parquet_files.append_locked(source, target, fresh)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"the source {source.name!r} cannot be written",
            cause=f"{type(error).__name__}: {str(error)[:200]}",
        ) from error
    return int(fresh.num_rows)


def _new(source: Any, folder: Path, rows: pa.Table) -> pa.Table:
    """Returns the rows that a source does not hold, in their order."""
    with engine(Limits()) as connection:
        connection.register("pushed", _numbered(rows))
        kept = open_source(connection, source, folder)
        there, same = [], []
        for index, name in enumerate(rows.column_names):
            column = kept.column(name, "of what is pushed")
            kind = kept.kinds[column]
            if kind in TIMES:
                value, pushed = kept.microseconds(column), f"epoch_us(pushed.{quoted(name)})"
            else:
                value = kept.expression(column)
                pushed = f"TRY_CAST(pushed.{quoted(name)} AS {kind})"
            there.append(f"{value} AS c{index}")
            same.append(f"kept.c{index} IS NOT DISTINCT FROM {pushed}")
        new = connection.sql(
            f"SELECT {ROW} FROM pushed WHERE NOT EXISTS "
            f"(SELECT 1 FROM (SELECT {', '.join(there)} FROM {kept.scan}) AS kept "
            f"WHERE {' AND '.join(same)}) ORDER BY 1"
        ).to_arrow_table()
    return rows.take(new.column(0))


def _numbered(rows: pa.Table) -> pa.Table:
    return rows.append_column(ROW, pa.array(range(rows.num_rows), pa.int64()))


def _distinct(rows: pa.Table) -> pa.Table:
    """Returns each row once, where it first stands."""
    first = _numbered(rows).group_by(rows.column_names).aggregate([(ROW, "min")])
    return rows.take(first.column(f"{ROW}_min").combine_chunks().sort())
