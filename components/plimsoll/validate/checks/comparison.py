"""Compares a data set with what was given to compare it with, and its splits with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.formats.distributions import CATEGORICAL, NUMERIC, Distribution
from plimsoll.formats.statistics import SERVING as SERVING_ENVIRONMENT
from plimsoll.problem import SPLITS
from plimsoll.validate.checks.all import objections
from plimsoll.validate.checks.check import WARNING, Check, Context
from plimsoll.validate.checks.columns import is_used
from plimsoll.validate.checks.reference import drift_checks, reference_checks
from plimsoll.validate.config import EVERY_COLUMN, Comparison, ValidateConfig
from plimsoll.validate.drift.drift import (
    BASELINE,
    FAMILY,
    SERVING,
    TRAIN,
    Pair,
    Wanted,
    fits,
    measured,
    wanted_of,
)
from plimsoll.validate.drift.reference import Reference
from plimsoll.validate.schema.inference import is_known_environment, role_of
from plimsoll.validate.statistics import tfdv as validator
from plimsoll.validate.statistics.arrays import Encoding, encoding_of
from plimsoll.validate.statistics.measure import measure

COMPARATORS: Mapping[str, str] = {BASELINE: "drift_comparator", SERVING: "skew_comparator"}
COMPARED = (
    ("infinity_norm", "l_infinity"),
    ("jensen_shannon_divergence", "jensen_shannon"),
    ("normalized_abs_difference", "normalized_abs_difference"),
)
"""What a comparator of a schema asks for -> the distance that it is."""
OTHER_CHECKS = 3
"""Checks of a column in a comparison that chance can fail, beside the distances."""


def compared(context: Context, references: Mapping[str, Reference]) -> tuple[Context, list[Check]]:
    """Returns the context with what was compared, and the checks of it.

    Args:
        context: What was measured.
        references: By name, ``baseline`` and ``serving``, as far as they are given.
    """
    pairs = _pairs(context, references)
    columns = sum(len(pair.current) for pair in pairs)
    tests = sum(len(pair.wanted) for pair in pairs) + OTHER_CHECKS * columns
    alpha = FAMILY / max(tests, 1)
    measurements = tuple(item for pair in pairs for item in measured(pair, alpha))
    checks = drift_checks(measurements)
    for pair in pairs:
        checks += _blind(context, pair)
        checks += reference_checks(context, pair, _level(context.config, pair), alpha)
    held = {name: reference.columns for name, reference in references.items()}
    result = replace(
        context,
        drift=measurements,
        baseline=held.get(BASELINE, {}),
        serving=held.get(SERVING, {}),
    )
    return result, checks


def check_asked(schema: Any | None, config: ValidateConfig, kinds: Mapping[str, str]) -> None:
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
            for distance, _ in _comparator(feature, COMPARATORS[name]):
                kind = kinds.get(feature.name)
                if kind is not None:
                    _check_fits(
                        f"the {COMPARATORS[name]} in the schema", feature.name, distance, kind
                    )


def serving_checks(
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
    if not is_known_environment(context.schema, SERVING_ENVIRONMENT):
        raise ConfigError(
            f"the given schema has no environment {SERVING_ENVIRONMENT}, so that what the model "
            "is asked cannot be checked",
            choices=tuple(context.schema.default_environment),
            hint=f'add default_environment: "{SERVING_ENVIRONMENT}", and '
            f'not_in_environment: "{SERVING_ENVIRONMENT}" to the label',
        )
    if serving.dataset is not None:
        features = {feature.name: feature for feature in context.schema.feature}
        held = serving.dataset.columns
        # A column of another type keeps its own shape, so that TFDV can tell.
        own = {
            item.name: encodings[item.name]
            if context.types.get(item.name) == item.type
            else encoding_of(item.type, features.get(item.name))
            for item in held
        }
        names = [name for name in categorical if own.get(name) and own[name].tfdv == "INT"]
        statistics = measure(serving.dataset, serving.split, own, names).statistics
    elif serving.statistics is not None:
        statistics = serving.statistics.proto(serving.split)
    else:
        return []
    findings = validator.validate(statistics, context.schema, SERVING_ENVIRONMENT)
    # What no model reads, such as the label, a key or what was dropped, may come or not.
    problem = context.dataset.problem
    read = [
        item
        for item in findings
        if item.column and role_of(problem, item.column) in ("feature", "time")
    ]
    findings = [item for item in findings if not item.column] + read
    return objections(context, SERVING, [], findings)


def _pairs(context: Context, references: Mapping[str, Reference]) -> list[Pair]:
    train = context.distributions[TRAIN]
    config = context.config
    pairs = []
    if BASELINE in references:
        columns = references[BASELINE].columns
        wanted = _wanted(context, train, BASELINE, config.drift)
        pairs.append(
            Pair(split=TRAIN, against=BASELINE, reference=columns, current=train, wanted=wanted)
        )
    if SERVING in references:
        asked = references[SERVING].columns
        wanted = _wanted(context, train, SERVING, config.skew)
        pairs.append(
            Pair(split=TRAIN, against=SERVING, reference=train, current=asked, wanted=wanted)
        )
    if config.drift.level == "off" or not context.measured[TRAIN].rows:
        return pairs
    for split in SPLITS:
        if split != TRAIN and context.measured[split].rows:
            usual = Comparison(numeric=config.drift.numeric, categorical=config.drift.categorical)
            current = context.distributions[split]
            wanted = _wanted(context, train, TRAIN, usual)
            pairs.append(
                Pair(split=split, against=TRAIN, reference=train, current=current, wanted=wanted)
            )
    return pairs


def _wanted(
    context: Context, columns: Mapping[str, Distribution], against: str, comparison: Comparison
) -> list[Wanted]:
    role = context.dataset.problem
    compared_columns = {
        name: one
        for name, one in columns.items()
        if name in comparison.thresholds
        # Moments move on from span to span, as they should.
        or (one.type != "timestamp" and name != role.time and is_used(context, name))
    }
    wanted = wanted_of(compared_columns, comparison, comparison.level)
    field = COMPARATORS.get(against)
    if field is None:
        return wanted
    asked = {
        (feature.name, distance): bound
        for feature in context.schema.feature
        for distance, bound in _comparator(feature, field)
        if feature.name in columns
    }
    kept = [item for item in wanted if (item.column, item.distance) not in asked]
    return kept + [
        Wanted(column=column, distance=distance, bound=bound, level="error",
               how=f"the schema's {field}")
        for (column, distance), bound in asked.items()
    ]  # fmt: skip


def _comparator(feature: Any, field: str) -> list[tuple[str, float]]:
    if not feature.HasField(field):
        return []
    comparator = getattr(feature, field)
    return [
        # The proto keeps single precision: 0.1 must not become 0.10000000149.
        (distance, float(f"{getattr(comparator, name).threshold:.7g}"))
        for name, distance in COMPARED
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


def _blind(context: Context, pair: Pair) -> list[Check]:
    """Tells of L-infinity asked of a column of so many values that it hardly sees any."""
    checks = []
    for item in pair.wanted:
        one = pair.reference.get(item.column)
        if item.distance != "l_infinity" or one is None or one.kind != CATEGORICAL:
            continue
        if one.distinct > context.config.high_cardinality:
            checks.append(
                Check(
                    split=pair.split,
                    column=item.column,
                    kind="many values",
                    level=WARNING,
                    measured=one.distinct,
                    allowed=context.config.high_cardinality,
                    expected="few different values, because l_infinity is asked for",
                    found=f"{one.distinct:,}, among which it sees no change; jensen_shannon does",
                    against=pair.against,
                )
            )
    return checks


def _level(config: ValidateConfig, pair: Pair) -> str:
    if pair.against == TRAIN:
        return WARNING
    level = config.drift.level if pair.against == BASELINE else config.skew.level
    return WARNING if level == "off" else level
