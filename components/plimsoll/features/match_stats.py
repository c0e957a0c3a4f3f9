"""How far features reach: which rows found a value, why others did not, and how old values are.

Measured apart from the join, over the same files: of each view the rows that could be found at
all, and for each row of the dataset the newest of its key that was known by then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.feature_store.offline import asof
from plimsoll.feature_store.offline.engine import Limits, engine
from plimsoll.feature_store.offline.source_tables import SourceTable, is_local, open_source
from plimsoll.feature_store.offline.sql_text import listed, microseconds, quoted, text
from plimsoll.feature_store.repository.plans import Join
from plimsoll.features.join import key_columns
from plimsoll.formats.dataset import Dataset
from plimsoll.problem import SPLITS

ENTITY, HISTORY = "plimsoll_rows", "plimsoll_history"
COUNTS = ("rows", "no_key", "unknown", "before", "stale", "matched", "created_after")
AGES = ("age_p50", "age_p90", "age_max")


@dataclass(frozen=True, kw_only=True)
class MatchStats:
    """How far one view reaches the rows of one split."""

    rows: int = 0
    """Rows of the split."""
    no_key: int = 0
    """Those whose key is null."""
    unknown: int = 0
    """Those whose key the source never has."""
    before: int = 0
    """Those whose key the source has only later."""
    stale: int = 0
    """Those whose newest value was older than the TTL."""
    matched: int = 0
    """Those that found one."""
    created_after: int = 0
    """Of those, how many found one that was written only after the row's time."""
    age_p50: int | None = None
    """Row's time less the event timestamp, of rows that found one: the median, microseconds."""
    age_p90: int | None = None
    """Nine of ten rows found one that was no older, microseconds."""
    age_max: int | None = None
    """The oldest, microseconds."""


@dataclass(frozen=True, kw_only=True)
class ViewMatchStats:
    """How far one view reaches."""

    splits: Mapping[str, MatchStats]
    source_rows: int
    """Rows of its source."""
    alike: int
    """Rows of its source that another has the key and both timestamps of."""


def measure(
    dataset: Dataset,
    joins: Sequence[Join],
    time: str,
    repo: Path,
    limits: Limits,
    *,
    created: bool,
) -> dict[str, ViewMatchStats]:
    """Measures each view whose source is files on this machine, by its name in the service.

    Args:
        dataset: The rows.
        joins: The views.
        time: The column of the rows' times.
        repo: The repository, which sources' paths are relative to.
        limits: What DuckDB may take.
        created: Whether values that were written after the row's time are left out.

    Raises:
        DataError: if a source cannot be read.
    """
    stats = {}
    with engine(limits) as connection:
        connection.execute(f"CREATE VIEW {ENTITY} AS {_entity(dataset, joins, time)}")
        for join in joins:
            if is_local(join.feast.batch_source):
                source = open_source(connection, join.feast.batch_source, repo)
                stats[join.name] = _measure_view(connection, join, source, created=created)
    return stats


def view_join(join: Join, source: SourceTable, *, created: bool) -> asof.ViewJoin:
    """Returns a view's join without features, for whose rows were found.

    Args:
        join: The view.
        source: Its rows.
        created: Whether values that were written after the row's time are left out.
    """
    feast = join.feast.batch_source
    stamped = feast.created_timestamp_column
    column = source.column(stamped, "created timestamp") if stamped else ""
    return asof.ViewJoin(
        name=join.name,
        source=source,
        keys=tuple(
            (key.column, source.column(key.join_key, "entity key"))
            for key in join.view.keys
            if key.column
        ),
        features=(("created", column),) if column else (),
        event=source.column(feast.timestamp_field, "event timestamp"),
        created=column,
        known_only=created,
    )


def _measure_view(
    connection: Any, join: Join, source: SourceTable, *, created: bool
) -> ViewMatchStats:
    view = view_join(join, source, created=created)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {HISTORY} AS {asof.history_sql(view)}")
    rows = connection.execute(_query(join, view)).fetchall()
    names = (*COUNTS, *AGES)
    splits = {split: MatchStats() for split in SPLITS}
    for row in rows:
        split, *values = row
        splits[split] = MatchStats(**dict(zip(names, values, strict=True)))
    keys = listed(raw for raw in (source.raw[column] for _, column in view.keys))
    stamps = [source.microseconds(view.event)]
    stamps += [source.microseconds(view.created)] if view.created else []
    by = ", ".join(filter(None, [keys, *stamps]))
    alike = f"SELECT count(*) AS n FROM {source.scan} GROUP BY {by}"
    count, twice = connection.execute(
        f"SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (n > 1), 0) FROM ({alike})"
    ).fetchone()
    return ViewMatchStats(splits=splits, source_rows=int(count), alike=int(twice))


def _query(join: Join, view: asof.ViewJoin) -> str:
    """Returns the query of the counts of each split; ages are in microseconds."""
    keys = [(quoted(column), f"key_{number}") for number, (column, _) in enumerate(view.keys)]
    same = " AND ".join(f"e.{column} = v.{key}" for column, key in keys)
    null = " OR ".join(f"e.{column} IS NULL" for column, _ in keys) or "false"
    known = " AND ".join(f"e.{column} = k.{key}" for column, key in keys) or "true"
    everyone = (
        f"(SELECT DISTINCT {', '.join(key for _, key in keys) or '1 AS key_0'} FROM {HISTORY})"
    )
    age = f"e.{asof.TIME} - v.{asof.EVENT}"
    ttl = join.view.ttl_us
    late = f"{age} > {ttl}" if ttl else "false"
    after = "false"
    if view.created:
        kind = view.source.kinds[view.created]
        after = f"{microseconds('v.value_0', kind)} > e.{asof.TIME}"
    rows = (
        f"SELECT e.split, {age} AS age, {null} AS no_key, k.key_0 "
        f"IS NOT NULL AS known, v.{asof.EVENT} IS NOT NULL AS there, "
        f"coalesce({late}, false) AS late, coalesce({after}, false) AS after "
        f"FROM {ENTITY} AS e ASOF LEFT JOIN {HISTORY} AS v "
        f"ON {' AND '.join(filter(None, [same, f'e.{asof.TIME} >= v.{asof.FROM}']))} "
        f"LEFT JOIN {everyone} AS k ON {known}"
    )
    fresh = "there AND NOT late"
    counts = [
        "count(*)",
        "count(*) FILTER (no_key)",
        "count(*) FILTER (NOT no_key AND NOT known)",
        "count(*) FILTER (NOT no_key AND known AND NOT there)",
        "count(*) FILTER (there AND late)",
        f"count(*) FILTER ({fresh})",
        f"count(*) FILTER ({fresh} AND after)",
        *(f"quantile_disc(age, {share}) FILTER ({fresh})" for share in (0.5, 0.9)),
        f"max(age) FILTER ({fresh})",
    ]
    return f"SELECT split, {', '.join(counts)} FROM ({rows}) GROUP BY split"


def _entity(dataset: Dataset, joins: Sequence[Join], time: str) -> str:
    names = [quoted(name) for name in key_columns(joins)]
    return " UNION ALL ".join(_shards(dataset, names, quoted(time)))


def _shards(dataset: Dataset, keys: Sequence[str], time: str) -> Iterator[str]:
    for split in SPLITS:
        for shard in dataset.splits[split]:
            path = str((dataset.folder / shard.path).resolve())
            yield (
                f"SELECT {', '.join([*keys, f'{text(split)} AS split'])}, "
                f"epoch_us({time}) AS {asof.TIME} FROM read_parquet({text(path)})"
            )
