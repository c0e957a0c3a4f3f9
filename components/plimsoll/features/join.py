"""Rows joined with features by the repository's offline store, in the rows' own order."""

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError, PlimsollError
from plimsoll.feature_store.offline.engine import Limits
from plimsoll.feature_store.offline.sql_text import quoted, text
from plimsoll.feature_store.repository.definitions import quiet
from plimsoll.feature_store.repository.model import Repository
from plimsoll.feature_store.repository.plans import Join, ServicePlan
from plimsoll.formats.dataset import Dataset
from plimsoll.problem import SPLITS

ROW = "__row"
TIME = "event_timestamp"
"""What Feast looks for in entity rows, among other columns of times."""
JOINED_AT_ONCE = 1 << 18
"""Rows: what a wide service takes of memory, and joins hardly faster with more."""
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class JoinRequest:
    """What an offline store is asked."""

    repository: Repository
    joins: Sequence[Join]
    created: bool
    """Whether values that were written after the row's time are left out."""
    limits: Limits
    """What DuckDB may take, where it is asked."""
    batch_rows: int

    @property
    def references(self) -> list[str]:
        """Feast's references of all features."""
        return [name for join in self.joins for name in join.references]


def key_columns(joins: Sequence[Join]) -> tuple[str, ...]:
    """Returns the dataset's columns that keys are taken from, each once."""
    return tuple(
        dict.fromkeys(key.column for join in joins for key in join.view.keys if key.column)
    )


def entity_sql(dataset: Dataset, keys: Sequence[str], time: str) -> str:
    """Returns the rows' keys, times and numbers, in DuckDB's SQL over the dataset's own files.

    Rows are numbered from 0 over train, eval and test.
    """
    names = ", ".join(quoted(name) for name in keys)
    parts, before = [], 0
    for split in SPLITS:
        for shard in dataset.splits[split]:
            path = text(str((dataset.folder / shard.path).resolve()))
            parts.append(
                f"SELECT {names}{', ' if names else ''}"
                f"{quoted(time)} AS {TIME}, "
                f"file_row_number + {before} AS {ROW} "
                f"FROM read_parquet({path}, file_row_number = true)"
            )
            before += shard.rows
    return " UNION ALL ".join(parts)


def entity_table(dataset: Dataset, keys: Sequence[str], time: str) -> pa.Table:
    """Returns the same rows as a table."""
    columns = list(dict.fromkeys([*keys, time]))
    table = pa.concat_tables([dataset.read(split, columns) for split in SPLITS])
    times = table.column(time).cast(pa.timestamp("us", "UTC"))
    rows = table.select(list(keys)).append_column(TIME, times)
    return rows.append_column(ROW, pa.array(range(len(rows)), pa.int64()))


def joined_batches(
    dataset: Dataset, planned: ServicePlan, request: JoinRequest
) -> Iterator[pa.RecordBatch]:
    """Yields what the offline store answers, in the order of the rows.

    Columns are named as the store names them in full, ``view__feature``; our own store adds
    ``view__event_timestamp``.

    Raises:
        DataError: if the store cannot answer, or leaves rows out.
    """
    if not request.joins:
        yield from _rows_alone(dataset, request.batch_rows)
    elif is_own_store(request.repository):
        yield from own_batches(dataset, planned.plan.time, request)
    else:
        entities = entity_table(dataset, key_columns(request.joins), planned.plan.time)
        yield from _in_order(_from_other_store(entities, request), request)


def own_batches(dataset: Dataset, time: str, request: JoinRequest) -> Iterator[pa.RecordBatch]:
    """Yields what our own offline store answers, with the event timestamps of what was found.

    Raises:
        DataError: if it cannot read a source.
    """
    from plimsoll.feature_store.offline.store import AsofOfflineStore, AsofOfflineStoreConfig

    repository, limits = request.repository, request.limits
    settings = AsofOfflineStoreConfig(
        memory_limit=limits.memory_limit,
        threads=limits.threads,
        spill_folder=limits.spill_folder,
        batch_rows=min(limits.batch_rows, JOINED_AT_ONCE),
    )
    with _translate_errors(repository):
        job = AsofOfflineStore.get_historical_features(
            SimpleNamespace(offline_store=settings, repo_path=repository.folder),
            [join.feast for join in request.joins],
            request.references,
            entity_sql(dataset, key_columns(request.joins), time),
            repository.retrieval.registry,
            repository.project,
            full_feature_names=True,
            filter_by_created_timestamp=request.created,
        )
        batches = job.to_record_batches(request.batch_rows, event_times=True)
        yield from _in_order(batches, request)


