"""The data gate's work: measure, infer or read the schema, check, write, and only then stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.artifacts.dataset import Dataset, open_dataset
from plimsoll.artifacts.files import write_text
from plimsoll.artifacts.statistics import write_schema, write_statistics
from plimsoll.errors import ConfigError, GateError, nearest
from plimsoll.problem import SPLITS
from plimsoll.validate import schema as schemas
from plimsoll.validate import validator
from plimsoll.validate.arrays import Shape, shape_of
from plimsoll.validate.check import ERROR, WARNING, Check, Context, grouped
from plimsoll.validate.checks import check_split
from plimsoll.validate.measure import Measured, measure
from plimsoll.validate.report import report_html

MODES = ("fail", "warn")
FORMAT = "plimsoll.anomalies/1"
MOST_TOLD = 20
MOST_NOTED = 3


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where the gate writes."""

    statistics: Path
    """Folder of the statistics artifact."""
    schema: Path
    """Folder of the schema artifact."""
    report: Path
    """The page."""


def validate(
    dataset_folder: Path, outputs: Outputs, *, given_schema: str = "", mode: str = "fail"
) -> list[str]:
    """Checks a data set, writes what was measured, and stops if something does not fit.

    Statistics, schema and report are written before the gate stops, so that they can be read.

    Args:
        dataset_folder: The dataset artifact.
        outputs: Where to write.
        given_schema: A schema as the text of its ``.pbtxt``; empty: inferred from train.
        mode: ``fail`` stops at anomalies; ``warn`` tells of them.

    Returns:
        Notes: what was inferred, measured and let through.

    Raises:
        ConfigError: if the mode is unknown, or the given schema cannot be read.
        GateError: in mode ``fail``, if there are anomalies.
    """
    check_mode(mode)
    given = schemas.parse(given_schema) if given_schema.strip() else None
    dataset = open_dataset(Path(dataset_folder))
    notes: list[str] = []
    if given is not None:
        given, notes = schemas.completed(given, dataset.problem)
    context = _measured(dataset, given)
    checks = [check for split in SPLITS for check in check_split(context, split)]
    text = (
        given_schema
        if given is not None and not notes
        else schemas.to_text(context.schema, "" if context.is_given else schemas.HEADER)
    )
    notes = [_schema_note(context), *notes, *_verdict_notes(checks, mode)]
    _write(outputs, context, checks, text, mode)
    anomalies = [check for check in checks if check.level == ERROR]
    if anomalies and mode == "fail":
        raise _stopped(anomalies, outputs.report)
    return notes


def check_mode(mode: str) -> None:
    """Checks that a mode is ``fail`` or ``warn``.

    Raises:
        ConfigError: if it is not.
    """
    if mode not in MODES:
        raise ConfigError(
            f"the data gate has no mode {mode!r}",
            cause=nearest(mode, MODES),
            choices=MODES,
            hint="fail stops the run at anomalies; warn tells of them and goes on",
        )


def _measured(dataset: Dataset, given: Any | None) -> Context:
    features = {feature.name: feature for feature in given.feature} if given is not None else {}
    shapes = {
        column.name: shape_of(column.type, features.get(column.name)) for column in dataset.columns
    }
    categorical = _categorical(dataset, features, shapes)
    measured = {split: measure(dataset, split, shapes, categorical) for split in SPLITS}
    schema = given if given is not None else _inferred(dataset, measured["train"], shapes)
    return Context(
        dataset=dataset,
        schema=schema,
        is_given=given is not None,
        environment=schemas.environment_of(schema),
        shapes=shapes,
        measured=measured,
    )


def _categorical(dataset: Dataset, features: dict[str, Any], shapes: dict[str, Shape]) -> list[str]:
    return [
        column.name
        for column in dataset.columns
        if shapes[column.name].tfdv == "INT"
        and (
            schemas.is_class_label(dataset, column.name)
            or (column.name in features and features[column.name].int_domain.is_categorical)
        )
    ]


def _inferred(dataset: Dataset, train: Measured, shapes: dict[str, Shape]) -> Any:
    from tensorflow_metadata.proto.v0 import schema_pb2

    # Of no rows TFDV infers nothing; the columns are known all the same.
    raw = validator.infer_schema(train.statistics) if train.rows else schema_pb2.Schema()
    return schemas.inferred(raw, dataset, train, shapes)


def _write(
    outputs: Outputs, context: Context, checks: Sequence[Check], schema_text: str, mode: str
) -> None:
    write_schema(outputs.schema, schema_text)
    write_statistics(
        outputs.statistics,
        {
            split: measured.statistics.SerializeToString(deterministic=True)
            for split, measured in context.measured.items()
        },
        {split: measured.rows for split, measured in context.measured.items()},
        dataset_id=context.dataset.id,
        anomalies={
            "format": FORMAT,
            "dataset_id": context.dataset.id,
            "mode": mode,
            "schema": "given" if context.is_given else "inferred",
            "passed": all(check.level != ERROR for check in checks),
            "counts": {
                level: sum(check.level == level for check in checks)
                for level in ("pass", WARNING, ERROR)
            },
            "checks": [check.to_json() for check in checks],
        },
    )
    write_text(Path(outputs.report), report_html(context, checks, mode))


def _schema_note(context: Context) -> str:
    columns = len(context.schema.feature)
    if context.is_given:
        return f"schema given: {columns} columns, enforced as written"
    return f"schema inferred from train: {columns} columns"


def _verdict_notes(checks: Sequence[Check], mode: str) -> list[str]:
    anomalies = [check for check in checks if check.level == ERROR]
    warnings = [check for check in checks if check.level == WARNING]
    found = _counted(anomalies, "anomaly", "anomalies")
    notes = [f"{len(checks)} checks: {found}, {_counted(warnings, 'warning', 'warnings')}"]
    if anomalies and mode == "warn":
        notes.append(f"LET THROUGH in mode warn: {found}")
    told = grouped([*anomalies, *warnings])
    notes += [check.sentence() for check in told[:MOST_NOTED]]
    if len(told) > MOST_NOTED:
        notes.append(f"{len(told) - MOST_NOTED} more in the report")
    return notes


def _counted(items: Sequence[Check], one: str, several: str) -> str:
    return f"{len(items) or 'no'} {one if len(items) == 1 else several}"


def _stopped(anomalies: Sequence[Check], report: Path) -> GateError:
    columns = sorted({check.column for check in anomalies if check.column})
    where = f" in {len(columns)} column{'' if len(columns) == 1 else 's'}" if columns else ""
    told = grouped(anomalies)
    lines = [check.sentence() for check in told[:MOST_TOLD]]
    if len(told) > MOST_TOLD:
        lines.append(f"{len(told) - MOST_TOLD} more in the report")
    return GateError(
        f"the data gate found {_counted(anomalies, 'anomaly', 'anomalies')}{where}",
        cause="\n".join(lines),
        hint=f"look at {report}; then correct the data, drop the column in the problem file, "
        "or edit the schema and give its text as given_schema; mode=warn goes on regardless",
    )
