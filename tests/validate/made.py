"""Small real data sets, and the gate run on them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from plimsoll.errors import GateError
from plimsoll.formats.dataset import Dataset, write_dataset
from plimsoll.formats.statistics import Statistics, open_statistics, read_schema_text
from plimsoll.problem import SPLITS, Problem
from plimsoll.validate import core

BINARY = Problem(label="y", task="binary", positive="1")


def made(
    folder: Path, columns: dict[str, Any], problem: Problem = BINARY, cuts: tuple = (0.8, 0.9)
) -> Dataset:
    """Writes a data set: the first rows are train, then eval, then test."""
    table = pa.table(columns)
    ends = [0, *(int(table.num_rows * cut) for cut in cuts), table.num_rows]
    tables = {
        split: table.slice(ends[place], ends[place + 1] - ends[place])
        for place, split in enumerate(SPLITS)
    }
    return write_dataset(folder, tables, problem, [], {})


def label(rows: int) -> pa.Array:
    return pa.array([row % 2 for row in range(rows)])


@dataclass(frozen=True)
class Ran:
    """What the gate left behind."""

    outputs: core.Outputs
    notes: list[str]
    error: Exception | None
    verdict: core.Verdict | None = None

    @property
    def statistics(self) -> Statistics:
        return open_statistics(self.outputs.statistics)

    @property
    def schema(self) -> Any:
        return text_format.Parse(read_schema_text(self.outputs.schema), schema_pb2.Schema())

    @property
    def page(self) -> str:
        return self.outputs.report.read_text("utf-8")

    def checks(self, **wanted: str) -> list[dict[str, Any]]:
        """Returns the checks recorded with these values."""
        return [
            check
            for check in self.statistics.anomalies()["checks"]
            if all(check.get(name, "") == value for name, value in wanted.items())
        ]

    def found(self) -> set[tuple[str, str, str, str]]:
        """Returns split, column, kind and level of what did not pass."""
        return {
            (check["split"], check.get("column", ""), check["kind"], check["level"])
            for check in self.statistics.anomalies()["checks"]
            if check["level"] != "pass"
        }


def ran(
    dataset: Dataset,
    folder: Path,
    *,
    schema: str = "",
    mode: str = "fail",
    config: dict[str, Any] | None = None,
    baseline: Path | str = "",
    serving: Path | str = "",
) -> Ran:
    outputs = core.Outputs(
        statistics=folder / "statistics", schema=folder / "schema", report=folder / "report"
    )
    request = core.request_of(schema, mode, json.dumps(config or {}), str(baseline), str(serving))
    try:
        verdict = core.validate(dataset.folder, outputs, request)
    except GateError as stopped:
        return Ran(outputs, [], stopped)
    return Ran(outputs, list(verdict.notes), None, verdict)


def hourly(rows: int, hours: int = 1) -> pa.Array:
    """Returns moments from 2020 on, so many hours apart."""
    start, step = 1_577_836_800_000_000, hours * 3_600_000_000
    return pa.array([start + row * step for row in range(rows)]).cast(pa.timestamp("us"))
