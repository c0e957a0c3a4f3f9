"""What Feast calls retrieval jobs: joins and pulls that run when they are asked for their rows."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pyarrow as pa
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata

from plimsoll.errors import DataError
from plimsoll.feature_store.offline import asof
from plimsoll.feature_store.offline.asof import ViewJoin
from plimsoll.feature_store.offline.engine import Limits, engine
from plimsoll.feature_store.offline.entity_rows import EntityRows, join_columns
from plimsoll.feature_store.offline.parquet_files import write_whole

CHUNK = "entity_chunk"


class StreamedJob(RetrievalJob):
    """A job whose rows come in batches, so that they need not fit the memory."""

    repo_folder: Any
    """The repository's folder, which relative paths are told from."""

    @abstractmethod
    def to_record_batches(self, batch_rows: int = 0) -> Iterator[pa.RecordBatch]:
        """Yields the result in order, on-demand views applied, in bounded memory.

        Args:
            batch_rows: Rows of a batch at most; 0: as many as are joined at once.
        """

    def persist(
        self, storage: Any, allow_overwrite: bool = False, timeout: int | None = None
    ) -> None:
        """Writes the result, on-demand views applied, to a saved dataset's file or folder.

        Args:
            storage: Feast's ``SavedDatasetFileStorage``.
            allow_overwrite: Whether something that is there gives way.
            timeout: Not used.

        Raises:
            SavedDatasetLocationAlreadyExists: if something is there and must stay.
        """
        del timeout
        write_whole(
            storage.to_data_source(), self.repo_folder, self.to_record_batches(), allow_overwrite
        )


