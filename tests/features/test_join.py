"""Datasets joined with feature services: each row as of its own time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.written import DEFINITIONS, ROWS, SERVICE, SERVICES, at, write_repository, write_rows
from plimsoll.errors import ConfigError, DataError, GateError
from plimsoll.features import core
from plimsoll.features.core import JoinResult
from plimsoll.formats.dataset import open_dataset, write_dataset
from plimsoll.formats.feature_plan import open_plan
from plimsoll.storage import provenance as witness
from plimsoll.storage.files import digest_tree

Join = Callable[..., JoinResult]


@pytest.fixture
def join(tmp_path: Path) -> Join:
    def made(
        where: Path | str = "", service: str = "", to: str = "joined", **config: Any
    ) -> JoinResult:
        return core.join(
            tmp_path / "rows",
            tmp_path / to,
            tmp_path / f"{to}.html",
            str(where),
            service,
            json.dumps(config),
        )

    return made


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", where)
    return where


def values(joined: JoinResult, *names: str, split: str = "train") -> list[tuple[Any, ...]]:
    table = joined.dataset.read(split, names)
    return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))


FLOATS = {number: pa.scalar(number, pa.float32()).as_py() for number in (0.1, 0.2, 0.3)}
DELAYS = [
    # Before the first; at the first's own time; six hours after, two others having come.
    (None, None),
    (FLOATS[0.1], 1),
    (FLOATS[0.2], 2),
    # The newest has no rate, and a value of before is not taken in its place.
    (None, 3),
    # Past the TTL.
    (None, None),
    # The end of the TTL is in it.
    (FLOATS[0.3], 4),
    (None, None),
    # A key that is not there, and a null.
    (None, None),
    (None, None),
]


def test_a_store_of_feasts_gives_the_same(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", where, "keyed")
    ours = join()
    write_repository(tmp_path / "repo", offline="duckdb")
    theirs = join(to="theirs")
    assert theirs.dataset.id == ours.dataset.id
    assert theirs.notes == ours.notes


def test_rows_have_what_was_known_as_of_their_time(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    before = write_rows(tmp_path / "rows", where)
    made = join()
    assert values(made, "rate", "flights") == DELAYS
    assert values(made, "origin_weather__temp", "icy", "dest_weather__temp", "fuel") == [
        (30.5, True, 70.0, 3.5),
        (30.5, True, 70.0, 3.5),
        (70.0, None, 40.5, 3.75),
        (40.5, False, None, 3.75),
        (40.5, False, 70.0, 3.75),
        (40.5, False, 70.0, 3.75),
        (40.5, False, 70.0, 3.75),
        (40.5, False, 70.0, 3.75),
        (40.5, False, None, 3.75),
    ]
    assert values(made, "hour", "twice")[:2] == [(0, 200.0), (1, 202.0)]
    opened = open_dataset(tmp_path / "joined")
    assert opened.column_names() == (
        *before.column_names(),
        *("rate", "flights", "origin_weather__temp", "icy", "dest_weather__temp", "fuel"),
        *("hour", "twice"),
    )
    for split in ("train", "eval", "test"):
        assert opened.read(split, before.column_names()) == before.read(split)
    assert opened.problem == before.problem
    assert opened.inferred == before.inferred


def test_functions_are_given_times_in_utc_as_a_server_gives_them(
    tmp_path: Path, join: Join
) -> None:
    # Not of a zone of the same name: its text and its arithmetic may differ.
    code = """
from datetime import UTC

def times(inputs):
    return {
        "hour": [None if time is None else int(time.tzinfo is UTC) for time in inputs["time"]],
        "twice": [None if time is None else time.timestamp() for time in inputs["time"]],
    }
