"""Our statistics are TFDV's own, wherever both say something."""

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from plimsoll.validate.statistics import tfdv as validator
from plimsoll.validate.statistics.arrays import encoding_of
from validate.statistics.batches import measure_batches

ROWS = 3000


def table():
    random = np.random.default_rng(11)
    x = random.normal(10, 2, ROWS)
    x[7] = 1e8
    return pa.table(
        {
            "x": pa.array(x, mask=random.random(ROWS) < 0.1),
            "zeros": pa.array(np.zeros(ROWS)),
            "n": pa.array(random.integers(-50, 50, ROWS)),
            "kind": pa.array([f"k{value}" for value in random.integers(0, 30, ROWS)]),
            "gaps": pa.array([None if row % 5 else f"é{row % 7}" for row in range(ROWS)]),
            # TFDV by itself estimates from a thousand values on; ours counts them.
            "many": pa.array([f"m{value}" for value in random.integers(0, 900, ROWS)]),
            "w": pa.array(random.random(ROWS)),
            "y": pa.array(random.integers(0, 12, ROWS)),
        }
    )


def ours(rows, weight=""):
    encodings = {
        name: encoding_of({"double": "float", "int64": "int"}.get(str(kind), "string"))
        for name, kind in zip(rows.column_names, rows.schema.types, strict=True)
    }
    found = measure_batches(rows.to_batches(), encodings, ["y"], weight=weight)
    return found.statistics.datasets[0]


def theirs(rows, weight=None):
    tfdv = validator.load()
    schema = schema_pb2.Schema()
    feature = schema.feature.add(name="y", type=schema_pb2.INT)
    feature.int_domain.is_categorical = True
    options = tfdv.StatsOptions(
        schema=schema,
        weight_feature=weight,
        num_top_values=validator.TOP_VALUES,
        num_rank_histogram_buckets=validator.MOST_COUNTED,
        num_values_histogram_buckets=2,
        num_quantiles_histogram_buckets=validator.QUANTILES,
    )
    return tfdv.generate_statistics_from_dataframe(rows.to_pandas(), options).datasets[0]


@pytest.mark.parametrize("weight", ["", "w"])
def test_the_proto_is_tfdvs(weight):
    mine, its = ours(table(), weight), theirs(table(), weight or None)
    assert mine.num_examples == its.num_examples == ROWS
    assert mine.weighted_num_examples == its.weighted_num_examples
    by_name = {feature.path.step[0]: feature for feature in its.features}
    assert [feature.path.step[0] for feature in mine.features] == table().column_names
    for feature in mine.features:
        other = by_name[feature.path.step[0]]
        assert feature.type == other.type
        assert feature == other, feature.path.step[0]


def test_values_past_those_that_tfdv_counts_are_counted():
    random = np.random.default_rng(3)
    values = pa.array([f"m{value}" for value in random.integers(0, 2000, ROWS)])
    counted = {item["values"]: item["counts"] for item in values.value_counts().to_pylist()}
    found = measure_batches(
        pa.table({"many": values}).to_batches(), {"many": encoding_of("string")}
    )
    summary = found.summaries["many"]
    assert summary.distinct == len(counted)
    assert all(counted[value] == rows for value, rows in summary.counts)
    most = sorted(counted.values(), reverse=True)[: validator.MOST_COUNTED]
    assert [rows for _, rows in summary.counts] == most


def test_of_more_values_than_are_counted_the_frequent_ones_are_right():
    random = np.random.default_rng(4)
    values = pa.array([f"m{value}" for value in np.minimum(random.zipf(1.2, 400_000), 10**7)])
    counted = {item["values"]: item["counts"] for item in values.value_counts().to_pylist()}
    assert len(counted) > 2 * validator.EXACT_VALUES
    found = measure_batches(
        pa.table({"many": values}).to_batches(), {"many": encoding_of("string")}
    )
    summary = found.summaries["many"]
    assert summary.distinct == pytest.approx(len(counted), rel=0.03)
    for value, rows in summary.counts[:500]:
        # A Misra-Gries sketch errs by at most the rows over its buckets.
        assert abs(rows - counted[value]) <= len(values) / validator.EXACT_VALUES
    assert [value for value, _ in summary.counts[:20]] == [
        value for value, _ in sorted(counted.items(), key=lambda item: -item[1])[:20]
    ]
