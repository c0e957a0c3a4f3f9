"""Whether the offline store gave rows what was known as of their time, and nothing later.

Our own store tells the event timestamp of each row that it found. Another store's answers are
compared with ours: it joins the same rows a second time.
"""

import dataclasses
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.errors import DataError, GateError
from plimsoll.feature_store.offline.source_tables import is_local
from plimsoll.feature_store.repository.plans import Join, ServicePlan
from plimsoll.feature_store.types import as_declared
from plimsoll.features.join import TIME, JoinRequest, is_own_store, own_batches
from plimsoll.features.row_stream import RowStream
from plimsoll.formats.dataset import Dataset

EVENT = "{view}__event_timestamp"


@dataclass(frozen=True)
class WrongRows:
    """Rows of the dataset that a view gave what it should not have."""

    rows: int = 0
    example: str = ""


class PointInTimeCheck:
    """Looks at an offline store's answers as they pass."""

    def __init__(self, dataset: Dataset, planned: ServicePlan, request: JoinRequest) -> None:
        self._dataset = dataset
        self._time = planned.plan.time
        self._request = request
        self.late: dict[str, WrongRows] = {}
        """View -> rows whose values are of after their time."""
        self.other: dict[str, WrongRows] = {}
        """View -> rows whose values are not those as of their time."""
        self.unchecked: tuple[str, ...] = ()
        """Views whose answers could not be looked at."""

    def checked(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Passes the answers on."""
        if is_own_store(self._request.repository):
            return self._timed(batches)
        joins = self._request.joins
        local = [join for join in joins if is_local(join.feast.batch_source)]
        self.unchecked = tuple(join.name for join in joins if not is_local(join.feast.batch_source))
        return self._compared(batches, local) if local else batches

    def _timed(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for join in self._request.joins:
                self._check_times(join, batch)
            yield batch

    def _check_times(self, join: Join, batch: pa.RecordBatch) -> None:
        schema = batch.schema
        times = _us(batch.column(schema.get_field_index(TIME)))
        events = _us(batch.column(schema.get_field_index(EVENT.format(view=join.name))))
        late = pc.fill_null(pc.greater(events, times), False)
        if pc.any(late).as_py():
            row = pc.index(late, True).as_py()
            example = f"a row of {_timestamp(times, row)} has values of {_timestamp(events, row)}"
            self.late[join.name] = _added(self.late.get(join.name), pc.sum(late).as_py(), example)

    def _compared(
        self, batches: Iterator[pa.RecordBatch], joins: list[Join]
    ) -> Iterator[pa.RecordBatch]:
        request = dataclasses.replace(self._request, joins=joins)
        ours = RowStream(own_batches(self._dataset, self._time, request))
        for batch in batches:
            reference = ours.next(batch.num_rows)
            for join in joins:
                self._check_values(join, batch, reference)
            yield batch

    def _check_values(self, join: Join, batch: pa.RecordBatch, reference: pa.Table) -> None:
        other = pa.scalar(False)
        for item, output in zip(join.view.features, join.outputs, strict=True):
            what = f"the feature {item.name!r} of {join.name!r}"
            theirs = as_declared(
                batch.column(batch.schema.get_field_index(output)), item.type, what
            )
            ours = as_declared(reference.column(output), item.type, what)
            other = pc.or_(other, _differ(theirs, ours))
        if pc.any(other).as_py():
            row = pc.index(other, True).as_py()
            times = _us(reference.column(TIME).combine_chunks())
            example = f"a row of {_timestamp(times, row)} has others"
            self.other[join.name] = _added(
                self.other.get(join.name), pc.sum(other).as_py(), example
            )


def point_in_time_error(check: PointInTimeCheck, alike: Collection[str]) -> GateError | None:
    """Returns the error of values that a row could not have had; None: there are none.

    Args:
        check: Which has looked at all answers.
        alike: Views whose source has rows that nothing tells apart, of which any may be taken.
    """
    if check.late:
        name, wrong = next(iter(check.late.items()))
        return GateError(
            f"the feature view {name!r} knows what came after {wrong.rows:,} rows",
            cause=wrong.example,
            hint="the offline store does not join as of a row's time",
        )
    others = {name: wrong for name, wrong in check.other.items() if name not in alike}
    if others:
        name, wrong = next(iter(others.items()))
        return GateError(
            f"the feature view {name!r} gave {wrong.rows:,} rows other values than those that "
            "were known as of their time",
            cause=f"{wrong.example}; the join was made a second time, by DuckDB",
            hint="use offline_store: {type: plimsoll.feature_store.offline.AsofOfflineStore}",
        )
    return None


def _added(before: WrongRows | None, rows: int, example: str) -> WrongRows:
    return (
        WrongRows(rows, example)
        if before is None
        else WrongRows(before.rows + rows, before.example)
    )


def _us(column: Any) -> pa.Array:
    if not pa.types.is_timestamp(column.type):
        raise DataError(f"the offline store answers times as {column.type}")
    return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())


def _timestamp(us: pa.Array, row: int) -> str:
    return str(us[row].cast(pa.timestamp("us")).as_py().isoformat())


def _differ(one: pa.Array, other: pa.Array) -> pa.Array:
    nulls = pc.not_equal(pc.is_null(one), pc.is_null(other))
    return pc.or_(nulls, pc.fill_null(pc.not_equal(one, other), False))
