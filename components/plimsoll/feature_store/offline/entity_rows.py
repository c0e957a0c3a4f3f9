"""The rows that features are joined with: a data frame, an Arrow table, or a query of DuckDB.

They are taken a chunk at a time, each an Arrow table. Only the row's number, its time and the join
keys of a chunk go through the join; the other columns stay as they are.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError, nearest, shortened
from plimsoll.feature_store.offline import sql_text
from plimsoll.feature_store.offline.asof import ROW, TIME
from plimsoll.feature_store.offline.engine import Limits, engine
from plimsoll.timestamps import timestamp_of

IN_MEMORY = "entity_rows"
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True)
class EntityRows:
    """The entity rows, in their order."""

    schema: pa.Schema
    """Their columns."""
    time: str
    """Their column of event timestamps."""
    table: pa.Table | None
    """The rows; None: the query's."""
    query: str
    """The query of the rows, in DuckDB's SQL; empty: they are a table."""
    limits: Limits
    """What asking for the rows may take."""

    def chunks(self, connection: Any) -> Iterator[pa.Table]:
        """Yields the rows, at most ``limits.batch_rows`` at once.

        Args:
            connection: DuckDB's; a cursor of it answers the query.
        """
        size = self.limits.batch_rows
        if self.table is not None:
            for start in range(0, self.table.num_rows, size):
                yield self.table.slice(start, size)
            return
        for batch in connection.cursor().sql(self.query).to_arrow_reader(size):
            if batch.num_rows:
                yield pa.Table.from_batches([batch], self.schema)

    @cached_property
    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """The first and the last time of the rows; None where there is none."""
        if self.table is not None:
            return time_range(self.table.column(self.time))
        us = self.time_us
        with engine(self.limits) as connection:
            query = f"SELECT min({us}), max({us}) FROM ({self.query}\n)"
            first, last = connection.execute(query).fetchone()
        return _or_none(first), _or_none(last)

    @property
    def time_us(self) -> str:
        """The expression of a row's time in microseconds since 1970 UTC."""
        kind = self.schema.field(self.time).type
        plain = pa.types.is_timestamp(kind) and not (kind.tz and kind.unit == "ns")
        return sql_text.microseconds(sql_text.quoted(self.time), "TIMESTAMP" if plain else "")

    @property
    def keys(self) -> list[str]:
        """The columns other than the time."""
        return [name for name in self.schema.names if name != self.time]

    @property
    def source(self) -> str:
        """What stands after FROM for the rows; a table in memory is called IN_MEMORY."""
        return f"({self.query}\n)" if self.query else IN_MEMORY


def entity_rows(entity_df: Any, limits: Limits) -> EntityRows:
    """Returns entity rows with their time column, found as Feast finds it.

    Args:
        entity_df: A pandas data frame, an Arrow table, or a query in DuckDB's SQL.
        limits: What asking for the rows may take.

    Raises:
        DataError: if it is something else, or the time column cannot be told.
    """
    if isinstance(entity_df, str):
        return _of_query(entity_df, limits)
    table = entity_df if isinstance(entity_df, pa.Table) else _of_frame(entity_df)
    if len(set(table.column_names)) != len(table.column_names):
        twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
        raise DataError(f"the entity rows have columns of the same name: {shortened(twice)}")
    time = time_column(table.schema)
    return EntityRows(table.schema, time, table, "", limits)


def join_columns(chunk: pa.Table, time: str, keys: Iterable[str]) -> pa.Table:
    """Returns what of a chunk the join needs: ROW, TIME in microseconds UTC, and the keys."""
    columns = {ROW: pa.array(np.arange(chunk.num_rows)), TIME: microseconds(chunk.column(time))}
    columns |= {name: chunk.column(name) for name in keys}
    return pa.table(columns)


def microseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns times as whole microseconds since 1970 UTC, rounded down; no zone means UTC.

    Raises:
        DataError: if a value is no time.
    """
    kind = column.type
    try:
        if pa.types.is_date(kind):
            column = column.cast(pa.timestamp("ms"))
        elif not pa.types.is_timestamp(kind):
            column = _parsed(column)
        per_second = PER_SECOND[column.type.unit]
        ticks = column.cast(pa.int64())
        if per_second <= PER_SECOND["us"]:
            return pc.multiply_checked(ticks, PER_SECOND["us"] // per_second)
        rest = per_second // PER_SECOND["us"]
        down = [
            pa.array(np.floor_divide(pc.fill_null(part, 0).to_numpy(), rest), mask=_nulls(part))
            for part in ticks.chunks
        ]
        return pa.chunked_array(down, pa.int64())
    except (pa.ArrowInvalid, ValueError, TypeError) as error:
        raise DataError(
            "the entity rows' timestamps cannot be read",
            cause=f"the column is {kind}, and {type(error).__name__} says that a value is no time",
            hint="give timestamps; without a zone they are UTC",
        ) from None


def time_range(column: pa.ChunkedArray) -> tuple[datetime | None, datetime | None]:
    """Returns the first and the last of times, in UTC; None where there is none."""
    ends = pc.min_max(microseconds(column)).as_py()
    return _or_none(ends["min"]), _or_none(ends["max"])


def time_column(schema: pa.Schema) -> str:
    """Returns the column of event timestamps, as Feast infers it.

    Raises:
        DataError: if no column is called ``event_timestamp``, and not just one is a timestamp.
    """
    from feast.errors import EntityTimestampInferenceException
    from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df

    kinds = {
        field.name: np.dtype("datetime64[ns]" if pa.types.is_timestamp(field.type) else "object")
        for field in schema
    }
    try:
        return str(infer_event_timestamp_from_entity_df(kinds))
    except EntityTimestampInferenceException as error:
        times = [name for name, kind in kinds.items() if kind.kind == "M"]
        raise DataError(
            "the entity rows' event timestamp cannot be told",
            cause=f"their columns of timestamps: {shortened(times) or 'none'}",
            choices=tuple(schema.names),
            hint="call the column event_timestamp",
        ) from error


def check_columns(rows: EntityRows, needed: Mapping[str, str]) -> None:
    """Checks that the entity rows have the columns that a retrieval needs.

    Args:
        rows: The rows.
        needed: Column -> who needs it.

    Raises:
        DataError: if one is missing.
    """
    for column, who in needed.items():
        if column not in rows.schema.names:
            raise DataError(
                f"the entity rows have no column {column!r}, which {who} needs",
                cause=nearest(column, rows.schema.names),
                choices=tuple(rows.schema.names),
                hint="add the column, or map the join key to the one that holds it",
            )


def _of_query(text: str, limits: Limits) -> EntityRows:
    query = text.strip().rstrip(";").rstrip()
    if not query:
        raise DataError("the entity rows' query is empty", hint="for example: SELECT * FROM ...")
    with engine(limits) as connection:
        schema = connection.sql(f"SELECT * FROM ({query}\n) LIMIT 0").to_arrow_table().schema
    return EntityRows(schema, time_column(schema), None, query, limits)


def _of_frame(entity_df: Any) -> pa.Table:
    import pandas as pd

    if not isinstance(entity_df, pd.DataFrame):
        raise DataError(
            f"entity rows cannot be a {type(entity_df).__name__}",
            choices=("pandas.DataFrame", "pyarrow.Table", "a query in DuckDB's SQL"),
        )
    frame = entity_df
    if "event_timestamp" in frame.columns and frame["event_timestamp"].dtype == object:
        frame = frame.assign(event_timestamp=_utc(frame["event_timestamp"]))
    try:
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            "the entity rows have a column of mixed types",
            cause=str(error.args[-1])[:200],
            hint="give each column one type",
        ) from None


def _utc(values: Any) -> Any:
    import pandas as pd

    try:
        return pd.to_datetime(values, utc=True, format="ISO8601")
    except (ValueError, TypeError):
        raise DataError(
            "the entity rows' event_timestamp cannot be read",
            cause="a value is neither a time nor a text such as 2013-01-01T05:00:00Z",
        ) from None


def _parsed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(_utc(column.to_pandas()))])


def _nulls(part: pa.Array) -> np.ndarray:
    return pc.is_null(part).to_numpy(zero_copy_only=False)


def _or_none(us: int | None) -> datetime | None:
    return None if us is None else timestamp_of(us)
