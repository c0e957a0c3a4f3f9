"""Compares a data set with what was given to compare it with, and its splits with each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.formats.distributions import CATEGORICAL, NUMERIC
from plimsoll.formats.statistics import SERVING as SERVING_ENVIRONMENT
from plimsoll.problem import SPLITS
from plimsoll.validate.checks.check import WARNING, Check, Context
from plimsoll.validate.checks.columns import is_used
from plimsoll.validate.checks.reference import drift_checks, reference_checks
from plimsoll.validate.checks.run import tfdv_checks
from plimsoll.validate.config import EVERY_COLUMN, Comparison, ValidateConfig
from plimsoll.validate.drift.measurement import (
    BASELINE,
    SERVING,
    TRAIN,
    DatasetPair,
    DistanceRequest,
    distance_requests,
    fits,
    measure,
)
from plimsoll.validate.drift.reference import Reference
from plimsoll.validate.drift.thresholds import FAMILYWISE_ERROR_RATE
from plimsoll.validate.schema.inference import role_of
from plimsoll.validate.statistics import measure as statistics
from plimsoll.validate.statistics import tfdv as validator
from plimsoll.validate.statistics.arrays import Encoding, encoding_of

COMPARATORS: Mapping[str, str] = {BASELINE: "drift_comparator", SERVING: "skew_comparator"}
COMPARATOR_DISTANCES = (
    ("infinity_norm", "l_infinity"),
    ("jensen_shannon_divergence", "jensen_shannon"),
    ("normalized_abs_difference", "normalized_abs_difference"),
)
"""Field of a schema's comparator -> the distance that it is."""
OTHER_CHECKS = 3
"""Checks of a column in a comparison that chance can fail, beside the distances."""


def compare(context: Context, references: Mapping[str, Reference]) -> tuple[Context, list[Check]]:
    """Returns the context with what was compared, and the checks of it.

    Args:
        context: What was measured.
        references: By name, ``baseline`` and ``serving``, as far as they are given.
    """
    pairs = _pairs(context, references)
    tests = sum(len(pair.requests) + OTHER_CHECKS * len(pair.current) for pair in pairs)
    alpha = FAMILYWISE_ERROR_RATE / max(tests, 1)
    measurements = tuple(item for pair in pairs for item in measure(pair, alpha))
    checks = drift_checks(measurements)
    for pair in pairs:
        checks += _blind(context, pair)
        checks += reference_checks(context, pair, _level(context.config, pair), alpha)
    columns = {name: reference.columns for name, reference in references.items()}
    result = replace(
        context,
        drift=measurements,
        baseline=columns.get(BASELINE, {}),
        serving=columns.get(SERVING, {}),
    )
    return result, checks


def check_requested_distances(
    schema: Any | None, config: ValidateConfig, kinds: Mapping[str, str]
) -> None:
    """Refuses distances that a column of its kind does not have, before anything is measured.

    Args:
        schema: The given schema; None: there is none.
        config: The config.
        kinds: Column -> ``numeric`` or ``categorical``.

    Raises:
        ConfigError: if a distance is asked of a column that it says nothing of.
    """
    for name, comparison in ((BASELINE, config.drift), (SERVING, config.skew)):
        where = "drift" if name == BASELINE else "skew"
        for column, bounds in comparison.thresholds.items():
            if column == EVERY_COLUMN:
                continue
            if column not in kinds:
                raise ConfigError(
                    f"validate config: {where}.thresholds names the column {column!r}, "
                    "which is not in the data set",
                    cause=nearest(column, kinds),
                    choices=tuple(kinds),
                )
            for distance in bounds:
                _check_fits(f"{where}.thresholds in the config", column, distance, kinds[column])
        if schema is None:
            continue
        for feature in schema.feature:
            kind, field = kinds.get(feature.name), COMPARATORS[name]
            if kind is not None:
                for distance, _ in _comparator(feature, field):
                    _check_fits(f"the {field} in the schema", feature.name, distance, kind)


def serving_schema_checks(
    context: Context,
    serving: Reference,
    encodings: Mapping[str, Encoding],
    categorical: Sequence[str],
) -> list[Check]:
    """Returns what the schema's environment SERVING holds against what the model is asked.

    Args:
        context: What was measured.
        serving: What the model is asked.
        encodings: How each column of the data set goes into its statistics.
        categorical: Columns of whole numbers that are names rather than amounts.

    Raises:
        ConfigError: if the schema does not know the environment.
    """
    if SERVING_ENVIRONMENT not in context.schema.default_environment:
        raise ConfigError(
            f"the given schema has no environment {SERVING_ENVIRONMENT}, so that what the model "
            "is asked cannot be checked",
            choices=tuple(context.schema.default_environment),
            hint=f'add default_environment: "{SERVING_ENVIRONMENT}", and '
            f'not_in_environment: "{SERVING_ENVIRONMENT}" to the label',
        )
    if serving.dataset is not None:
        features = {feature.name: feature for feature in context.schema.feature}
        # A column of another type keeps its own encoding, so that TFDV can tell.
        own = {
            item.name: encodings[item.name]
            if context.types.get(item.name) == item.type
            else encoding_of(item.type, features.get(item.name))
            for item in serving.dataset.columns
        }
        names = [name for name in categorical if own.get(name) and own[name].tfdv == "INT"]
        measured = statistics.measure(serving.dataset, serving.split, own, names).statistics
    elif serving.statistics is not None:
        measured = serving.statistics.proto(serving.split)
    else:
        return []
    findings = validator.validate(measured, context.schema, SERVING_ENVIRONMENT)
    # What no model reads, such as the label, a key or what was dropped, may come or not.
    problem = context.dataset.problem
    read = [
        item
        for item in findings
        if item.column and role_of(problem, item.column) in ("feature", "time")
    ]
    findings = [item for item in findings if not item.column] + read
    return tfdv_checks(context, SERVING, [], findings)


