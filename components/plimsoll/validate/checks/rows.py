"""Checks of a data set as a whole: its rows, and that what it is compared with is there."""

from typing import Any

from plimsoll.problem import SPLITS
from plimsoll.quantities import rows_text, share_text
from plimsoll.validate.checks.check import ERROR, PASS, Check, Context
from plimsoll.validate.config import Comparison
from plimsoll.validate.drift.measurement import BASELINE
from plimsoll.validate.drift.reference import Reference

ALL = "all splits"


def split_rows(context: Context, split: str) -> Check:
    """Returns the check of a split's rows: at least one, and what the schema says."""
    rows, fewest, most = context.measured[split].rows, 1, 0
    if context.schema.HasField("dataset_constraints"):
        constraints = context.schema.dataset_constraints
        fewest = max(fewest, constraints.min_examples_count)
        most = constraints.max_examples_count
    expected = ""
    if rows < fewest:
        expected = f"at least {rows_text(fewest)}"
    elif most and rows > most:
        expected = f"at most {rows_text(most)}"
    return Check(
        split=split,
        kind="rows",
        level=ERROR if expected else PASS,
        measured=rows,
        allowed=most if most and rows > most else fewest,
        expected=expected,
        observed="" if not expected else f"{rows:,}" if rows else "none",
    )


def dataset_checks(context: Context, baseline: Reference | None) -> list[Check]:
    """Returns the checks of all splits together: rows from a floor, and as a share of before."""
    total = sum(context.measured[split].rows for split in SPLITS)
    # Each split has to have a row anyway.
    checks = [_floor(total, context.config.min_rows)] if context.config.min_rows > 1 else []
    if baseline is not None:
        least = context.config.min_rows_share
        if least:
            checks.append(_share(total, baseline, least, 0.0, "validate config"))
        checks += _comparators(context.schema, total, baseline)
    return checks


def missing_reference(name: str, given: str, requester: str, *, first_run: bool) -> Check:
    """Returns the check that what a comparison needs is there, where it is not.

    Args:
        name: ``baseline`` or ``serving``.
        given: The path that was given; may be empty.
        requester: What asks for the comparison.
        first_run: If the config says that there is nothing yet.
    """
    if first_run:
        return Check(split=ALL, kind=name, measured="none", allowed="none, on the first run")
    needed = "a baseline to compare with" if name == BASELINE else "what the model is asked"
    where = f"nothing lies in {given}" if given else "none was given"
    return Check(
        split=ALL,
        kind=name,
        level=ERROR,
        measured="none",
        allowed="one",
        expected=f"{needed}, because of {requester}",
        observed=f"{where}; if there is none yet, say first_run in the config",
    )


def comparison_requester(schema: Any, comparison: Comparison, name: str, given: str) -> str:
    """Returns what asks for a comparison; empty: nothing does.

    Args:
        schema: The schema.
        comparison: What the config says of it.
        name: With what: ``baseline`` or ``serving``.
        given: The path that was given; may be empty.
    """
    if given:
        return f"the {name} that was given"
    if comparison.level == "off":
        return ""
    field = "drift_comparator" if name == BASELINE else "skew_comparator"
    for feature in schema.feature:
        if feature.HasField(field):
            return f"the {field} of {feature.name!r} in the schema"
    if name == BASELINE and schema.HasField("dataset_constraints"):
        for item in ("num_examples_drift_comparator", "num_examples_version_comparator"):
            if schema.dataset_constraints.HasField(item):
                return f"the {item} in the schema"
    if comparison != Comparison():
        return f"{'drift' if name == BASELINE else 'skew'} in the config"
    return ""


def _floor(total: int, fewest: int) -> Check:
    enough = total >= fewest
    return Check(
        split=ALL,
        kind="rows",
        level=PASS if enough else ERROR,
        measured=total,
        allowed=fewest,
        expected="" if enough else f"at least {rows_text(fewest)}",
        observed="" if enough else f"{total:,}",
    )


def _share(total: int, baseline: Reference, least: float, most: float, source: str) -> Check:
    share = total / baseline.total if baseline.total else float("inf")
    expected = ""
    if share < least:
        expected = f"at least {share_text(least)} of the last span's {rows_text(baseline.total)}"
    elif most and share > most:
        expected = f"at most {share_text(most)} of the last span's {rows_text(baseline.total)}"
    return Check(
        split=ALL,
        kind="rows",
        level=ERROR if expected else PASS,
        measured=round(share, 6) if baseline.total else "no rows before",
        allowed=most if most and share > most else least,
        expected=f"{expected} ({source})" if expected else "",
        observed=f"{total:,}, {share_text(share)} of them" if expected else "",
        against=BASELINE,
    )


def _comparators(schema: Any, total: int, baseline: Reference) -> list[Check]:
    if not schema.HasField("dataset_constraints"):
        return []
    constraints = schema.dataset_constraints
    checks = []
    for name in ("num_examples_drift_comparator", "num_examples_version_comparator"):
        if constraints.HasField(name):
            bounds = getattr(constraints, name)
            least, most = bounds.min_fraction_threshold, bounds.max_fraction_threshold
            checks.append(_share(total, baseline, least, most, name))
    return checks
