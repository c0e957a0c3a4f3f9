"""A Feast offline store whose point-in-time joins run at the speed of DuckDB's ASOF JOIN.

In ``feature_store.yaml``, below ``offline_store``:
``type: plimsoll.feature_store.offline.AsofOfflineStore``.
Sources are Parquet or CSV files on this machine. Entity rows are a data frame, an Arrow table, or a
query in DuckDB's SQL, so that they need not fit the memory.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from feast.infra.offline_stores.offline_store import OfflineStore
from feast.repo_config import FeastConfigBaseModel

from plimsoll.errors import DataError
from plimsoll.feature_store.offline import parquet_files
from plimsoll.feature_store.offline.engine import Limits, engine
from plimsoll.feature_store.offline.entity_rows import entity_rows
from plimsoll.feature_store.offline.retrieval import AsofRetrievalJob, PullJob
from plimsoll.feature_store.offline.row_queries import Columns, all_rows, latest_rows
from plimsoll.feature_store.offline.source_tables import SourceTable, open_source
from plimsoll.feature_store.offline.view_joins import check_retrieval, snapshot_query, view_joins
from plimsoll.timestamps import microseconds


class AsofOfflineStoreConfig(FeastConfigBaseModel):
    """What ``offline_store:`` in ``feature_store.yaml`` may say."""

    type: str = "plimsoll.feature_store.offline.AsofOfflineStore"
    """The store's class."""
    memory_limit: str = ""
    """What DuckDB may take, for example ``2GB``; past it, it spills to disk. Empty: four fifths of
    the machine's memory."""
    threads: int = 0
    """How many cores work; 0: all."""
    spill_folder: str = ""
    """Where the folder of what is spilled is made, which is removed; empty: the system's temporary
    folder."""
    batch_rows: int = 1_000_000
    """Entity rows that are joined at once, and so are in memory at once."""

    @property
    def limits(self) -> Limits:
        """The same, checked."""
        return Limits(
            memory_limit=self.memory_limit,
            threads=self.threads,
            spill_folder=self.spill_folder,
            batch_rows=self.batch_rows,
        )


class AsofOfflineStore(OfflineStore):
    """Point-in-time joins, pulls and writes of Feast's file sources over DuckDB."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: Any,
        feature_views: list[Any],
        feature_refs: list[str],
        entity_df: Any,
        registry: Any,
        project: str,
        full_feature_names: bool = False,
        **options: Any,
    ) -> AsofRetrievalJob:
        """Returns the job that joins entity rows with the features as of each row's time.

        Args:
            config: Feast's ``RepoConfig``.
            feature_views: The views that features are asked of, projections applied.
            feature_refs: The features asked for, ``view:feature``.
            entity_df: A pandas data frame, an Arrow table, or a query in DuckDB's SQL; None: one
                row for each entity that has rows between ``start_date`` and ``end_date``, as of
                ``end_date``.
            registry: Feast's registry, which knows the on-demand views.
            project: The project.
            full_feature_names: Whether features are called ``view__feature``.
            **options: ``filter_by_created_timestamp``: whether only rows count that were created
                by the entity row's time. ``start_date``, ``end_date``: without entity rows.

        Raises:
            DataError: if a file, a column or a feature is missing, or types do not fit.
        """
        from feast.on_demand_feature_view import OnDemandFeatureView

        limits = config.offline_store.limits
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        with engine(limits) as connection:
            views = view_joins(
                feature_views,
                feature_refs,
                lambda source: open_source(connection, source, config.repo_path),
                full_names=full_feature_names,
                known_only=bool(options.get("filter_by_created_timestamp")),
            )
        if entity_df is None:
            ends = (options.get("start_date"), options.get("end_date"))
            entity_df = snapshot_query(feature_views, views, *ends)
        rows = entity_rows(entity_df, limits)
        check_retrieval(rows, views, on_demand)
        return AsofRetrievalJob(
            rows=rows,
            views=[view for view in views if view.features],
            limits=limits,
            features=feature_refs,
            on_demand=on_demand,
            full_names=full_feature_names,
            repo_folder=config.repo_path,
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: Any,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime | None,
        end_date: datetime | None,
    ) -> PullJob:
        """Returns the job that reads the newest row of each key in an interval.

        Args:
            config: Feast's ``RepoConfig``.
            data_source: The source.
            join_key_columns: The keys' columns, as the files call them.
            feature_name_columns: The features' columns.
            timestamp_field: The column of event timestamps.
            created_timestamp_column: The column of created timestamps, the greater one wins.
            start_date: The first event timestamp that counts; None: all before.
            end_date: The last one; None: all after. Without a zone: UTC.
        """
        columns = _columns(
            join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        return _pull(config, data_source, latest_rows, columns, (start_date, end_date))

    @staticmethod
    def pull_all_from_table_or_query(
        config: Any,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> PullJob:
        """Returns the job that reads all rows in an interval, in the order of the files.

        The arguments are those of ``pull_latest_from_table_or_query``.
        """
        columns = _columns(
            join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        return _pull(config, data_source, all_rows, columns, (start_date, end_date))

    @staticmethod
    def offline_write_batch(config: Any, feature_view: Any, table: pa.Table, progress: Any) -> None:
        """Appends rows to a view's source: to its file, or as a further file of its folder.

        Args:
            config: Feast's ``RepoConfig``.
            feature_view: The view.
            table: The rows, with the source's columns.
            progress: Called with the number of rows when they are written; may be None.

        Raises:
            DataError: if the columns or their types do not fit.
        """
        if feature_view.batch_source is None:
            raise DataError(
                f"the feature view {feature_view.name!r} has no batch source to write to"
            )
        parquet_files.append(feature_view.batch_source, config.repo_path, table)
        if progress:
            progress(table.num_rows)

    @staticmethod
    def write_logged_features(
        config: Any, data: Any, source: Any, logging_config: Any, registry: Any
    ) -> None:
        """Writes logged features as further files of the destination's folder.

        Args:
            config: Feast's ``RepoConfig``.
            data: An Arrow table, or the path of a Parquet file or folder.
            source: Not used: the rows tell their columns.
            logging_config: Says where the logs are.
            registry: Not used.
        """
        import pyarrow.dataset as ds

        del source, registry
        destination = logging_config.destination
        folder = Path(config.repo_path or ".") / destination.path
        if isinstance(data, pa.Table):
            rows = data.to_batches()
        else:
            rows = ds.dataset(data, format="parquet").to_batches()
        parquet_files.append_log(folder, rows, destination.partition_by)


def _columns(keys: list[str], features: list[str], event: str, created: str | None) -> Columns:
    return Columns(keys=tuple(keys), features=tuple(features), event=event, created=created or "")


def _pull(
    config: Any,
    data_source: Any,
    query: Callable[[SourceTable, Columns, int | None, int | None], str],
    columns: Columns,
    ends: tuple[datetime | None, datetime | None],
) -> PullJob:
    limits = config.offline_store.limits
    with engine(limits) as connection:
        source = open_source(connection, data_source, config.repo_path)
    since, until = (None if end is None else microseconds(end) for end in ends)
    return PullJob(query(source, columns, since, until), limits, config.repo_path)