def _pairs(context: Context, references: Mapping[str, Reference]) -> list[DatasetPair]:
    train, config = context.distributions[TRAIN], context.config
    pairs = []
    if BASELINE in references:
        requests = _requests(context, BASELINE, config.drift)
        columns = references[BASELINE].columns
        pairs.append(DatasetPair(TRAIN, BASELINE, columns, train, requests))
    if SERVING in references:
        requests = _requests(context, SERVING, config.skew)
        pairs.append(DatasetPair(TRAIN, SERVING, train, references[SERVING].columns, requests))
    if config.drift.level == "off" or not context.measured[TRAIN].rows:
        return pairs
    usual = Comparison(numeric=config.drift.numeric, categorical=config.drift.categorical)
    requests = _requests(context, TRAIN, usual)
    return pairs + [
        DatasetPair(split, TRAIN, train, context.distributions[split], requests)
        for split in SPLITS
        if split != TRAIN and context.measured[split].rows
    ]


def _requests(context: Context, against: str, comparison: Comparison) -> list[DistanceRequest]:
    """Returns what to measure of train's columns; the schema's comparators come before the config.

    Args:
        context: What was measured of the splits.
        against: As in ``Measurement``.
        comparison: What the config says.
    """
    columns, time = context.distributions[TRAIN], context.dataset.problem.time
    compared = {
        name: column
        for name, column in columns.items()
        if name in comparison.thresholds
        # Times move on from span to span, as they should.
        or (column.type != "timestamp" and name != time and is_used(context, name))
    }
    requests = distance_requests(compared, comparison, comparison.level)
    field = COMPARATORS.get(against)
    if field is None:
        return requests
    of_schema = {
        (feature.name, distance): bound
        for feature in context.schema.feature
        for distance, bound in _comparator(feature, field)
        if feature.name in columns
    }
    how = f"the schema's {field}"
    return [item for item in requests if (item.column, item.distance) not in of_schema] + [
        DistanceRequest(column=column, distance=distance, bound=bound, level="error", how=how)
        for (column, distance), bound in of_schema.items()
    ]


def _comparator(feature: Any, field: str) -> list[tuple[str, float]]:
    if not feature.HasField(field):
        return []
    comparator = getattr(feature, field)
    return [
        # The proto keeps single precision: 0.1 must not become 0.10000000149.
        (distance, float(f"{getattr(comparator, name).threshold:.7g}"))
        for name, distance in COMPARATOR_DISTANCES
        if comparator.HasField(name)
    ]


def _check_fits(where: str, column: str, distance: str, kind: str) -> None:
    if fits(distance, kind):
        return
    if kind == NUMERIC:
        choices: tuple[str, ...] = ("ks", "rank_shift", "wasserstein", "psi", "jensen_shannon")
        cause = f"{distance} compares the shares of single values; of numbers it measures 0"
    else:
        choices = ("jensen_shannon", "l_infinity", "psi", "chi_squared")
        cause = f"{distance} compares numbers"
    raise ConfigError(
        f"{where} asks for {distance} of column {column!r}, which is {kind}",
        cause=cause,
        choices=choices,
        hint=f"take {choices[0]} in the config, or jensen_shannon_divergence in the schema",
    )


def _blind(context: Context, pair: DatasetPair) -> list[Check]:
    """Warns of L-infinity of a column of so many values that it hardly sees any."""
    checks = []
    for item in pair.requests:
        column, most = pair.reference.get(item.column), context.config.high_cardinality
        if item.distance != "l_infinity" or column is None or column.kind != CATEGORICAL:
            continue
        if column.distinct > most:
            checks.append(
                Check(
                    split=pair.split,
                    column=item.column,
                    kind="many values",
                    level=WARNING,
                    measured=column.distinct,
                    allowed=most,
                    expected="few different values, because l_infinity is asked for",
                    observed=f"{column.distinct:,}, among which it sees no change; "
                    "jensen_shannon does",
                    against=pair.against,
                )
            )
    return checks


def _level(config: ValidateConfig, pair: DatasetPair) -> str:
    if pair.against == TRAIN:
        return WARNING
    level = config.drift.level if pair.against == BASELINE else config.skew.level
    return WARNING if level == "off" else level