@dataclass
class AsofRetrievalJob(StreamedJob):
    """Entity rows joined with feature views, each row with what was known as of its time."""

    rows: EntityRows
    """The entity rows."""
    views: Sequence[ViewJoin]
    """What they are joined with."""
    limits: Limits
    """What the join may take."""
    features: Sequence[str]
    """The references of the features asked for."""
    on_demand: list[Any] = field(default_factory=list)
    """Feast's on-demand views to apply."""
    full_names: bool = False
    """Whether features are called ``view__feature``."""
    repo_folder: Any = None
    """The repository's folder."""

    @property
    def full_feature_names(self) -> bool:
        """Whether features are called ``view__feature``."""
        return self.full_names

    @property
    def on_demand_feature_views(self) -> list[Any]:
        """The on-demand views that `to_arrow` applies."""
        return self.on_demand

    @property
    def metadata(self) -> RetrievalMetadata:
        """The features, the entity rows' other columns, and their first and last time."""
        first, last = self.rows.bounds
        return RetrievalMetadata(
            features=list(self.features),
            keys=self.rows.keys,
            min_event_timestamp=first,
            max_event_timestamp=last,
        )

    def to_sql(self) -> str:
        """Returns the join as one query; entity rows in memory are a table ``entity_rows``."""
        names = self.rows.schema.names
        return asof.retrieval_sql(self.views, self.rows.source, self.rows.time_us, names)

    def to_record_batches(
        self, batch_rows: int = 0, *, event_times: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yields the result in the order of the entity rows, in bounded memory.

        Args:
            batch_rows: Rows of a batch at most; 0: as many as are joined at once.
            event_times: Whether a column ``VIEW__event_timestamp`` is added for each view: the
                time of the row that the values are of, null where there is none.
        """
        for chunk in self._joined(event_times):
            whole = _ChunkJob(chunk, self).to_arrow() if self.on_demand else chunk
            yield from whole.combine_chunks().to_batches(batch_rows or None)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return pa.concat_tables(self._joined(seconds=timeout))

    def _to_df_internal(self, timeout: int | None = None) -> Any:
        return self._to_arrow_internal(timeout).to_pandas()

    def _joined(
        self, event_times: bool = False, seconds: float | None = None
    ) -> Iterator[pa.Table]:
        with engine(self.limits, seconds) as connection:
            chunks = self.rows.chunks(connection)
            first = next(chunks, self.rows.schema.empty_table())
            second = next(chunks, None)
            more = [] if second is None else [second]
            kept = self._kept(connection) if more else {}
            for chunk in chain([first], more, chunks):
                yield self._join(connection, chunk, kept, event_times)

    def _kept(self, connection: Any) -> dict[str, str]:
        """Makes tables of the views' rows, which several chunks are joined with."""
        kept = {}
        for number, view in enumerate(self.views):
            kept[view.name] = f"history_{number}"
            connection.execute(f"CREATE TABLE history_{number} AS {_history(connection, view)}")
        return kept

    def _join(
        self, connection: Any, chunk: pa.Table, kept: dict[str, str], event_times: bool
    ) -> pa.Table:
        keys = dict.fromkeys(key for view in self.views for key, _ in view.keys)
        small = join_columns(chunk, self.rows.time, keys)
        bounds = _bounds(small)
        connection.register(CHUNK, small)
        for view in self.views:
            rows = kept.get(view.name) or f"({_history(connection, view, *bounds)})"
            times = f"{view.name}__event_timestamp" if event_times else ""
            joined = connection.sql(asof.join_sql(view, CHUNK, rows, times)).to_arrow_table()
            if joined.num_rows != chunk.num_rows:
                raise DataError(
                    f"the join with {view.name!r} gave {joined.num_rows} rows for {chunk.num_rows}",
                    hint="this is a fault of the join, not of the data: tell its makers",
                )
            for name in joined.column_names:
                chunk = chunk.append_column(name, joined.column(name))
        connection.unregister(CHUNK)
        return chunk


@dataclass
class PullJob(StreamedJob):
    """Rows of a source, as one query."""

    query: str
    """The query, in DuckDB's SQL."""
    limits: Limits
    """What it may take."""
    repo_folder: Any = None
    """The repository's folder."""

    @property
    def full_feature_names(self) -> bool:
        """Never: a source's columns are called what they are."""
        return False

    @property
    def on_demand_feature_views(self) -> list[Any]:
        """None: a source has no on-demand views."""
        return []

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """None: there are no entity rows."""
        return None

    def to_sql(self) -> str:
        """Returns the query."""
        return self.query

    def to_record_batches(self, batch_rows: int = 0) -> Iterator[pa.RecordBatch]:
        """Yields the rows in bounded memory.

        Args:
            batch_rows: Rows of a batch at most; 0: the limits'.
        """
        with engine(self.limits) as connection:
            reader = connection.sql(self.query).to_arrow_reader(
                batch_rows or self.limits.batch_rows
            )
            yield from (batch for batch in reader if batch.num_rows)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        with engine(self.limits, timeout) as connection:
            return connection.sql(self.query).to_arrow_table()

    def _to_df_internal(self, timeout: int | None = None) -> Any:
        return self._to_arrow_internal(timeout).to_pandas()


class _ChunkJob(RetrievalJob):
    """A part of a job's rows, to which Feast applies the on-demand views."""

    def __init__(self, table: pa.Table, whole: AsofRetrievalJob) -> None:
        self.table = table
        self.whole = whole

    @property
    def full_feature_names(self) -> bool:
        return self.whole.full_feature_names

    @property
    def on_demand_feature_views(self) -> list[Any]:
        return self.whole.on_demand_feature_views

    @property
    def metadata(self) -> RetrievalMetadata:
        return RetrievalMetadata(features=list(self.whole.features), keys=self.whole.rows.keys)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        del timeout
        return self.table


def _history(connection: Any, view: ViewJoin, *bounds: int | None) -> str:
    distinct = False
    if not view.by_creation:
        ((distinct,),) = connection.execute(asof.times_are_unique(view, *bounds)).fetchall()
    return asof.history_sql(view, *bounds, distinct=distinct)


def _bounds(small: pa.Table) -> tuple[int | None, int | None]:
    import pyarrow.compute as pc

    ends = pc.min_max(small.column(asof.TIME)).as_py()
    return ends["min"], ends["max"]
