"""Checks of a data set against another: what no distance shows, or what has no distance."""

from collections.abc import Sequence
from dataclasses import replace

from plimsoll.errors import nearest
from plimsoll.formats.distributions import CATEGORICAL, NUMERIC, Distribution
from plimsoll.quantities import share_text, shown
from plimsoll.validate.checks.check import ERROR, LEVELS, PASS, WARNING, Check, Context
from plimsoll.validate.checks.columns import COLUMN_TYPE_NAMES, NEGLIGIBLE, is_used
from plimsoll.validate.drift.measurement import BASELINE, SERVING, TRAIN, DatasetPair, Measurement
from plimsoll.validate.drift.thresholds import threshold
from plimsoll.validate.schema.inference import role_of

REFERENCES = {BASELINE: "the last span", SERVING: "train", TRAIN: "train"}
"""What a pair's reference is called."""
KINDS = {BASELINE: "drift", SERVING: "skew", TRAIN: "drift"}


def reference_checks(context: Context, pair: DatasetPair, level: str, alpha: float) -> list[Check]:
    """Returns the checks of each column that is used, of a pair of data sets.

    Args:
        context: The data set and what was measured of it.
        pair: The data sets.
        level: What a shift is: ``warning`` or ``error``.
        alpha: How often chance may take one check past its line.
    """
    # A split without rows has no columns here; that it is empty is reported already.
    checks = _columns(context, pair) if pair.against != TRAIN and pair.current else []
    for name, current in pair.current.items():
        reference = pair.reference.get(name)
        if reference is None or not is_used(context, name) or not (reference.rows and current.rows):
            continue
        if reference.kind != current.kind:
            checks.append(_type(pair, name, reference, current))
            continue
        checks.append(_missing(context, pair, name, level, alpha))
        if reference.nan + reference.infinite + current.nan + current.infinite:
            checks.append(_not_finite(context, pair, name, level, alpha))
        checks.append(_constant(pair, name, reference, current))
        if current.kind == CATEGORICAL and reference.values and current.values:
            checks.append(_unseen(context, pair, name, level, alpha))
    return checks


def drift_checks(measurements: Sequence[Measurement]) -> list[Check]:
    """Returns a check for each column that drifted; what passed is in the measurements alone."""
    groups: dict[tuple[str, str, str], list[Measurement]] = {}
    for item in measurements:
        if item.level != PASS:
            groups.setdefault((item.column, item.against, item.split), []).append(item)
    return [_drifted(items) for items in groups.values()]


def _drifted(items: Sequence[Measurement]) -> Check:
    # The gravest, and of equally grave ones the first that was requested.
    worst = max(items, key=lambda item: LEVELS.index(item.level))
    measured = f"{worst.distance} {worst.value:.2g}"
    allowed = f"line {worst.threshold:.2g}, {worst.how}"
    also = [f"{item.distance} {item.value:.2g}" for item in items if item is not worst]
    beside = f", also {', '.join(also)}" if also else ""
    change = f"; {worst.change}" if worst.change else ""
    return Check(
        split=worst.split,
        column=worst.column,
        kind=KINDS[worst.against],
        level=worst.level,
        measured=worst.value,
        allowed=worst.threshold,
        against=worst.against,
        expected=f"{worst.distance} to {REFERENCES[worst.against]} of at most "
        f"{worst.threshold:.2g} ({worst.how})",
        observed=f"{worst.value:.2g}{beside}{change}",
        text=f"column {worst.column!r} {_phrase(worst)}: {measured} ({allowed}){beside}{change}",
    )


def _phrase(item: Measurement) -> str:
    if item.against == BASELINE:
        return "drifted since the last span"
    if item.against == SERVING:
        return "is asked otherwise than it was in train"
    return f"in {item.split} differs from train"


def _columns(context: Context, pair: DatasetPair) -> list[Check]:
    """Checks that no column went, and reports those that came."""
    problem = context.dataset.problem
    gone = [name for name in pair.reference if name not in pair.current]
    come = [name for name in pair.current if name not in pair.reference]
    if pair.against == SERVING:
        # Serving has to have what a model reads; what else it has is its own.
        gone = [name for name in gone if role_of(problem, name) == "feature"]
        come = []
    checks = []
    for name in gone:
        if name in problem.private or name in problem.drop:
            continue
        closest = nearest(name, come)
        checks.append(
            Check(
                split=_where(pair),
                column=name,
                kind="column",
                level=ERROR,
                expected=f"the column, as in {REFERENCES[pair.against]}",
                observed="no such column" + (f" ({closest})" if closest else ""),
                against=pair.against,
            )
        )
    for name in come:
        checks.append(
            Check(
                split=_where(pair),
                column=name,
                kind="column",
                level=context.config.new_columns or WARNING,
                expected=f"only the columns of {REFERENCES[pair.against]}",
                observed=f"a new column of {COLUMN_TYPE_NAMES[pair.current[name].type]}",
                against=pair.against,
            )
        )
    return checks


