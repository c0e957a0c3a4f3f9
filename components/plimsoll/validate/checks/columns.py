"""Our own checks of one column in one split; those that would otherwise pass in silence, too."""

import math
from typing import Any

import numpy as np

from plimsoll.errors import nearest, shortened
from plimsoll.quantities import rows_text, share_text, shown
from plimsoll.validate.checks import offending
from plimsoll.validate.checks.check import ERROR, LEVELS, MOST_VALUES, PASS, WARNING, Check, Context
from plimsoll.validate.schema.inference import domain_values, is_enforced, number_domain, role_of
from plimsoll.validate.statistics.arrays import feature_type, text_of

NEGLIGIBLE = 1e-6
"""A split without a single value is let pass if chance alone would do it more often than this."""
MISSING_JUMP = 0.5
"""How much more of a feature than in train may be missing before an inferred schema stops."""
TYPE_NAMES = {"INT": "whole numbers", "FLOAT": "numbers", "BYTES": "text", "STRUCT": "structures"}
COLUMN_TYPE_NAMES = {
    "int": "whole numbers",
    "float": "numbers",
    "bool": "true or false",
    "string": "text",
    "timestamp": "dates and times",
}


def column_checks(context: Context, split: str) -> list[Check]:
    """Returns the checks of each column of a split that has rows."""
    features = {feature.name: feature for feature in context.schema.feature}
    checks = _absent_columns(context, split)
    for column in context.dataset.columns:
        name = column.name
        feature = features.get(name)
        if feature is None:
            checks.append(_unexpected(context, split, name))
        enforced = feature is not None and is_enforced(context.schema, feature, context.environment)
        rule = feature if enforced else None
        type_check = _type(context, split, name, rule)
        checks += [type_check, _missing(context, split, name, rule)]
        if column.type == "float":
            checks.append(_finite(context, split, name, rule))
        checks.append(_constant(context, split, name))
        if rule is not None and type_check.level == PASS:
            checks += [_domain(context, split, name, rule), _range(context, split, name, rule)]
    checks.append(_classes(context, split))
    return [check for check in checks if check.kind]


NO_CHECK = Check(split="", kind="")


def is_used(context: Context, name: str) -> bool:
    """Says if a model or its evaluation reads the column."""
    return role_of(context.dataset.problem, name) in ("feature", "time", "label")


def _absent_columns(context: Context, split: str) -> list[Check]:
    known = context.dataset.column_names()
    checks = []
    for feature in context.schema.feature:
        needed = feature.presence.min_fraction > 0 or feature.presence.min_count > 0
        enforced = is_enforced(context.schema, feature, context.environment)
        if feature.name in known or not needed or not enforced:
            continue
        closest = nearest(feature.name, known)
        checks.append(
            Check(
                split=split,
                column=feature.name,
                kind="column",
                level=ERROR,
                expected="the column",
                observed="no such column" + (f" ({closest})" if closest else ""),
            )
        )
    return checks


def _unexpected(context: Context, split: str, name: str) -> Check:
    return Check(
        split=split,
        column=name,
        kind="column",
        level=context.config.new_columns or (ERROR if is_used(context, name) else WARNING),
        expected="only the columns of the schema",
        observed=f"a column of {COLUMN_TYPE_NAMES[context.types[name]]} that it does not name",
    )


def _type(context: Context, split: str, name: str, rule: Any | None) -> Check:
    expected, actual = feature_type(rule), context.encodings[name].tfdv
    fits = not expected or expected == actual
    return Check(
        split=split,
        column=name,
        kind="type",
        level=PASS if fits else ERROR,
        measured=actual,
        allowed=expected or None,
        expected="" if fits else f"{TYPE_NAMES[expected]} ({expected})",
        observed="" if fits else f"{COLUMN_TYPE_NAMES[context.types[name]]} ({actual})",
    )


