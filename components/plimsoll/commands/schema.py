"""Infers a schema from data, compares two, checks data with one, and edits it to accept them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError, DataError, nearest
from plimsoll.formats.dataset import Dataset, open_dataset
from plimsoll.formats.statistics import open_statistics, read_schema_text
from plimsoll.formats.versions import SHORT
from plimsoll.validate import accept as accepting
from plimsoll.validate.checks.check import ERROR, PASS, Check, grouped
from plimsoll.validate.schema import inference as schemas
from plimsoll.validate.schema.diff import differences
from plimsoll.validate.schema.pbtxt import edited

PASSES = 4
"""Accepting a column or a type may bring to light what was not checked before."""
HEADER = """\
# Inferred from the train split of the data set {id}. Given to a run (--schema FILE), it is
# enforced as it stands here: look it over, edit it, and commit it with your code.
"""
WITHOUT_DRIFT = '{"drift": "off", "skew": "off"}'
"""What no schema accepts need not be measured."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """What the command line says of the data that a command reads."""

    path: str
    """A dataset artifact, or what ingest reads: a file, a folder, a pattern, an address."""
    is_dataset: bool
    label: str = ""
    problem: str = ""
    config: str = ""
    """Ingest's, JSON."""


def infer(data: Mapping[str, Any], scratch: str) -> dict[str, Any]:
    """Infers a schema from data.

    Args:
        data: The fields of ``Data``.
        scratch: A folder for what is made on the way.

    Raises:
        DataError: if the data cannot be read.
    """
    dataset, notes = _dataset(Data(**data), Path(scratch))
    text = _inferred_text(dataset, Path(scratch)).removeprefix(schemas.HEADER)
    text = HEADER.format(id=dataset.id[:SHORT]) + text
    schema = schemas.parse(text)
    return {
        "id": dataset.id,
        "rows": {split: dataset.rows(split) for split in dataset.splits},
        "text": text,
        "notes": notes,
        "columns": [_column(schema, feature) for feature in schema.feature],
    }


def diff(first: str, second: str) -> dict[str, Any]:
    """Returns what differs between two schemas.

    Args:
        first: A ``.pbtxt`` file.
        second: Another.

    Raises:
        ConfigError: if one cannot be read or is no schema.
    """
    changes = differences(_schema_of(first), _schema_of(second))
    return {"differences": [item.to_json() for item in changes]}


def check(
    data: Mapping[str, Any],
    schema: str,
    scratch: str,
    config: str = "",
    baseline: str = "",
) -> dict[str, Any]:
    """Runs the data gate on data.

    Args:
        data: The fields of ``Data``.
        schema: The ``.pbtxt`` file to hold them to.
        scratch: A folder for what is made on the way; the page is ``report`` in it.
        config: The gate's, JSON.
        baseline: The statistics of an earlier run.

    Raises:
        ConfigError: if the schema or the config cannot be read.
        DataError: if the data cannot be read.
    """
    text = _text_of(schema)
    schemas.parse(text)
    dataset, notes = _dataset(Data(**data), Path(scratch))
    checks, gate_notes = _gate(dataset, Path(scratch), text, config=config, baseline=baseline)
    return {
        "id": dataset.id,
        "notes": [*notes, *gate_notes],
        "checks": len(checks),
        "anomalies": _sentences(checks, ERROR),
        "warnings": _sentences(checks, "warning"),
    }


