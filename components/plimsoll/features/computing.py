"""Joined rows become the dataset's: features of their declared types, on-demand ones computed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError
from plimsoll.feature_store.repository.plans import ServicePlan
from plimsoll.feature_store.types import as_declared, column_type
from plimsoll.features.row_stream import RowStream
from plimsoll.formats.dataset import ARROW_TYPES, Dataset
from plimsoll.formats.feature_plan import Feature, OnDemand
from plimsoll.formats.plan_functions import load_function
from plimsoll.problem import SPLITS
from plimsoll.timestamps import timestamp_of


@dataclass(frozen=True)
class OnDemandFunction:
    """An on-demand view with its function."""

    part: OnDemand
    call: Callable[[dict[str, list[Any]]], Mapping[str, Any]]


class FeatureAppender:
    """Adds features to the dataset's batches."""

    def __init__(self, dataset: Dataset, planned: ServicePlan) -> None:
        self._dataset = dataset
        self._joins = planned.joins
        self._features = list(planned.plan.features())
        self._computed = [
            OnDemandFunction(part, load_function(planned.files[part.file], part.function))
            for part in planned.plan.on_demand
        ]

    @property
    def schema(self) -> pa.Schema:
        """The dataset's columns, and the features behind them."""
        names = self._dataset.column_names()
        types = [ARROW_TYPES[self._dataset.type_of(name)] for name in names]
        kept = list(zip(names, types, strict=True))
        return pa.schema(
            [*kept, *((item.column, column_type(item.type)) for item in self._features)]
        )

    def batches(
        self, joined: Iterable[pa.RecordBatch], batch_rows: int
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yields split and rows with their features, in the dataset's order.

        Args:
            joined: The offline store's answer, a row for each row of the dataset, in order.
            batch_rows: Rows of a batch of the dataset.
        """
        answers = RowStream(joined)
        for split in SPLITS:
            for batch in self._dataset.batches(split, batch_rows=batch_rows):
                if batch.num_rows:
                    yield split, self._with_features(batch, answers.next(batch.num_rows))

    def _with_features(self, batch: pa.RecordBatch, answer: pa.Table) -> pa.RecordBatch:
        columns = {name: batch.column(index) for index, name in enumerate(batch.schema.names)}
        for join in self._joins:
            for item, (output, column) in zip(
                join.view.features, join.outputs.items(), strict=True
            ):
                what = f"the feature {item.name!r} of {join.name!r}"
                columns[column] = as_declared(answer.column(output), item.type, what)
        plain: dict[str, list[Any]] = {}
        for computed in self._computed:
            # Views take the same columns, and making values of Python's is slow.
            plain |= {
                name: _plain(columns[name]) for name in computed.part.inputs if name not in plain
            }
            columns |= _computed(computed, plain, batch.num_rows)
        return pa.RecordBatch.from_arrays(
            [columns[field.name] for field in self.schema], schema=self.schema
        )


def _computed(
    computed: OnDemandFunction, plain: Mapping[str, list[Any]], rows: int
) -> dict[str, pa.Array]:
    """Runs an on-demand function on a batch, as a server does on a request."""
    part = computed.part
    batch = {name: list(plain[name]) for name in part.inputs}
    try:
        answer = computed.call(batch)
    except Exception as error:  # the repository's code, whose errors may be any
        raise DataError(
            f"the on-demand feature view {part.name!r} fails: {type(error).__name__}",
            # Its message may hold values.
            cause=f"in {part.file}, function {part.function}, on {rows:,} rows",
            hint="values may be None where a row has none: let the function pass them on",
        ) from error
    return {item.column: _declared(answer, item, part, rows) for item in part.features}


def _declared(answer: Mapping[str, Any], item: Feature, part: OnDemand, rows: int) -> pa.Array:
    what = f"the on-demand feature {item.name!r} of {part.name!r}"
    values = answer.get(item.name)
    if values is None or len(values) != rows:
        count = "none" if values is None else f"{len(values):,}"
        raise DataError(f"{what}: {count} values came for {rows:,} rows")
    try:
        return as_declared(pa.array(list(values), from_pandas=True), item.type, what)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"{what} has values of several types", hint=f"return {item.type} or None"
        ) from error


def _plain(column: pa.Array) -> list[Any]:
    """Returns values as requests give them: None for no value, times as datetimes in UTC."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if pa.types.is_timestamp(column.type):
        # Arrow's own datetimes take seven times as long, and name UTC in another way.
        numbers = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
        return [None if us is None else timestamp_of(us) for us in numbers]
    return list(column.to_pylist())
