"""The data gate's work: measure, infer or read the schema, check, write, and only then stop."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plimsoll.formats import distributions as formats
from plimsoll.formats.dataset import Dataset, open_dataset
from plimsoll.formats.distributions import CATEGORICAL, NUMERIC
from plimsoll.formats.statistics import write_schema, write_statistics
from plimsoll.problem import SPLITS
from plimsoll.storage.files import write_text
from plimsoll.storage.provenance import METADATA_KEY
from plimsoll.validate import config as configs
from plimsoll.validate import messages
from plimsoll.validate.checks.check import ERROR, WARNING, Check, Context
from plimsoll.validate.checks.comparison import (
    check_requested_distances,
    compare,
    serving_schema_checks,
)
from plimsoll.validate.checks.rows import comparison_requester, dataset_checks, missing_reference
from plimsoll.validate.checks.run import check_split
from plimsoll.validate.config import ValidateConfig
from plimsoll.validate.drift.distributions import distributions_of
from plimsoll.validate.drift.measurement import BASELINE, SERVING
from plimsoll.validate.drift.reference import Reference, open_reference
from plimsoll.validate.report import report_html
from plimsoll.validate.schema import inference as schemas
from plimsoll.validate.statistics import tfdv as validator
from plimsoll.validate.statistics.accumulator import SplitStatistics
from plimsoll.validate.statistics.arrays import Encoding, encoding_of
from plimsoll.validate.statistics.measure import MeasureConfig, measure

FORMAT = "plimsoll.anomalies/2"


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where the gate writes."""

    statistics: Path
    """Folder of the statistics artifact."""
    schema: Path
    """Folder of the schema artifact."""
    report: Path
    """The page."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the gate is to do with a data set."""

    given_schema: str = ""
    """A schema as the text of its ``.pbtxt``; empty: inferred from train."""
    mode: str = "fail"
    """``fail`` stops at anomalies; ``warn`` reports them and lets the data pass; ``branch`` goes
    on, and says that it did not pass."""
    config: ValidateConfig = field(default_factory=ValidateConfig)
    """What is measured, and where the lines are."""
    baseline: str = ""
    """Folder or ``gs://`` prefix of the span before: statistics, or a data set; empty: none."""
    serving: str = ""
    """The same of serving's requests."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate found."""

    passed: bool
    """If the data may go on: there are no anomalies, or the mode is ``warn``."""
    reason: str
    """What is wrong, in a line; empty without anomalies."""
    notes: tuple[str, ...]
    """What was inferred, measured and let through."""
    provenance: tuple[dict[str, Any], ...] = ()
    """Of what was compared with: by it a later run knows if that is still the same."""

    def metadata(self) -> dict[str, Any]:
        """Returns what goes into the metadata of the statistics."""
        return {"notes": list(self.notes), METADATA_KEY: list(self.provenance)}


DEFAULT = Request()


def validate(dataset_folder: Path, outputs: Outputs, request: Request = DEFAULT) -> Verdict:
    """Checks a data set, writes what was measured, and stops if something does not fit.

    Statistics, schema and report are written before the gate stops, so that they can be read.

    Args:
        dataset_folder: The dataset artifact.
        outputs: Where to write.
        request: Schema, mode, config, and what to compare with.

    Raises:
        ConfigError: if the mode is unknown, or the given schema or the config does not hold.
        ArtifactError: if the data set or what it is compared with is damaged or something else.
        GateError: in mode ``fail``, if there are anomalies.
    """
    configs.check_mode(request.mode)
    given = schemas.parse(request.given_schema) if request.given_schema.strip() else None
    dataset = open_dataset(Path(dataset_folder))
    notes: list[str] = []
    if given is not None:
        given, notes = schemas.completed(given, dataset.problem)
    with tempfile.TemporaryDirectory() as scratch:
        context, checks, provenance = _checked(dataset, given, request, Path(scratch))
    text = (
        request.given_schema
        if given is not None and not notes
        else schemas.to_text(context.schema, "" if context.is_given else schemas.HEADER)
    )
    measured = [note for split in SPLITS for note in context.measured[split].notes]
    _write(outputs, context, checks, text, request.mode)
    anomalies = [check for check in checks if check.level == ERROR]
    if anomalies and request.mode == "fail":
        raise messages.stopped(anomalies)
    verdict_notes = messages.of_verdict(context, checks, request.mode)
    return Verdict(
        passed=not anomalies or request.mode == "warn",
        reason=messages.reason(anomalies),
        notes=(messages.of_schema(context), *notes, *measured, *verdict_notes),
        provenance=tuple(provenance),
    )


def request_of(given_schema: str, mode: str, config: str, baseline: str, serving: str) -> Request:
    """Returns the request that the component's inputs make.

    Args:
        given_schema: Text of a ``.pbtxt``; empty: none.
        mode: ``fail``, ``warn`` or ``branch``.
        config: The fields of ``ValidateConfig`` as JSON text.
        baseline: A path; empty: none.
        serving: A path; empty: none.

    Raises:
        ConfigError: if the config is not JSON, or does not hold.
    """
    return Request(
        given_schema=given_schema.removeprefix("\ufeff"),
        mode=mode,
        config=configs.parse(config),
        baseline=baseline.strip(),
        serving=serving.strip(),
    )