def is_own_store(repository: Repository) -> bool:
    """Says if the repository's offline store is ours: it takes SQL and answers in batches."""
    from plimsoll.feature_store.offline.store import AsofOfflineStoreConfig

    return isinstance(repository.config.offline_store, AsofOfflineStoreConfig)


def limits_of(repository: Repository, memory_limit: str, scratch: Path) -> Limits:
    """Returns what DuckDB may take: as the repository says, where nothing else does."""
    limits: Limits = (
        repository.config.offline_store.limits if is_own_store(repository) else Limits()
    )
    return replace(
        limits,
        memory_limit=memory_limit or limits.memory_limit,
        spill_folder=limits.spill_folder or str(scratch),
    )


def _rows_alone(dataset: Dataset, batch_rows: int) -> Iterator[pa.RecordBatch]:
    start, rows = 0, sum(dataset.rows(split) for split in SPLITS)
    while start < rows:
        end = min(start + batch_rows, rows)
        yield pa.RecordBatch.from_pydict({ROW: pa.array(range(start, end), pa.int64())})
        start = end


def _from_other_store(entities: pa.Table, request: JoinRequest) -> Iterator[pa.RecordBatch]:
    repository = request.repository
    store = repository.retrieval
    kwargs = {"filter_by_created_timestamp": True} if request.created else {}
    with _translate_errors(repository):
        with quiet(), _working_in(repository.folder):
            job = store.provider.get_historical_features(
                config=store.config,
                feature_views=[join.feast for join in request.joins],
                feature_refs=request.references,
                entity_df=entities.to_pandas(),
                registry=store.registry,
                project=repository.project,
                full_feature_names=True,
                **kwargs,
            )
            table = job.to_arrow()
        order = pc.sort_indices(table, sort_keys=[(ROW, "ascending")])
        yield from table.take(order).to_batches(max_chunksize=request.batch_rows)


def _in_order(batches: Iterator[pa.RecordBatch], request: JoinRequest) -> Iterator[pa.RecordBatch]:
    """Passes batches on whose rows are numbered 0, 1, 2, ...

    Raises:
        DataError: if a row is missing, or comes twice.
    """
    wanted = [name for join in request.joins for name in join.outputs]
    expected = 0
    for batch in batches:
        missing = [name for name in (ROW, *wanted) if name not in batch.schema.names]
        if missing:
            raise DataError(f"the offline store's answer lacks the column {missing[0]!r}")
        numbers = batch.column(batch.schema.get_field_index(ROW)).cast(pa.int64())
        expected_numbers = pa.array(range(expected, expected + batch.num_rows), pa.int64())
        if not numbers.equals(expected_numbers):
            raise DataError(
                "the offline store did not answer each row once, in order",
                cause=f"rows from {expected:,} on are not those that were asked for",
                hint="of rows with equal timestamps it may have taken several: make a source's "
                "keys and timestamps unique, or use plimsoll.feature_store.offline.store",
            )
        expected += batch.num_rows
        yield batch


@contextlib.contextmanager
def _translate_errors(repository: Repository) -> Iterator[None]:
    """Says of an error of any offline store whose it is."""
    try:
        yield
    except PlimsollError:
        raise
    except Exception as error:  # each store has errors of its own
        raise DataError(
            f"the offline store of the feature repository {repository.where} could not join",
            cause=f"{type(error).__name__}: {error}".strip()[:500],
            hint="check that the sources of its views are there, and their columns' types",
        ) from error


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    # Some stores of Feast's read relative paths from the working folder.
    with _ONE_AT_A_TIME:
        before = Path.cwd()
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
