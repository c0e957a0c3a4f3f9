"""The one place that calls TensorFlow Data Validation: statistics, inference, validation.

Written for 1.16; what its internals change in a later version is met here and nowhere else.
Importing the library takes seconds and hundreds of MB, so it happens at the first call.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import pyarrow as pa

from plimsoll.errors import DataError

QUANTILES = 20
QUANTILES_WHEN_WIDE = 10
WIDE = 100
"""With more columns than this there are fewer quantiles, which cost the most time of all."""
EXACT_VALUES = 1 << 14
"""Up to so many different values of a text column are counted exactly; past it, estimated."""
MOST_COUNTED = 1000
"""The most frequent values of a column whose counts are kept."""
TOP_VALUES = 20
MOST_DOMAIN_VALUES = 100
"""A text column with more distinct values than this gets no domain."""


@dataclass(frozen=True)
class Finding:
    """One thing that TFDV holds against a column, or against the data set if ``column`` is empty.

    ``kind`` is the name of its ``AnomalyInfo.Type``.
    """

    column: str
    kind: str
    headline: str
    description: str


def load() -> ModuleType:
    """Imports TFDV, without the chatter of the packages below it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_data_validation
        from tensorflow_data_validation.statistics import stats_impl  # noqa: F401

    module: ModuleType = tensorflow_data_validation
    return module


class Statistician:
    """TFDV's generators of statistics, for one kind of rows.

    What they make of some rows is a *partial*: a list, opaque to others, of which two become one.

    Args:
        columns: How many columns there are.
        categorical: Columns of whole numbers that are names rather than amounts.
        weight: Column of the rows' weights; empty: rows count alike.
    """

    def __init__(self, columns: int, categorical: tuple[str, ...], weight: str) -> None:
        load()
        quantiles = QUANTILES if columns <= WIDE else QUANTILES_WHEN_WIDE
        self._generators = _generators(quantiles, categorical, weight)
        self._categorical = categorical
        self._weight = weight

    def start(self) -> list[Any]:
        """Returns the partial of no rows."""
        return [generator.create_accumulator() for generator in self._generators]

    def add(self, partial: list[Any], batch: pa.RecordBatch) -> list[Any]:
        """Adds rows to a partial; each column is a list array of one value or null a row."""
        if self._categorical and not partial[0]:
            self._count_lengths(partial[0], batch)
        return [
            generator.add_input(state, batch)
            for generator, state in zip(self._generators, partial, strict=True)
        ]

    def compacted(self, partial: list[Any]) -> list[Any]:
        """Returns a partial in fewer bytes; more rows may be added."""
        return [
            generator.compact(state)
            for generator, state in zip(self._generators, partial, strict=True)
        ]

    def merged(self, first: list[Any], second: list[Any]) -> list[Any]:
        """Returns the partial of the rows of both; both are used up."""
        return [
            generator.merge_accumulators([one, other])
            for generator, one, other in zip(self._generators, first, second, strict=True)
        ]

    def _count_lengths(self, basic: Any, batch: pa.RecordBatch) -> None:
        from tensorflow_data_validation import types

        # Of no rows, so that the columns are there, in their order.
        self._generators[0].add_input(basic, batch.slice(0, 0))
        for name in self._categorical:
            basic[types.FeaturePath([name])].string_stats = _WrittenLengths()

    def finish(self, partial: list[Any], slices: Mapping[str, list[Any]] | None = None) -> Any:
        """Returns the ``DatasetFeatureStatisticsList`` of a partial, and of its slices after it.

        Args:
            partial: That of all rows.
            slices: Name -> the partial of some of the rows. With any, the first data set of the
                list is named as TFDV names the whole.
        """
        from tensorflow_data_validation import constants

        statistics = self._extracted(partial)
        for name, part in (slices or {}).items():
            statistics.datasets[0].name = constants.DEFAULT_SLICE_KEY
            made = self._extracted(part)
            if made.datasets:
                made.datasets[0].name = name
                statistics.datasets.append(made.datasets[0])
        return without_ties(statistics)

    def _extracted(self, partial: list[Any]) -> Any:
        from tensorflow_data_validation.statistics import stats_impl

        try:
            return stats_impl.extract_statistics_output(partial, self._generators)
        except AssertionError as error:
            # There is no median of values that all weigh nothing.
            if not self._weight:
                raise
            raise DataError(
                f"the weights in column {self._weight!r} cannot be used",
                cause="all rows that have a value of some column weigh 0",
                hint="correct the column, or measure without weights",
            ) from error


@cache
def statistician(columns: int, categorical: tuple[str, ...], weight: str) -> Statistician:
    """Returns the one statistician of this process for such rows."""
    return Statistician(columns, categorical, weight)