def _checked(
    dataset: Dataset, given: Any | None, request: Request, scratch: Path
) -> tuple[Context, list[Check], list[dict[str, Any]]]:
    features = {feature.name: feature for feature in given.feature} if given is not None else {}
    encodings = {
        column.name: encoding_of(column.type, features.get(column.name))
        for column in dataset.columns
    }
    categorical = _categorical(dataset, features, encodings)
    check_requested_distances(given, request.config, _kinds(dataset, categorical))
    references, provenance = _references(request, categorical, scratch)
    context = _measured(dataset, given, request.config, encodings, categorical)
    checks = [check for split in SPLITS for check in check_split(context, split)]
    checks += dataset_checks(context, references.get(BASELINE))
    checks += _absent(context, request, references)
    context, compared = compare(context, references)
    # What the schema misses already need not be missed in comparison with the last span too.
    wrong = {(check.column, check.kind) for check in checks if check.level == ERROR}
    checks += [
        check
        for check in compared
        if check.against != BASELINE or (check.column, check.kind) not in wrong
    ]
    if SERVING in references:
        reported = {(check.column, check.kind) for check in compared if check.against == SERVING}
        checks += [
            check
            for check in serving_schema_checks(context, references[SERVING], encodings, categorical)
            if (check.column, check.kind) not in reported
        ]
    return context, checks, provenance


def _kinds(dataset: Dataset, categorical: Sequence[str]) -> dict[str, str]:
    return {
        column.name: CATEGORICAL
        if column.name in categorical or column.type in ("string", "bool")
        else NUMERIC
        for column in dataset.columns
    }


def _references(
    request: Request, categorical: Sequence[str], scratch: Path
) -> tuple[dict[str, Reference], list[dict[str, Any]]]:
    references, provenance = {}, []
    for name, path in ((BASELINE, request.baseline), (SERVING, request.serving)):
        if not path:
            continue
        reference, record = open_reference(name, path, categorical, scratch)
        provenance.append(record)
        if reference is not None:
            references[name] = reference
    return references, provenance


def _absent(context: Context, request: Request, references: dict[str, Reference]) -> list[Check]:
    """Returns a check for each comparison that is requested and has nothing to compare with."""
    config = context.config
    checks = []
    for name, comparison, path in (
        (BASELINE, config.drift, request.baseline),
        (SERVING, config.skew, request.serving),
    ):
        if name in references:
            continue
        requester = comparison_requester(context.schema, comparison, name, path)
        if name == BASELINE and not requester and config.min_rows_share:
            requester = "min_rows_share in the config"
        if requester:
            checks.append(missing_reference(name, path, requester, first_run=config.first_run))
    return checks


def _measured(
    dataset: Dataset,
    given: Any | None,
    config: ValidateConfig,
    encodings: dict[str, Encoding],
    categorical: list[str],
) -> Context:
    options = MeasureConfig(
        weight=config.weight,
        slices=config.slices,
        sample_rate=config.sample_rate,
        processes=config.processes,
        beam_runner=config.beam_runner,
        beam_options=config.beam_options,
    )
    measured = {split: measure(dataset, split, encodings, categorical, options) for split in SPLITS}
    schema = given if given is not None else _inferred(dataset, measured["train"], encodings)
    return Context(
        dataset=dataset,
        schema=schema,
        is_given=given is not None,
        environment=schemas.environment_of(schema),
        encodings=encodings,
        measured=measured,
        config=config,
        distributions={
            # What is compared with is train, here and by a later span.
            split: distributions_of(
                measured[split],
                categorical,
                calibrate=split == "train" or not measured["train"].rows,
            )
            for split in SPLITS
        },
    )


def _categorical(
    dataset: Dataset, features: dict[str, Any], encodings: dict[str, Encoding]
) -> list[str]:
    return [
        column.name
        for column in dataset.columns
        if encodings[column.name].tfdv == "INT"
        and (
            schemas.is_class_label(dataset, column.name)
            or (column.name in features and features[column.name].int_domain.is_categorical)
        )
    ]


def _inferred(dataset: Dataset, train: SplitStatistics, encodings: dict[str, Encoding]) -> Any:
    from tensorflow_metadata.proto.v0 import schema_pb2

    # Of no rows TFDV infers nothing; the columns are known all the same.
    raw = validator.infer_schema(train.statistics) if train.rows else schema_pb2.Schema()
    return schemas.inferred(raw, dataset, train, encodings)


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
            "compared": {
                name: len(columns)
                for name, columns in ((BASELINE, context.baseline), (SERVING, context.serving))
                if columns
            },
            "passed": all(check.level != ERROR for check in checks),
            "counts": {
                level: sum(check.level == level for check in checks)
                for level in ("pass", WARNING, ERROR)
            },
            "checks": [check.to_json() for check in checks],
            "drift": [measurement.to_json() for measurement in context.drift],
        },
        distributions=formats.to_text(context.distributions),
    )
    write_text(Path(outputs.report), report_html(context, checks, mode))
