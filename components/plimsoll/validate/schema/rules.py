"""What a schema's text may say and no data can be held to: refused before anything is measured."""

import math
from collections.abc import Iterator
from typing import Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.formats.statistics import ENVIRONMENTS

NOT_SUPPORTED = ("sparse_feature", "weighted_feature")
"""They speak of several columns at once, and nothing here would hold data to them."""
RANGES = {
    "int_domain": ("min", "max"),
    "float_domain": ("min", "max"),
    "unique_constraints": ("min", "max"),
    "value_count": ("min", "max"),
    "dataset_constraints": ("min_examples_count", "max_examples_count"),
}
"""Message -> its two ends."""
SHARES = {"presence": "min_fraction", "distribution_constraints": "min_domain_mass"}
COUNTS = {"presence": "min_count", "dataset_constraints": "min_examples_count"}
COMPARATORS = ("drift_comparator", "skew_comparator")


def check_rules(schema: Any) -> None:
    """Refuses rules that contradict themselves, name nothing, or would never be broken.

    Raises:
        ConfigError: which names the column.
    """
    _check_names(schema)
    _check_domains(schema)
    _check_environments(schema)
    for feature in schema.feature:
        where = f"column {feature.name!r}"
        _check_numbers(feature, where)
        for name in COMPARATORS:
            _check_comparator(feature, name, where)
    _check_numbers(schema, "the data set")
    for domain in (*schema.int_domain, *schema.float_domain):
        _check_range(domain, ("min", "max"), f"the domain {domain.name!r}")


def _check_names(schema: Any) -> None:
    for name in NOT_SUPPORTED:
        if len(getattr(schema, name)):
            raise ConfigError(
                f"the given schema has a {name}, to which data cannot be held here",
                hint="take it out, and state what its columns have to be one by one",
            )
    names = [feature.name for feature in schema.feature]
    if not names:
        raise ConfigError(
            "the given schema names no columns",
            hint="start from the schema.pbtxt that a run without given_schema writes",
        )
    if "" in names:
        raise ConfigError(f"the given schema: feature {names.index('') + 1} has no name")
    _check_once(names, "column")
    _check_once([domain.name for domain in _domains(schema)], "the domain")


def _check_once(names: list[str], what: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"the given schema names {what} {repeated[0]!r} twice")


def _domains(schema: Any) -> Iterator[Any]:
    for kind in (schema.string_domain, schema.int_domain, schema.float_domain):
        yield from kind


def _check_domains(schema: Any) -> None:
    named = [domain.name for domain in _domains(schema)]
    for feature in schema.feature:
        if feature.WhichOneof("domain_info") == "domain" and feature.domain not in named:
            raise ConfigError(
                f"the given schema: column {feature.name!r} has the domain {feature.domain!r}, "
                "which is not defined",
                cause=nearest(feature.domain, named),
                choices=named,
                hint=f'add string_domain {{ name: "{feature.domain}" value: "..." }}',
            )


def _check_environments(schema: Any) -> None:
    """Refuses a name that is one letter off: its column would be expected nowhere, in silence."""
    known = sorted({*schema.default_environment, *ENVIRONMENTS})
    for feature in schema.feature:
        where = f"the given schema: column {feature.name!r}"
        both = sorted({*feature.in_environment} & {*feature.not_in_environment})
        if both:
            raise ConfigError(f"{where} is said to be in {both[0]!r}, and not to be in it")
        for name in (*feature.in_environment, *feature.not_in_environment):
            suggestion = nearest(name, known)
            if name not in known and suggestion:
                raise ConfigError(
                    f"{where} names the environment {name!r}, which is not defined",
                    cause=suggestion,
                    choices=known,
                    hint=f'add default_environment: "{name}" if it is meant',
                )
        for name in feature.in_environment:
            if name in ENVIRONMENTS and name not in schema.default_environment:
                raise ConfigError(
                    f"{where} is in the environment {name!r}, which no data can be held to",
                    cause="TensorFlow Data Validation knows an environment only as a default one",
                    hint=f'add default_environment: "{name}", and not_in_environment: "{name}" '
                    "to the columns that are not in it",
                )


def _check_numbers(message: Any, where: str) -> None:
    """Checks the ranges, shares and counts that a feature or the whole schema states."""
    for name, ends in RANGES.items():
        if _has(message, name):
            _check_range(getattr(message, name), ends, f"{name} of {where}")
    for name, field in SHARES.items():
        if _has(message, name):
            share = getattr(getattr(message, name), field)
            if not 0 <= share <= 1:
                _refuse(f"{field} of {where}", "must be from 0 to 1", share)
    for name, field in COUNTS.items():
        if _has(message, name) and (count := getattr(getattr(message, name), field)) < 0:
            _refuse(f"{field} of {where}", "must be from 0 upwards", count)


def _check_range(message: Any, ends: tuple[str, str], where: str) -> None:
    low, high = (getattr(message, end) if message.HasField(end) else None for end in ends)
    for end, value in zip(ends, (low, high), strict=True):
        if value is not None and math.isnan(value):
            _refuse(f"{end} in {where}", "must be a number", value)
    if low is not None and high is not None and low > high:
        _refuse(f"{ends[0]} in {where}", f"must be at most {ends[1]}, which is {high}", low)


def _check_comparator(feature: Any, name: str, where: str) -> None:
    if not feature.HasField(name):
        return
    distances = getattr(feature, name).ListFields()
    if not distances:
        raise ConfigError(
            f"the given schema: the {name} of {where} compares nothing",
            choices=tuple(field.name for field in getattr(feature, name).DESCRIPTOR.fields),
            hint=f"{name} {{ jensen_shannon_divergence {{ threshold: 0.1 }} }}",
        )
    for field, distance in distances:
        if not distance.HasField("threshold") or not distance.threshold >= 0:
            given = distance.threshold if distance.HasField("threshold") else "not given"
            _refuse(f"the threshold of {field.name} of {where}", "must be from 0 upwards", given)


def _has(message: Any, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name.get(name)
    return field is not None and field.has_presence and bool(message.HasField(name))


def _refuse(what: str, rule: str, value: object) -> None:
    raise ConfigError(f"the given schema: {what} {rule}", cause=f"it is {value}")