def _missing(context: Context, split: str, name: str, rule: Any | None) -> Check:
    measured = context.measured[split]
    share = measured.missing_share(name)
    present = measured.rows - measured.tallies[name].missing
    allowed, fewest = 1.0, 0
    if rule is not None:
        # A shape promises a value in each row.
        allowed = 0.0 if rule.HasField("shape") else 1.0 - rule.presence.min_fraction
        fewest = rule.presence.min_count
    if present == 0 and is_used(context, name):
        level = ERROR if _is_unlikely(context, split, name) else WARNING
        expected, observed = "values", f"none in {rows_text(measured.rows)}"
    elif share > allowed + 1e-9:
        level = _level(context)
        expected = f"a value in at least {share_text(1.0 - allowed)} of the rows"
        observed = f"{share_text(share)} of {rows_text(measured.rows)} without one"
    elif present < fewest:
        level = _level(context)
        expected, observed = f"values in at least {rows_text(fewest)}", f"values in {present:,}"
    else:
        level, expected, observed = PASS, "", ""
    if not context.is_given and level == WARNING and share > _missing_limit(context, split, name):
        level = ERROR
        expected += f" (train has one in {share_text(1 - _train_share(context, name))})"
    return Check(
        split=split,
        column=name,
        kind="missing",
        level=level,
        measured=share,
        allowed=allowed,
        expected=expected,
        observed=observed,
    )


def _is_unlikely(context: Context, split: str, name: str) -> bool:
    """Says if rows as full as the others would hardly ever all be empty."""
    rows = context.measured[split].rows
    if split != "train":
        return bool(_train_share(context, name) ** rows < NEGLIGIBLE)
    splits = list(context.measured.values())
    missing = sum(measured.tallies[name].missing for measured in splits)
    total = sum(measured.rows for measured in splits)
    return missing == total or bool((missing / total) ** rows < NEGLIGIBLE)


def _missing_limit(context: Context, split: str, name: str) -> float:
    """Returns the missing share past which an inferred schema stops; infinite: never."""
    if split == "train" or not is_used(context, name):
        return math.inf
    share, rows = _train_share(context, name), context.measured[split].rows
    return share + MISSING_JUMP + 3 * math.sqrt(share * (1 - share) / rows)


def _train_share(context: Context, name: str) -> float:
    return context.measured["train"].missing_share(name)


def _finite(context: Context, split: str, name: str, rule: Any | None) -> Check:
    tally = context.measured[split].tallies[name]
    domain = rule.float_domain if rule is not None else None
    level = PASS
    observed: list[str] = []
    bad = offending.OffendingValues()
    if tally.nan:
        level = ERROR if domain is not None and domain.disallow_nan else WARNING
        observed.append(f"{tally.nan:,} NaN (counted as missing)")
    if tally.infinite:
        meant = domain is not None and domain.HasField("disallow_inf") and not domain.disallow_inf
        stops = is_used(context, name) and not meant
        level = ERROR if stops else max(level, WARNING, key=LEVELS.index)
        bad = offending.find(context.dataset, split, name, offending.infinite)
        observed.append(f"{tally.infinite:,} infinit{'y' if tally.infinite == 1 else 'ies'}")
    return Check(
        split=split,
        column=name,
        kind="finite",
        level=level,
        measured=tally.nan + tally.infinite,
        allowed=0,
        expected="finite numbers" if observed else "",
        observed=" and ".join(observed),
        values=bad.values,
        locations=bad.locations,
    )


def _constant(context: Context, split: str, name: str) -> Check:
    measured = context.measured[split]
    tally, summary = measured.tallies[name], measured.summaries.get(name)
    if split != "train" or not is_used(context, name) or tally.missing or summary is None:
        return NO_CHECK
    if tally.low is not None:
        constant, value = bool(tally.low == tally.high), text_of(tally.low)
    else:
        constant, value = summary.distinct == 1, summary.counts[0][0] if summary.counts else ""
    level = ERROR if role_of(context.dataset.problem, name) == "label" else WARNING
    return Check(
        split=split,
        column=name,
        kind="constant",
        level=level if constant else PASS,
        measured="one value" if constant else "several values",
        allowed="several values",
        expected="at least two different values" if constant else "",
        observed=f"one value only, {shown(value)}, from which nothing is learnt"
        if constant
        else "",
    )


