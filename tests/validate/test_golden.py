"""Statistics and anomalies are those of TFDV 1.16.1, whichever version runs this."""

import json
import math

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from validate.golden_data import GOLDEN, written

ADDED_UP = {"mean", "std_dev"}
"""Sums of floats, which numpy adds in an order that depends on its version and the processor."""


@pytest.fixture(scope="module")
def now(tmp_path_factory):
    return written(tmp_path_factory.mktemp("golden"))


def kept(name: str) -> str:
    return (GOLDEN / name).read_text("utf-8")


def without_sums(text: str) -> tuple[str, list[tuple[float, float]]]:
    """Returns statistics without means and standard deviations, and these beside it."""
    statistics = text_format.Parse(text, statistics_pb2.DatasetFeatureStatisticsList())
    sums = []
    for dataset in statistics.datasets:
        for feature in dataset.features:
            for numbers in (feature.num_stats, feature.num_stats.weighted_numeric_stats):
                sums.append((numbers.mean, numbers.std_dev))
                for name in ADDED_UP:
                    numbers.ClearField(name)
    return text_format.MessageToString(statistics, as_utf8=True), sums


@pytest.mark.parametrize("name", ["first.pbtxt", "later.pbtxt", "weighted.pbtxt"])
def test_statistics_are_the_same(now, name):
    (made, made_sums), (golden, golden_sums) = without_sums(now[name]), without_sums(kept(name))
    assert made == golden
    assert len(made_sums) == len(golden_sums) > 10
    for (mean, deviation), (golden_mean, golden_deviation) in zip(
        made_sums, golden_sums, strict=True
    ):
        # A mean near 0 of wide values keeps few digits of its own.
        assert math.isclose(mean, golden_mean, rel_tol=1e-12, abs_tol=1e-12 * golden_deviation)
        assert math.isclose(deviation, golden_deviation, rel_tol=1e-12)


def test_the_inferred_schema_is_the_same(now):
    assert text_format.Parse(now["schema.pbtxt"], schema_pb2.Schema()) == text_format.Parse(
        kept("schema.pbtxt"), schema_pb2.Schema()
    )


@pytest.mark.parametrize("name", ["findings.json", "anomalies.json"])
def test_what_is_found_is_the_same(now, name):
    golden = json.loads(kept(name))
    assert len(golden) > 10
    assert json.loads(now[name]) == golden