class _WrittenLengths:
    """How long whole numbers are as texts, each different one written out once.

    It stands in for what TFDV keeps of a column of names, which writes out that of every row.
    """

    def __init__(self) -> None:
        self.total_bytes_length = 0
        self.invalid_utf8_count = 0

    def update(self, lists: pa.ListArray) -> None:
        """Adds rows."""
        values, rows = lists.flatten().value_counts().flatten()
        for value, count in zip(values.to_pylist(), rows.to_pylist(), strict=True):
            self.total_bytes_length += len(str(value)) * count

    def __iadd__(self, other: _WrittenLengths) -> _WrittenLengths:
        self.total_bytes_length += other.total_bytes_length
        return self


def without_ties(statistics: Any) -> Any:
    """Returns statistics without the counts that another run might have kept in place of others.

    Past ``EXACT_VALUES`` different values, the sketch drops some of equal counts in an order that
    changes from process to process. Those tied for the last place are left out.
    """
    for dataset in statistics.datasets:
        for feature in dataset.features:
            texts = feature.string_stats
            if texts.unique > EXACT_VALUES:
                _drop_last_ties(texts)
                _drop_last_ties(texts.weighted_string_stats)
    return statistics


def _drop_last_ties(texts: Any) -> None:
    ranks = texts.rank_histogram.buckets
    if len(ranks) < MOST_COUNTED:
        return
    last = min(bucket.sample_count for bucket in ranks)
    while ranks and ranks[-1].sample_count <= last:
        del ranks[-1]
    while texts.top_values and texts.top_values[-1].frequency <= last:
        del texts.top_values[-1]


def whole_of(statistics: Any) -> Any:
    """Returns statistics without their slices."""
    if len(statistics.datasets) < 2:
        return statistics
    whole = type(statistics)()
    whole.datasets.append(statistics.datasets[0])
    return whole


def infer_schema(statistics: Any) -> Any:
    """Returns the ``Schema`` that TFDV infers from a split's statistics."""
    return load().infer_schema(
        whole_of(statistics), infer_feature_shape=False, max_string_domain_size=MOST_DOMAIN_VALUES
    )


def validate(statistics: Any, schema: Any, environment: str) -> list[Finding]:
    """Returns what TFDV holds against statistics under a schema, sorted by column.

    Args:
        statistics: A split's ``DatasetFeatureStatisticsList``.
        schema: A ``Schema``.
        environment: One that the schema names; empty: none.
    """
    anomalies = load().validate_statistics(whole_of(statistics), schema, environment or None)
    findings = [
        Finding(
            ".".join(info.path.step) or key,
            info.Type.Name(reason.type),
            reason.short_description.strip().rstrip(":"),
            reason.description.strip(),
        )
        for key, info in anomalies.anomaly_info.items()
        for reason in info.reason
    ]
    whole = anomalies.dataset_anomaly_info
    findings += [
        Finding("", whole.Type.Name(reason.type), reason.short_description, reason.description)
        for reason in whole.reason
    ]
    return sorted(findings, key=lambda item: (item.column, item.kind, item.description))


def _generators(quantiles: int, categorical: Sequence[str], weight: str) -> list[Any]:
    """Returns TFDV's default generators, the one that counts values made exact for longer."""
    from tensorflow_data_validation.statistics.generators import (
        basic_stats_generator,
        top_k_uniques_sketch_stats_generator,
    )
    from tensorflow_data_validation.utils.example_weight_map import ExampleWeightMap

    weights = ExampleWeightMap(weight_feature=weight or None)
    schema = _categorical_schema(categorical) if categorical else None
    return [
        basic_stats_generator.BasicStatsGenerator(
            schema=schema,
            example_weight_map=weights,
            num_values_histogram_buckets=2,
            num_quantiles_histogram_buckets=quantiles,
        ),
        top_k_uniques_sketch_stats_generator.TopKUniquesSketchStatsGenerator(
            schema=schema,
            example_weight_map=weights,
            num_top_values=TOP_VALUES,
            num_rank_histogram_buckets=MOST_COUNTED,
            num_misragries_buckets=EXACT_VALUES,
            num_kmv_buckets=EXACT_VALUES,
            # Lengths of texts that only Beam's counters would show cost seconds.
            length_counter_sampling_rate=0.0,
        ),
    ]


def _categorical_schema(columns: Sequence[str]) -> Any:
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = schema_pb2.Schema()
    for name in columns:
        feature = schema.feature.add(name=name, type=schema_pb2.INT)
        feature.int_domain.is_categorical = True
    return schema