def _domain(context: Context, split: str, name: str, rule: Any) -> Check:
    values = domain_values(context.schema, rule)
    summary = context.measured[split].summaries.get(name)
    if values is None or summary is None or not summary.is_text or not summary.values:
        return NO_CHECK
    bad = _values_outside_domain(context, split, name, values)
    rows = bad.rows
    # The summary may be of a part of the rows only.
    total = context.measured[split].rows - context.measured[split].tallies[name].missing
    share, allowed = rows / total, 0.0
    if rule.distribution_constraints.HasField("min_domain_mass"):
        allowed = 1.0 - rule.distribution_constraints.min_domain_mass
    level = WARNING if rows else PASS
    listed = shortened([shown(value) for value in values], 8)
    if context.is_given and share > allowed + 1e-9:
        level = ERROR
    return Check(
        split=split,
        column=name,
        kind="values",
        level=level,
        measured=share,
        allowed=allowed,
        expected=f"one of {len(values):,} values ({listed})" if rows else "",
        observed=f"others in {share_text(share)} of {rows_text(total)}" if rows else "",
        values=bad.values,
        locations=bad.locations,
    )


def _values_outside_domain(
    context: Context, split: str, name: str, values: tuple[str, ...]
) -> offending.OffendingValues:
    """Returns the values that are not in a domain; the rows are only read again if there are."""
    summary = context.measured[split].summaries[name]
    if summary.has_all_counts or context.types[name] != "string":
        strange = {value: rows for value, rows in summary.counts if value not in values}
        if not strange or context.types[name] != "string":
            most = sorted(strange, key=lambda value: (-strange[value], value))[:MOST_VALUES]
            return offending.OffendingValues(
                rows=sum(strange.values()), values=tuple((item, strange[item]) for item in most)
            )
    return offending.find(context.dataset, split, name, offending.not_among(values))


def _range(context: Context, split: str, name: str, rule: Any) -> Check:
    tally = context.measured[split].tallies[name]
    low, high = _bounds(context.schema, rule)
    ordered = context.types[name] in ("int", "float") and tally.low is not None
    if not ordered or (low is None and high is None):
        return NO_CHECK
    bad = offending.OffendingValues()
    if (low is not None and tally.low < low) or (high is not None and tally.high > high):
        bad = offending.find(context.dataset, split, name, offending.outside(low, high))
    rows = bad.rows
    ends = [f"at least {low:.15g}"] if low is not None else []
    ends += [f"at most {high:.15g}"] if high is not None else []
    spread = f"{tally.low:.15g} to {tally.high:.15g}"
    return Check(
        split=split,
        column=name,
        kind="range",
        level=_level(context) if rows else PASS,
        measured=spread,
        allowed=" and ".join(ends),
        expected=" and ".join(ends) if rows else "",
        observed=f"values from {spread}, {rows_text(rows)} outside" if rows else "",
        values=bad.values,
        locations=bad.locations,
    )


def _bounds(schema: Any, rule: Any) -> tuple[float | None, float | None]:
    domain = number_domain(schema, rule)
    if domain is None:
        return None, None
    low = _as_written(domain.min) if domain.HasField("min") else None
    high = _as_written(domain.max) if domain.HasField("max") else None
    return low, high


def _as_written(bound: float) -> float:
    """Undoes the proto's single precision: 0.1 must not become 0.10000000149."""
    return bound if isinstance(bound, int) else float(str(np.float32(bound)))


def _classes(context: Context, split: str) -> Check:
    problem = context.dataset.problem
    if split == "train" or problem.task == "regression":
        return NO_CHECK
    known = offending.distinct_values(context.dataset, "train", problem.label)
    classes = offending.distinct_values(context.dataset, split, problem.label)
    strange, bad = classes - known, offending.OffendingValues()
    if strange:
        bad = offending.find(context.dataset, split, problem.label, offending.not_among(known))
        level = ERROR
        expected, observed = "classes that train has", f"others in {rows_text(bad.rows)}"
    elif len(classes) < 2:
        level = WARNING
        expected, observed = "at least two classes", "fewer, so that it cannot be judged"
    else:
        level, expected, observed = PASS, "", ""
    return Check(
        split=split,
        column=problem.label,
        kind="classes",
        level=level,
        measured=len(strange),
        allowed=0,
        expected=expected,
        observed=observed,
        values=bad.values,
        locations=bad.locations,
    )


def _level(context: Context) -> str:
    """What breaks a given schema stops; an inferred one saw the train split alone, and warns."""
    return ERROR if context.is_given else WARNING
