"""What is measured of a join: coverage, why values lack, ages, what tells the label; the knobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.written import SERVICE, write_repository, write_rows
from plimsoll.errors import ConfigError
from plimsoll.feature_store.offline.engine import Limits
from plimsoll.feature_store.repository.plans import plan_of
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.features import config as configs
from plimsoll.features.coverage import Coverage, drift_notes, reasons, total_stats
from plimsoll.features.leakage import LabelSample, leaking_features
from plimsoll.features.match_stats import MatchStats, measure
from plimsoll.quantities import time_span

HOUR = 3_600_000_000


def test_reach_counts_every_row_once(tmp_path: Path) -> None:
    where = write_repository(tmp_path / "repo")
    dataset = write_rows(tmp_path / "rows", where)
    repository = open_repository(str(where), tmp_path / "scratch")
    joins = plan_of(repository, SERVICE, "time").joins
    found = measure(dataset, joins, "time", where, Limits(), created=False)
    assert found["delays"].splits["train"] == MatchStats(
        rows=9,
        no_key=1,
        unknown=1,
        before=1,
        stale=2,
        matched=4,
        created_after=1,
        age_p50=HOUR,
        age_p90=6 * HOUR,
        age_max=6 * HOUR,
    )
    assert found["delays"].splits["test"] == MatchStats()
    assert (found["delays"].source_rows, found["delays"].alike) == (4, 0)
    dest = found["dest_weather"].splits["eval"]
    assert (dest.rows, dest.no_key, dest.unknown, dest.matched) == (9, 1, 1, 7)
    assert found["everywhere"].splits["train"].matched == 9
    for stats in found.values():
        total = total_stats(stats.splits)
        told = total.no_key + total.unknown + total.before + total.stale + total.matched
        assert told == total.rows == 18
    known = measure(dataset, joins, "time", where, Limits(), created=True)
    assert known["delays"].splits["train"].created_after == 0


def test_why_rows_have_no_value() -> None:
    stats = MatchStats(rows=10, no_key=1, unknown=2, before=0, stale=3, matched=4)
    assert reasons(7, stats) == {
        "only stale ones": 3,
        "no row of that key": 2,
        "the key is null": 1,
        "the value is null": 1,
    }
    assert reasons(7, None) == {}


def test_coverage_that_drifts_is_told() -> None:
    coverage = Coverage(features=("a", "b"))
    for split, values in (("train", 150), ("eval", 150), ("test", 75)):
        batch = pa.record_batch(
            {"a": [1] * 200, "b": [1] * values + [None] * (200 - values)},
        )
        coverage.add(split, batch)
    assert coverage.share("b", "test") == 0.375
    assert coverage.total("a") == 1
    assert drift_notes(coverage, 0.1) == [
        "coverage differs between splits: b 75.0% in train, 37.5% in test"
    ]
    assert drift_notes(coverage, 0.4) == []


def strengths(task: str, label: list[Any], **features: list[Any]) -> Mapping[str, float]:
    sample = LabelSample(len(label), "label", tuple(features))
    batch = pa.record_batch({"label": label, **features})
    for start in range(0, len(label), 7):
        sample.add(batch.slice(start, 7))
    return sample.strengths(task)


def test_what_tells_the_label_is_measured() -> None:
    label = [0, 1] * 100
    found = strengths(
        "binary",
        label,
        same=[float(item) for item in label],
        turned=[-item for item in label],
        texts=["late" if item else "on time" for item in label],
        flags=[bool(item) for item in label],
        names=[f"{number}" for number in range(200)],
        half=[item if number < 100 else None for number, item in enumerate(label)],
        noise=[number % 4 < 2 for number in range(200)],
        nothing=[None] * 200,
        one=[1] * 200,
    )
    exact = dict.fromkeys(("same", "turned", "texts", "flags", "half"), 1.0)
    assert found == {**exact, "names": 0.5, "noise": 0.5}
    assert [item.feature for item in leaking_features(found, 0.9)] == sorted(exact)
    assert strengths("multiclass", ["a", "b", "c"] * 30, x=[0, 1, 2] * 30) == {"x": 1.0}
    assert strengths("regression", [1.0, 2.0, 3.0], x=[9, 8, 1], t=["a", "b", "c"]) == {
        "x": 1.0,
        "t": 0.5,
    }
    assert LabelSample(0, "label", ("x",)).strengths("binary") == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40))
def test_an_area_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int]]) -> None:
    label, values = [item for item, _ in rows], [value for _, value in rows]
    found = strengths("binary", [int(item) for item in label], x=values)
    if len(set(values)) < 2:
        assert found == {}
        return
    pairs = [
        float(up > down) + (up == down) / 2
        for is_up, up in rows
        if is_up
        for is_down, down in rows
        if not is_down
    ]
    area = float(np.mean(pairs)) if pairs else 0.5
    assert found["x"] == pytest.approx(max(area, 1 - area))


@pytest.mark.parametrize(
    ("us", "told"),
    [
        (None, "none"),
        (0, "0 s"),
        (7, "7 µs"),
        (1_500_000, "1.5 s"),
        (HOUR, "1 h"),
        (36 * HOUR, "1.5 d"),
    ],
)
def test_durations_are_told_in_the_unit_that_suits(us: int | None, told: str) -> None:
    assert time_span(us) == told


def test_one_number_is_meant_for_every_feature() -> None:
    asked = configs.parse('{"min_coverage": 0.5}')
    assert asked.least_coverage("any") == 0.5
    asked = configs.parse('{"min_coverage": {"*": 0.5, "temp": 0.9}}')
    assert (asked.least_coverage("any"), asked.least_coverage("temp")) == (0.5, 0.9)
    assert configs.parse("").least_coverage("any") == 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"min_coverag": 1}, "did you mean 'min_coverage'"),
        ({"min_coverage": {"a": 2}}, "min_coverage.a must be a number from 0 to 1"),
        ({"min_coverage": "all"}, "min_coverage must be a mapping of features to shares"),
        ({"telling": "stop"}, "telling is 'stop'"),
        ({"telling_from": 0.2}, "telling_from must be a number from 0.5 to 1"),
        ({"stale_registry": "war"}, "did you mean 'warn'"),
        ({"coverage_drift": True}, "coverage_drift must be"),
        ({"filter_by_created_timestamp": "yes"}, "must be true or false"),
        ({"batch_rows": 0}, "batch_rows must be a whole number"),
        ({"memory_limit": "much"}, "memory_limit must be a size"),
        ({"yaml": "../other.yaml"}, "yaml must be the name of a file"),
    ],
)
def test_a_config_that_does_not_hold_is_told(values: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configs.parse(json.dumps(values))
    assert said in str(caught.value)
