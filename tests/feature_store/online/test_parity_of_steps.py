"""A dataset that the features step made holds what the server looks up for the same rows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store import defined_repository
from feature_store.histories import History, histories
from feature_store.made_repository import SERVICE, TIME, moment, questions
from feature_store.online.online_sides import PATIENT, SqliteSide, materialize
from plimsoll import problem
from plimsoll.features.core import join
from plimsoll.formats.dataset import ARROW_TYPES, Dataset, write_dataset
from plimsoll.formats.feature_plan import open_plan
from plimsoll.problem import SPLITS
from plimsoll.serving.features.lookup import FeatureLookup
from plimsoll.serving.online.stores import open_reader

COLUMNS = {
    "text": "string",
    "long": "int",
    "short": "int",
    "other_text": "string",
    "weight": "float",
    TIME: "timestamp",
    "label": "int",
}


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(history=histories(), weight=st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_dataset_with_features_is_what_the_server_looks_up(
    history: History, weight: float | None
) -> None:
    at = history.times[-1]
    rows = [
        {**row, "weight": weight, "label": place % 2, TIME: moment(row[TIME])}
        for place, row in enumerate(questions([at]))
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repo = folder / "repo"
        repo.mkdir()
        defined_repository.write(repo, history, SqliteSide(folder / "online.db").settings, "steps")
        materialize(repo, at)
        made = join(
            _dataset(folder / "dataset", rows), folder / "joined", folder / "report.html",
            str(repo), SERVICE, '{"telling": "off", "batch_rows": 4}',
        ).dataset  # fmt: skip
        assert _looked_up(made, repo, rows) == _kept(made)


def _dataset(folder: Path, rows: list[dict[str, Any]]) -> Path:
    tables = {
        split: pa.table(
            {
                name: pa.array([row[name] for row in rows[place::3]]).cast(ARROW_TYPES[kind])
                for name, kind in COLUMNS.items()
            }
        )
        for place, split in enumerate(SPLITS)
    }
    asked = problem.Problem(label="label", task="binary", positive="1", time=TIME)
    write_dataset(folder, tables, asked, (), {})
    return folder


def _looked_up(made: Dataset, repo: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert made.feature_plan is not None
    plan = open_plan(made.feature_plan)
    assert "told" in plan.columns
    types = {column.name: column.type for column in made.columns}
    reader = open_reader(str(repo), plan, 60)
    lookup = FeatureLookup(plan, reader, folder=made.feature_plan, types=types, config=PATIENT)
    asked = [{**row, TIME: row[TIME].isoformat()} for place in range(3) for row in rows[place::3]]
    try:
        # As a request brings them.
        found = lookup.rows(json.loads(json.dumps(asked)))
    finally:
        lookup.close()
    return [{name: row[name] for name in plan.columns} for row in found]


def _kept(made: Dataset) -> list[dict[str, Any]]:
    assert made.feature_plan is not None
    names = open_plan(made.feature_plan).columns
    rows = [row for split in SPLITS for row in made.read(split, names).to_pylist()]
    return [{name: _told(value) for name, value in row.items()} for row in rows]


def _told(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