"""
    where = write_repository(tmp_path / "repo", on_demand=code)
    dataset = write_rows(tmp_path / "rows", where)
    times = [time.replace(tzinfo=UTC) for time in dataset.read("train", ["time"])[0].to_pylist()]
    assert values(join(), "hour", "twice") == [(1, time.timestamp()) for time in times]


def test_the_dataset_says_what_it_was_joined_with(tmp_path: Path, repo: Path, join: Join) -> None:
    write_rows(tmp_path / "rows")
    made = join(where=repo, service=SERVICE)
    assert made.dataset.feature_plan is not None
    plan = open_plan(made.dataset.feature_plan)
    assert made.dataset.lineage == {
        "sources": ["a file"],
        "features": {
            "service": SERVICE,
            "project": "flights",
            "registry_sha256": plan.registry_sha256,
            "views": ["delays", "origin_weather", "dest_weather", "everywhere", "on_demand"],
        },
    }
    assert plan.columns == made.dataset.column_names()[-8:]
    assert str(tmp_path) not in (tmp_path / "joined" / "manifest.json").read_text()


def test_the_same_again_is_the_same_bytes(tmp_path: Path, repo: Path, join: Join) -> None:
    join()
    moved = tmp_path / "elsewhere"
    shutil.copytree(repo, moved)
    join(where=moved, service=SERVICE, to="again", batch_rows=2)
    assert digest_tree(tmp_path / "joined") == digest_tree(tmp_path / "again")
    page = (tmp_path / "joined.html").read_text()
    assert page == (tmp_path / "again.html").read_text()
    assert str(tmp_path) not in page


def test_notes_say_what_was_joined_and_what_has_no_value(repo: Path, join: Join) -> None:
    notes = join().notes
    assert notes[0] == f"{SERVICE}: 8 features of 5 views joined to 18 rows"
    assert "no rows in test" in notes
    assert "no value: rate 66.7% (only stale ones), flights 55.6% (only stale ones)" in notes[2]
    assert "the repository was never applied; nothing of it is online" in notes


def test_backfills_are_told_or_left_out(repo: Path, join: Join) -> None:
    made = join()
    assert any(note.startswith("delays: 2 of 8 rows have values that were") for note in made.notes)
    made = join(filter_by_created_timestamp=True)
    assert values(made, "flights")[2] == (1,)
    assert not any("written only after" in note for note in made.notes)


def test_an_argument_comes_before_the_problem(repo: Path, join: Join) -> None:
    assert join(service="plain").dataset.column_names()[-1] == "rate"


def test_a_service_of_on_demand_features_alone(tmp_path: Path, join: Join) -> None:
    more = 'alone = FeatureService(name="alone", features=[on_demand])\n'
    where = write_repository(tmp_path / "repo", definitions=DEFINITIONS + SERVICES + more)
    write_rows(tmp_path / "rows", where, "alone")
    assert values(join(), "hour")[-1] == (8,)


def test_the_step_is_reused_while_the_outside_stays(repo: Path, join: Join) -> None:
    seen = join().metadata()[witness.METADATA_KEY]
    assert all(map(witness.is_unchanged, seen))

    def changed(path: Path, text: bytes) -> bool:
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(text)
        held = all(map(witness.is_unchanged, seen))
        path.unlink() if before is None else path.write_bytes(before)
        return not held

    assert changed(repo / "views.py", b"# changed")
    assert changed(repo / "feature_store.yaml", b"# changed")
    assert changed(repo / "data" / "delays.parquet", b"changed")
    assert changed(repo / "more.py", b"# new")
    # What a materialisation writes.
    assert not changed(repo / "data" / "registry.db", b"changed")
    assert all(map(witness.is_unchanged, seen))


def test_several_batches_and_splits(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", where, rows=list(ROWS) * 50, others=("eval", "test"))
    made = join(batch_rows=7)
    for split in ("train", "eval", "test"):
        assert values(made, "rate", "flights", split=split) == DELAYS * 50


def test_rows_of_equal_times_in_a_source_are_told(tmp_path: Path, repo: Path, join: Join) -> None:
    path = repo / "data" / "weather.parquet"
    once = pq.read_table(path)
    pq.write_table(pa.concat_tables([once, once]), path)
    assert any("6 rows of its source are alike" in note for note in join().notes)


def refused(join: Join, error: type[Exception], said: str, **config: Any) -> Any:
    with pytest.raises(error) as caught:
        join(**config)
    assert said in str(caught.value)
    return caught.value


def test_nothing_named_is_told(tmp_path: Path, join: Join) -> None:
    write_rows(tmp_path / "rows")
    assert "features: {repo:" in refused(join, ConfigError, "no feature service to join").hint


def test_no_time_column_is_told(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", problem={"time": ""})
    refused(join, ConfigError, "names no time column", where=where, service=SERVICE)


def with_time(time: datetime | None) -> Sequence[dict[str, Any]]:
    return [*map(dict, ROWS), {**ROWS[0], "time": time}]


def test_rows_without_a_time_are_told(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", where, rows=with_time(None))
    refused(join, DataError, "2 rows have no time")
    write_rows(tmp_path / "rows", where, rows=with_time(at(1)))
    join()


def test_no_rows_at_all_is_told(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    made = write_rows(tmp_path / "rows", where)
    empty = made.read("test")
    tables = dict.fromkeys(("train", "eval", "test"), empty)
    write_dataset(tmp_path / "rows", tables, made.problem, (), {})
    refused(join, DataError, "no rows to join")


def test_a_private_key_is_told_and_never_shown(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    rows = [{**row, "carrier": "SECRET"} for row in ROWS]
    write_rows(tmp_path / "rows", where, rows=rows, problem={"private": ("carrier",)})
    error = refused(join, ConfigError, "'carrier' is the key of the feature view 'delays', and pr")
    assert "SECRET" not in str(error)


def test_a_private_column_is_nowhere(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    rows = [{**row, "who": "SECRET"} for row in ROWS]
    write_rows(tmp_path / "rows", where, rows=rows, problem={"private": ("who",)})
    made = join()
    assert "who" not in made.dataset.column_names()
    for path in (tmp_path / "joined").rglob("*"):
        assert path.is_dir() or b"SECRET" not in path.read_bytes()
    page = (tmp_path / "joined.html").read_text()
    assert "SECRET" not in page + json.dumps(made.metadata())


def test_a_dropped_key_is_used(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", where, problem={"drop": ("carrier", "dest")})
    assert values(join(), "rate", "flights") == DELAYS


def test_a_key_of_another_type_is_told(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    rows = [{**row, "carrier": number * 1.0} for number, row in enumerate(ROWS)]
    write_rows(tmp_path / "rows", where, rows=rows, types={"carrier": pa.float64()})
    error = refused(join, ConfigError, "keyed by 'carrier' as STRING")
    assert "the dataset has it as float" in error.cause


def test_a_feature_that_the_problem_drops_is_joined_and_no_models_input(
    tmp_path: Path, join: Join
) -> None:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", where, problem={"drop": ("rate",)})
    made = join().dataset
    assert "rate" in made.column_names()
    assert "rate" not in {column.name for column in made.feature_columns()}


@pytest.mark.parametrize("role", ["drop", "slices"])
def test_a_name_that_is_neither_a_column_nor_a_feature_is_told(
    tmp_path: Path, join: Join, role: str
) -> None:
    where = write_repository(tmp_path / "repo")
    write_rows(tmp_path / "rows", where, problem={role: ("rates",)})
    error = refused(join, ConfigError, f"{role} names 'rates', which is neither")
    assert error.cause == "did you mean 'rate'?"


def test_a_stale_registry_is_told(repo: Path, join: Join) -> None:
    from plimsoll.feature_store.repository.repository import open_repository

    open_repository(str(repo), repo.parent / "scratch").apply()
    text = (repo / "views.py").read_text()
    (repo / "views.py").write_text(text.replace("hours=6", "hours=7"))
    error = refused(join, GateError, "the feature view 'delays' is not as it is defined")
    assert "apply" in error.hint
    assert values(join(stale_registry="warn"), "flights")[6] == (4,)
    assert any("stale" in note for note in join(stale_registry="warn").notes)


def test_a_source_that_is_gone_is_told(repo: Path, join: Join) -> None:
    (repo / "data" / "weather.parquet").unlink()
    refused(join, DataError, "weather")


def test_a_source_without_a_column_is_told(repo: Path, join: Join) -> None:
    path = repo / "data" / "delays.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["rate"]), path)
    refused(join, DataError, "no column 'rate'")


def test_values_that_are_not_as_declared_are_told(repo: Path, join: Join) -> None:
    path = repo / "data" / "delays.parquet"
    table = pq.read_table(path)
    table = table.set_column(4, "flights", pa.array(["SECRET"] * 4))
    pq.write_table(table, path)
    error = refused(join, DataError, "the feature 'flights' of 'delays' is declared as INT64")
    assert "SECRET" not in str(error)


def test_an_on_demand_function_that_fails_on_rows_is_told(tmp_path: Path, join: Join) -> None:
    code = (
        "def times(inputs):\n"
        "    if 104.0 in inputs['distance']:\n"
        "        raise ValueError('SECRET')\n"
        "    return {'hour': [1] * len(inputs['time']), 'twice': [1.0] * len(inputs['time'])}\n"
    )
    where = write_repository(tmp_path / "repo", on_demand=code)
    write_rows(tmp_path / "rows", where)
    error = refused(join, DataError, "the on-demand feature view 'on_demand' fails: ValueError")
    assert "SECRET" not in str(error)


def test_too_few_values_are_told_with_a_page(tmp_path: Path, repo: Path, join: Join) -> None:
    refused(join, GateError, "rate: 33.3% of train, at least 90.0%", min_coverage={"*": 0.9})
    assert "rate" in (tmp_path / "joined.html").read_text()
    assert not (tmp_path / "joined").exists()
    join(min_coverage={"*": 0.9, **dict.fromkeys(("rate", "flights"), 0.3),
                       "dest_weather__temp": 0.7, "icy": 0.8})  # fmt: skip
    refused(join, ConfigError, "did you mean 'rate'", min_coverage={"rates": 0.9})


def test_a_feature_that_tells_the_label_is_told(tmp_path: Path, join: Join) -> None:
    where = write_repository(tmp_path / "repo")
    rows = [{**row, "late": int(number == 1)} for number, row in enumerate(ROWS)]
    rows = [{**row, "distance": 100.0 + 500 * row["late"]} for row in rows]
    write_rows(tmp_path / "rows", where, rows=rows)
    assert any("SUSPICIOUS, tells the label by itself: " in note for note in join().notes)
    refused(join, GateError, "tells the label by itself", telling="fail")
    assert not any("SUSPICIOUS" in note for note in join(telling="off").notes)


LEAKING = '''
"""A store that answers with the newest values, whenever they came."""

from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig


class NewestOfflineStoreConfig(DuckDBOfflineStoreConfig):
    type: str = "leaking_store.NewestOfflineStore"


class NewestOfflineStore(DuckDBOfflineStore):
    @staticmethod
    def get_historical_features(config, feature_views, feature_refs, entity_df, *args, **kwargs):
        import pandas as pd

        late = entity_df.assign(event_timestamp=pd.Timestamp("2013-01-02", tz="UTC"))
        return DuckDBOfflineStore.get_historical_features(
            config, feature_views, feature_refs, late, *args, **kwargs
        )
'''


def test_a_store_that_leaks_the_future_is_told(
    tmp_path: Path, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "leaking_store.py").write_text(LEAKING)
    monkeypatch.syspath_prepend(tmp_path / "stores")
    where = write_repository(tmp_path / "repo", offline="leaking_store.NewestOfflineStore")
    write_rows(tmp_path / "rows", where, "keyed")
    error = refused(join, GateError, "gave")
    assert "other values than those that were known as of their time" in error.headline
    assert "a row of 2013-01-01T" in error.cause
    assert error.headline in (tmp_path / "joined.html").read_text().replace("&#x27;", "'")


def test_event_times_after_a_row_are_told(
    tmp_path: Path, repo: Path, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plimsoll.feature_store.offline import asof

    join_sql = asof.join_sql
    monkeypatch.setattr(
        asof,
        "join_sql",
        lambda *args: join_sql(*args).replace(
            "make_timestamptz(v.event_us)", "make_timestamptz(v.event_us + 3600000000 * 10)"
        ),
    )
    error = refused(join, GateError, "knows what came after")
    assert "has values of 2013-01-01T" in error.cause
