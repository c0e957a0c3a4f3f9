"""All checks of a split: its rows, our own of each column, and what else TFDV objects to."""

from collections.abc import Sequence

from plimsoll.validate.checks.check import ERROR, PASS, WARNING, Check, Context
from plimsoll.validate.checks.columns import column_checks, is_used
from plimsoll.validate.checks.rows import split_rows
from plimsoll.validate.statistics.tfdv import Finding, validate

KINDS = {
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "values",
    "BOOL_TYPE_UNEXPECTED_STRING": "values",
    "FEATURE_TYPE_NOT_PRESENT": "missing",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": "missing",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": "missing",
    "INVALID_FEATURE_SHAPE": "missing",
    "SCHEMA_MISSING_COLUMN": "column",
    "SCHEMA_NEW_COLUMN": "column",
    "UNEXPECTED_DATA_TYPE": "type",
    "INT_TYPE_BIG_INT": "range",
    "INT_TYPE_SMALL_INT": "range",
    "FLOAT_TYPE_BIG_FLOAT": "range",
    "FLOAT_TYPE_SMALL_FLOAT": "range",
    "BOOL_TYPE_BIG_INT": "range",
    "BOOL_TYPE_SMALL_INT": "range",
    "FLOAT_TYPE_HAS_NAN": "finite",
    "FLOAT_TYPE_HAS_INF": "finite",
    "DATASET_LOW_NUM_EXAMPLES": "rows",
    "DATASET_HIGH_NUM_EXAMPLES": "rows",
}
"""What TFDV calls it -> the kind of our own check that says the same in more words."""


def check_split(context: Context, split: str) -> list[Check]:
    """Returns all checks of a split, those that passed too."""
    rows = split_rows(context, split)
    if not context.measured[split].rows:
        return [rows]
    own = [rows, *column_checks(context, split)]
    findings = (
        validate(context.measured[split].statistics, context.schema, context.environment)
        if context.is_given or split != "train"
        else []
    )
    return own + tfdv_checks(context, split, own, findings)


def tfdv_checks(
    context: Context, split: str, own: Sequence[Check], findings: Sequence[Finding]
) -> list[Check]:
    """Returns a check for each finding of TFDV that our own checks do not report already.

    Args:
        context: What was measured.
        split: What the findings are of: a split, or ``serving``.
        own: Our checks of it, those that passed too.
        findings: What TFDV objects to.
    """
    # Of ranges ours is the exact one: TFDV rounds bounds to single precision.
    reported = {
        (item.column, item.kind) for item in own if item.level != PASS or item.kind == "range"
    }
    mistyped = {column for column, kind in reported if kind == "type"}
    # What the schema names is enforced as written; of other columns, only those that are used.
    unnamed = set(context.dataset.column_names()) - {item.name for item in context.schema.feature}
    checks = []
    for finding in findings:
        kind = KINDS.get(finding.kind, "schema")
        if (finding.column, kind) in reported or finding.column in mistyped:
            continue
        matters = finding.column not in unnamed or is_used(context, finding.column)
        checks.append(
            Check(
                split=split,
                column=finding.column,
                kind=kind,
                level=ERROR if context.is_given and matters else WARNING,
                expected="what the schema says",
                observed=_description(finding),
            )
        )
    return checks


def _description(finding: Finding) -> str:
    headline = finding.headline.rstrip(".")
    text = f"{headline}: {finding.description}" if finding.description else headline
    return f"{text[:1].lower()}{text[1:]}".rstrip(". ")
