"""The schema: inferred from the train split, or given as text and enforced as written."""

import math
import re
from collections.abc import Mapping
from typing import Any

from plimsoll.errors import ConfigError, nearest
from plimsoll.formats.dataset import Dataset
from plimsoll.formats.statistics import ENVIRONMENTS, SERVING, TRAINING
from plimsoll.problem import Problem
from plimsoll.validate.schema.rules import check_rules
from plimsoll.validate.statistics.accumulator import SplitStatistics
from plimsoll.validate.statistics.arrays import Encoding, bool_texts, feature_type
from plimsoll.validate.statistics.summary import LARGE, Summary

PRESENCE_SLACK = 0.1
"""How much more of a column may be missing than in train before its inferred schema objects."""
DOMAIN_MASS = 0.9
"""Share of values that an inferred domain must cover: categories come and go."""
ROWS_PER_VALUE = 5
"""A text whose values occur less often than this on average names single things, not kinds."""
LONGEST_VALUE = 100
NOT_ENFORCED = ("PLANNED", "ALPHA", "DEPRECATED", "DISABLED", "DEBUG_ONLY")
HEADER = """\
# Inferred from the train split. Unlike a schema that is given, it only warns: to enforce it as
# written, edit it, keep it with your code, and give its text as given_schema.
"""