def _where(pair: DatasetPair) -> str:
    """Returns the side of a pair that a check is about."""
    return SERVING if pair.against == SERVING else pair.split


def _type(pair: DatasetPair, name: str, reference: Distribution, current: Distribution) -> Check:
    return Check(
        split=_where(pair),
        column=name,
        kind="type",
        level=WARNING if pair.against == TRAIN else ERROR,
        measured=current.type,
        allowed=reference.type,
        expected=f"{COLUMN_TYPE_NAMES[reference.type]}, as in {REFERENCES[pair.against]}",
        observed=COLUMN_TYPE_NAMES[current.type],
        against=pair.against,
    )


def _missing(context: Context, pair: DatasetPair, name: str, level: str, alpha: float) -> Check:
    sides = pair.reference[name], pair.current[name]
    texts = "about {} of the rows without a value", "{} without one"
    return replace(
        _shift(context, pair, sides, level, alpha, texts), column=name, kind="missing shift"
    )


def _not_finite(context: Context, pair: DatasetPair, name: str, level: str, alpha: float) -> Check:
    """Compares the shares of NaN and infinities, which no distance sees."""
    # Taken for the missing ones, without chunks: those were cut by all that is missing.
    reference, current = (
        replace(side[name], nulls=0, calibration={}) for side in (pair.reference, pair.current)
    )
    texts = "NaN or infinities in about {} of the rows", "them in {}"
    return replace(
        _shift(context, pair, (reference, current), level, alpha, texts),
        column=name,
        kind="finite shift",
    )


def _shift(
    context: Context,
    pair: DatasetPair,
    sides: tuple[Distribution, Distribution],
    level: str,
    alpha: float,
    texts: tuple[str, str],
) -> Check:
    before, after = (side.missing_share for side in sides)
    shift = abs(after - before)
    allowed, _ = threshold("missing", *sides, alpha, context.config.missing_shift, pair.name)
    shifted = shift > allowed + 1e-9
    expected = f"{texts[0].format(share_text(before))}, as in {REFERENCES[pair.against]}"
    return Check(
        split=_where(pair),
        kind="",
        level=level if shifted else PASS,
        measured=round(shift, 6),
        allowed=round(allowed, 6),
        expected=expected if shifted else "",
        observed=texts[1].format(share_text(after)) if shifted else "",
        against=pair.against,
    )


def _constant(
    pair: DatasetPair, name: str, reference: Distribution, current: Distribution
) -> Check:
    constant = _is_constant(current) and reference.values > 0 and not _is_constant(reference)
    value = _only_value(current) if constant else ""
    chunks = reference.calibration.get("constant")
    turned = constant and not (chunks and chunks.mean) and not _by_chance(reference, current)
    level = WARNING if pair.against == TRAIN else ERROR
    zero = "zero everywhere" if value in ("0", "0.0") else f"one value only, {shown(value)}"
    return Check(
        split=_where(pair),
        column=name,
        kind="turned constant",
        level=level if turned else PASS,
        measured="one value" if constant else "several values",
        allowed="several values",
        expected=f"several values, as in {REFERENCES[pair.against]}" if turned else "",
        observed=zero if turned else "",
        against=pair.against,
    )


def _is_constant(one: Distribution) -> bool:
    if not one.values:
        return False
    return one.low == one.high if one.kind == NUMERIC else one.distinct == 1


def _only_value(one: Distribution) -> str:
    if one.kind == CATEGORICAL:
        return one.counts[0][0]
    value = one.points[0]
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)


def _by_chance(reference: Distribution, current: Distribution) -> bool:
    """Says if rows like the reference's may well all have the one value that there is."""
    if current.kind == CATEGORICAL:
        share = dict(reference.counts).get(current.counts[0][0], 0) / reference.values
    else:
        share = _share_at(reference, current.points[0])
    # The share of a value that the reference has never had is not known to be zero.
    share = max(share, 1 / (reference.values + 1))
    return bool(share**current.values >= NEGLIGIBLE)


def _share_at(one: Distribution, value: float) -> float:
    if value not in one.points:
        return 0.0
    index = one.points.index(value)
    return (one.at_most[index] - one.below[index]) / one.values


def _unseen(context: Context, pair: DatasetPair, name: str, level: str, alpha: float) -> Check:
    from plimsoll.validate.drift.contingency_table import categorical_table

    reference, current = pair.reference[name], pair.current[name]
    table = categorical_table(reference, current)
    share = float(table.second[table.first <= 0].sum())
    allowed, how = threshold(
        "unseen", reference, current, alpha, context.config.unseen_share, pair.name
    )
    check = Check(
        split=_where(pair),
        column=name,
        kind="unseen values",
        measured=round(share, 6),
        allowed=round(allowed, 6),
        against=pair.against,
    )
    if share <= allowed + 1e-9:
        return check
    return replace(
        check,
        level=level,
        expected=f"values that {REFERENCES[pair.against]} has, but for {share_text(allowed)} "
        f"of the rows ({how})",
        observed=f"{current.distinct:,} different values; {share_text(share)} of the rows have one "
        "never seen there",
    )