def accept(
    data: Mapping[str, Any], schema: str, scratch: str, columns: Sequence[str] = ()
) -> dict[str, Any]:
    """Edits a schema so that it accepts the anomalies of some data.

    Args:
        data: The fields of ``Data``.
        schema: The ``.pbtxt`` file.
        scratch: A folder for what is made on the way.
        columns: Columns to accept, their warnings and a changed type too; empty: all anomalies
            but those of a changed type.

    Returns:
        The new text, what changed in it, the anomalies that are left, and how many comments of
        the file had to go.

    Raises:
        ConfigError: if the schema cannot be read, or a column is neither in it nor in the data.
        DataError: if the data cannot be read.
    """
    given = _text_of(schema)
    first = schemas.parse(given)
    dataset, _ = _dataset(Data(**data), Path(scratch))
    _check_columns(columns, first, dataset)
    text, current = given, first
    for attempt in range(PASSES):
        checks, _ = _gate(dataset, Path(scratch) / str(attempt), text, config=WITHOUT_DRIFT)
        edits = accepting.accepted(
            current,
            accepting.checks_to_accept(checks, columns),
            dataset,
            lambda: schemas.parse(_inferred_text(dataset, Path(scratch) / "inferred")),
        )
        if edits == current:
            break
        current, (text, _) = edits, edited(given, first, edits)
    text, lost = edited(given, first, current)
    return {
        "id": dataset.id,
        "text": text,
        "differences": [item.to_json() for item in differences(first, current)],
        "left": _sentences(checks, ERROR),
        "retyped": sorted(
            {check.column for check in checks if check.kind == "type" and check.level != PASS}
        ),
        "comments_lost": lost,
    }


def _dataset(data: Data, scratch: Path) -> tuple[Dataset, list[str]]:
    if data.is_dataset:
        return open_dataset(Path(data.path)), []
    from plimsoll.ingest import core as ingesting

    folder = scratch / "dataset"
    optional = {"config": data.config} if data.config else {}
    ingested = ingesting.ingest(
        data=data.path, label=data.label, problem=data.problem, folder=folder, **optional
    )
    return ingested.dataset, list(ingested.dataset.inferred)


def _gate(
    dataset: Dataset, scratch: Path, schema: str, *, config: str = "", baseline: str = ""
) -> tuple[list[Check], list[str]]:
    """Runs the data gate without its stopping; returns its checks and its notes."""
    from plimsoll.validate import core as gate

    outputs = gate.Outputs(
        statistics=scratch / "statistics", schema=scratch / "schema", report=scratch / "report"
    )
    request = gate.request_of(schema, "warn", config or "{}", baseline, "")
    verdict = gate.validate(dataset.folder, outputs, request)
    checks = open_statistics(outputs.statistics).anomalies()["checks"]
    return [Check.from_json(item) for item in checks], list(verdict.notes)


def _inferred_text(dataset: Dataset, scratch: Path) -> str:
    _gate(dataset, scratch, "", config=WITHOUT_DRIFT)
    return read_schema_text(scratch / "schema")


def _sentences(checks: Sequence[Check], level: str) -> list[str]:
    return [check.sentence() for check in grouped([item for item in checks if item.level == level])]


def _check_columns(columns: Sequence[str], schema: Any, dataset: Dataset) -> None:
    known = list(
        dict.fromkeys([*dataset.column_names(), *(feature.name for feature in schema.feature)])
    )
    for name in columns:
        if name not in known:
            raise ConfigError(
                f"there is no column {name!r} in the data or the schema",
                cause=nearest(name, known),
                choices=known,
            )


def _schema_of(path: str) -> Any:
    try:
        return schemas.parse(_text_of(path))
    except ConfigError as error:
        raise ConfigError(
            f"{path}: {error.headline}", cause=error.cause, choices=error.choices, hint=error.hint
        ) from error


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the schema {path} cannot be read", cause=str(error)) from error


def _column(schema: Any, feature: Any) -> dict[str, Any]:
    kinds = feature.DESCRIPTOR.fields_by_name["type"].enum_type
    values = schemas.domain_values(schema, feature)
    domain = feature.WhichOneof("domain_info") or ""
    return {
        "name": feature.name,
        "type": kinds.values_by_number[feature.type].name,
        "domain": domain.removesuffix("_domain"),
        "present": feature.presence.min_fraction,
        "values": None if values is None else len(values),
        "not_in": list(feature.not_in_environment),
    }