def parse(text: str) -> Any:
    """Reads a ``Schema`` from the text of a ``.pbtxt`` file.

    Raises:
        ConfigError: with line and column, if it is not a schema; or if it holds a rule that no data
            can be held to, such as a domain that it does not define.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise _parse_error(text, error) from error
    check_rules(schema)
    return schema


def completed(schema: Any, problem: Problem) -> tuple[Any, list[str]]:
    """Returns a given schema without private columns and with environments, and what changed.

    A schema that has environments of its own keeps them as they are. Words for true and false
    that it leaves out are filled in.
    """
    result = type(schema)()
    result.CopyFrom(schema)
    notes = []
    private = [feature.name for feature in result.feature if feature.name in problem.private]
    for name in private:
        _remove(result, name)
    if private:
        notes.append(f"{len(private)} private columns left out of the given schema")
    for feature in result.feature:
        if feature.WhichOneof("domain_info") == "bool_domain" and feature_type(feature) == "BYTES":
            # TFDV would take words that are not named for words that are not allowed.
            true, false = bool_texts(feature)
            feature.bool_domain.true_value, feature.bool_domain.false_value = true, false
    used = [name for feature in result.feature for name in feature.in_environment]
    if not result.default_environment and not used:
        result.default_environment.extend(ENVIRONMENTS)
        for feature in result.feature:
            if feature.name == problem.label and SERVING not in feature.not_in_environment:
                feature.not_in_environment.append(SERVING)
        notes.append("environments TRAINING and SERVING added to the given schema")
    return result, notes


def inferred(
    schema: Any, dataset: Dataset, train: SplitStatistics, encodings: Mapping[str, Encoding]
) -> Any:
    """Returns TFDV's inferred schema, made fit for other honest data than the train split.

    Args:
        schema: What TFDV inferred; not changed.
        dataset: The data set.
        train: The train split, measured.
        encodings: How each column went into the statistics.
    """
    known = {feature.name: feature for feature in schema.feature}
    domains = {domain.name: list(domain.value) for domain in schema.string_domain}
    result = type(schema)()
    result.default_environment.extend(ENVIRONMENTS)
    for column in dataset.columns:
        feature = result.feature.add()
        if column.name in known:
            feature.CopyFrom(known[column.name])
        feature.name = column.name
        values = domains.get(feature.domain, [])
        _clear_domain(feature)
        feature.type = (
            feature.DESCRIPTOR.fields_by_name["type"]
            .enum_type.values_by_name[encodings[column.name].tfdv]
            .number
        )
        role = role_of(dataset.problem, column.name)
        if role in ("label", "dropped"):
            feature.not_in_environment.append(SERVING)
        _set_presence(feature, role, train)
        if column.type == "bool":
            feature.bool_domain.true_value, feature.bool_domain.false_value = bool_texts(None)
        elif column.type == "timestamp":
            feature.time_domain.integer_format = feature.time_domain.UNIX_MICROSECONDS
        elif column.type == "string":
            _set_domain(result, feature, role, values, train.summaries.get(column.name))
        elif is_class_label(dataset, column.name):
            _set_classes(feature, train)
    return result


def to_text(schema: Any, header: str = "") -> str:
    """Returns a schema as ``.pbtxt``, always the same for the same schema."""
    from google.protobuf import text_format

    return header + str(text_format.MessageToString(schema, as_utf8=True))


def role_of(problem: Problem, column: str) -> str:
    """Returns ``label``, ``dropped``, ``key``, ``time`` or ``feature``."""
    if column == problem.label:
        return "label"
    if column in problem.drop or column in problem.private:
        return "dropped"
    if column in problem.keys:
        return "key"
    return "time" if column == problem.time else "feature"


def is_class_label(dataset: Dataset, column: str) -> bool:
    """Says if a column is the label, and its whole numbers are names of classes."""
    problem = dataset.problem
    classes = problem.task in ("binary", "multiclass")
    return column == problem.label and classes and dataset.type_of(column) == "int"


def environment_of(schema: Any) -> str:
    """Returns TRAINING if the schema knows it, else an empty string: no environment."""
    return TRAINING if TRAINING in schema.default_environment else ""


def is_enforced(schema: Any, feature: Any, environment: str) -> bool:
    """Says if a feature is of a stage that is validated, and expected in an environment."""
    stage = feature.DESCRIPTOR.fields_by_name["lifecycle_stage"].enum_type.values_by_number[
        feature.lifecycle_stage
    ]
    if feature.deprecated or stage.name in NOT_ENFORCED:
        return False
    if not environment or environment in feature.in_environment:
        return True
    if environment in feature.not_in_environment:
        return False
    return environment in schema.default_environment


def domain_values(schema: Any, feature: Any) -> tuple[str, ...] | None:
    """Returns the text values that a feature may take, or None if it names none."""
    which = feature.WhichOneof("domain_info")
    if which == "string_domain":
        return tuple(feature.string_domain.value)
    if which == "bool_domain":
        return bool_texts(feature)
    if which == "domain":
        for domain in schema.string_domain:
            if domain.name == feature.domain:
                return tuple(domain.value)
    return None


def number_domain(schema: Any, feature: Any) -> Any | None:
    """Returns the ``IntDomain`` or ``FloatDomain`` of a feature, own or named; None: neither."""
    which = feature.WhichOneof("domain_info")
    if which == "domain":
        named = (*schema.int_domain, *schema.float_domain)
        return next((item for item in named if item.name == feature.domain), None)
    return getattr(feature, which) if which in ("int_domain", "float_domain") else None


def _set_presence(feature: Any, role: str, train: SplitStatistics) -> None:
    feature.ClearField("presence")
    if role == "dropped":
        return
    present = 1.0 - train.missing_share(feature.name)
    slack = 0.0 if role == "label" else PRESENCE_SLACK
    fraction = max(0.0, math.floor((present - slack) * 100 + 1e-9) / 100)
    if fraction > 0:
        feature.presence.min_fraction = fraction
    feature.presence.min_count = 1


def _set_domain(
    schema: Any, feature: Any, role: str, values: list[str], summary: Summary | None
) -> None:
    if role == "label" and summary is not None:
        values = sorted(value for value, _ in summary.counts)
    elif role in ("key", "dropped") or not _are_kinds(values, summary):
        return
    # A label of free text (nothing to predict) is the ingest's to refuse, not ours to list.
    if not values or len(values) > 1000:
        return
    schema.string_domain.add(name=feature.name, value=values)
    feature.domain = feature.name
    if role != "label":
        feature.distribution_constraints.min_domain_mass = DOMAIN_MASS


def _are_kinds(values: list[str], summary: Summary | None) -> bool:
    if not values or summary is None or LARGE in values:
        return False
    often = summary.values >= ROWS_PER_VALUE * len(values)
    return often and max(len(value) for value in values) <= LONGEST_VALUE


def _set_classes(feature: Any, train: SplitStatistics) -> None:
    feature.int_domain.is_categorical = True
    tally = train.tallies[feature.name]
    if tally.low is not None:
        feature.int_domain.min, feature.int_domain.max = tally.low, tally.high


def _clear_domain(feature: Any) -> None:
    which = feature.WhichOneof("domain_info")
    if which:
        feature.ClearField(which)


def _remove(schema: Any, name: str) -> None:
    kept = [feature for feature in schema.feature if feature.name != name]
    gone = [feature for feature in schema.feature if feature.name == name]
    orphaned = {name, *(feature.domain for feature in gone)} - {item.domain for item in kept}
    left = [domain for domain in schema.string_domain if domain.name not in orphaned]
    kept = [type(feature).FromString(feature.SerializeToString()) for feature in kept]
    left = [type(domain).FromString(domain.SerializeToString()) for domain in left]
    schema.ClearField("feature")
    schema.ClearField("string_domain")
    schema.feature.extend(kept)
    schema.string_domain.extend(left)


def _parse_error(text: str, error: Any) -> ConfigError:
    line, column = error.GetLine() or 1, error.GetColumn() or 1
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    message = re.sub(r"^\d+:\d+ : ", "", str(error))
    message = message.removeprefix(f"{shown!r}: ").strip()
    cause = [message]
    if 0 < len(shown) <= 200:
        cause += [shown, " " * (column - 1) + "^"]
    choices, suggestion = _alternatives(message)
    if "\n" not in text.strip() and re.fullmatch(r".+\.(pbtxt|txt|pb)", text.strip()):
        suggestion = "given_schema is the text of the file, not its path"
    return ConfigError(
        f"the given schema cannot be read: line {line}, column {column}",
        cause="\n".join(cause),
        choices=choices,
        hint=suggestion,
    )


def _alternatives(message: str) -> tuple[tuple[str, ...], str]:
    """Returns what may stand in the place of an unknown field or value, and the nearest to it."""
    from google.protobuf import descriptor_pool

    pool = descriptor_pool.Default()
    field = re.search(r'Message type "([\w.]+)" has no field named "(\w+)"', message)
    value = re.search(r'Enum type "([\w.]+)" has no value named (\w+)', message)
    if field:
        known = tuple(sorted(pool.FindMessageTypeByName(field[1]).fields_by_name))
        return known, nearest(field[2], known)
    if value:
        known = tuple(pool.FindEnumTypeByName(value[1]).values_by_name)
        return known, nearest(value[2], known)
    return (), ""
