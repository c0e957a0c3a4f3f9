"""The page of the data gate: the verdict, what was found, and what each column holds."""

from collections.abc import Sequence

from plimsoll.pictures.markup import Html, element, joined
from plimsoll.pictures.page import Page
from plimsoll.pictures.tables import cards, facts, notice
from plimsoll.problem import SPLITS
from plimsoll.validate.checks.check import ERROR, PASS, WARNING, Check, Context
from plimsoll.validate.report.anomalies import anomalies_html, failed_checks
from plimsoll.validate.report.columns import columns_note, columns_table
from plimsoll.validate.report.drift import drift, drift_card, drift_note
from plimsoll.validate.report.missing import missingness
from plimsoll.validate.report.relations import relations, relations_note

MOST_NAMED = 60
FAILED = "Anomalies stop a run in mode fail; warnings never do."
MISSING = "Shares of rows without a usable value: null, NaN or infinite."


def report_html(context: Context, checks: Sequence[Check], mode: str) -> str:
    """Returns the page: self-contained, without scripts, readable with five columns or 500.

    Args:
        context: What was measured.
        checks: Every check, those that passed too.
        mode: What the gate does about anomalies: ``fail``, ``warn`` or ``branch``.
    """
    failed = failed_checks(checks)
    page = Page("Data validation", _lede(context))
    page.add_bare("", joined([_verdict(checks, mode), _cards(context, checks)]))
    if failed:
        page.add_bare("What was found", anomalies_html(failed), FAILED)
    if context.drift:
        page.add_bare("Drift", drift(context), drift_note(context))
    page.add_bare("Missing values", missingness(context), MISSING)
    page.add_bare("Correlations", relations(context), relations_note(context))
    page.add_bare("Columns", columns_table(context, failed), columns_note(context))
    page.add("Checked", _checked(context))
    return page.html()


def _lede(context: Context) -> str:
    source = "the schema that was given" if context.is_given else "a schema inferred from train"
    return (
        f"Each split, measured with TensorFlow Data Validation and checked against {source}. "
        f"The label is {context.dataset.problem.label}."
    )


def _verdict(checks: Sequence[Check], mode: str) -> Html:
    errors = sum(check.level == ERROR for check in checks)
    warnings = sum(check.level == WARNING for check in checks)
    beside = f"{warnings} warning{'' if warnings == 1 else 's'} beside." if warnings else ""
    anomalies = f"{errors} anomal{'y' if errors == 1 else 'ies'}"
    if not errors:
        tone = "warn" if warnings else "good"
        counted = f"{len(checks):,} check{'' if len(checks) == 1 else 's'}"
        return notice(f"Passed: {counted}, no anomalies", beside, tone)
    headings = {
        "fail": f"Stopped: {anomalies}",
        "branch": f"Not passed: {anomalies}; the pipeline decides, because mode is branch",
    }
    heading = headings.get(mode, f"Let through with {anomalies}, because mode is {mode}")
    return notice(heading, beside, "bad")


def _cards(context: Context, checks: Sequence[Check]) -> Html:
    tiles: list[tuple[str, object, object]] = [
        (f"rows in {split}", context.measured[split].rows, _failed_text(checks, split))
        for split in SPLITS
    ]
    features = len(context.dataset.feature_columns())
    tiles.append(("columns", len(context.dataset.columns), f"{features} of them features"))
    drifted = drift_card(context)
    if drifted is not None:
        tiles.append(drifted)
    return element("div", cards(tiles), style="margin-top:14px")


def _failed_text(checks: Sequence[Check], split: str) -> str:
    failed = sum(check.level != PASS and check.split == split for check in checks)
    return f"{failed} found" if failed else "nothing found"


def _checked(context: Context) -> Html:
    problem = context.dataset.problem
    dropped = ", ".join(problem.drop[:MOST_NAMED])
    if problem.drop[MOST_NAMED:]:
        dropped += f" and {len(problem.drop) - MOST_NAMED:,} more"
    items: dict[str, object] = {
        "Data set": context.dataset.id,
        "Schema": "given, enforced as written" if context.is_given else "inferred from train",
        "Environment": context.environment or "none",
        "Task": problem.task,
        "Dropped": dropped or "none",
        "Baseline": f"{len(context.baseline):,} columns" if context.baseline else "none",
        "Serving": f"{len(context.serving):,} columns" if context.serving else "none",
    }
    if problem.private:
        items["Private"] = f"{len(problem.private)} columns, never measured"
    return facts(items)
