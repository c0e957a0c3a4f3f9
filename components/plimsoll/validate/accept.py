"""Edits a schema so that it accepts the anomalies that were found, and no more than those."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from plimsoll.formats.dataset import Dataset
from plimsoll.problem import SPLITS
from plimsoll.statistics.tally import Tally
from plimsoll.validate.checks import offending
from plimsoll.validate.checks.check import ERROR, PASS, Check
from plimsoll.validate.schema.inference import domain_values
from plimsoll.validate.statistics.arrays import text_of

MOST_NEW_VALUES = 1000
"""With more new values than this, a column's values are no domain."""
MOST_DISTINCT = 5_000_000
STEP = 1e-4
"""What an accepted share of rows with a value is rounded down to."""
RETIRED = "DEPRECATED"


def checks_to_accept(checks: Sequence[Check], columns: Sequence[str] = ()) -> list[Check]:
    """Returns the checks that are to be accepted; those against other data are no schema's.

    Args:
        checks: What the gate found.
        columns: Columns to accept, their warnings and a changed type too; empty: all anomalies
            but those of a changed type, which nothing but a person should accept.
    """
    checks = [check for check in checks if not check.against]
    if columns:
        return [check for check in checks if check.column in columns and check.level != PASS]
    return [check for check in checks if check.level == ERROR and check.kind != "type"]


def accepted(
    schema: Any, checks: Sequence[Check], dataset: Dataset, infer: Callable[[], Any]
) -> Any:
    """Returns a schema that accepts what some checks found; what no schema accepts stays.

    Args:
        schema: The ``Schema`` that the data were checked with; not changed.
        checks: What to accept, of all splits.
        dataset: The data set that was checked: what the checks report only in part is read there.
        infer: Returns the schema that would be inferred from it; called only for new columns and
            changed types.
    """
    result = _copy(schema)
    editor = _Editor(result, dataset, infer)
    grouped: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        grouped.setdefault((check.column, check.kind), []).append(check)
    retyped = {column for column, kind in grouped if kind == "type"}
    for (column, kind), same in grouped.items():
        # What was measured of a column of another type is measured again.
        if kind == "type" or column not in retyped:
            editor.accept(kind, column, same)
    return result


class _Editor:
    """A schema while it is edited, and where to look things up."""

    def __init__(self, schema: Any, dataset: Dataset, infer: Callable[[], Any]) -> None:
        self.schema = schema
        self.dataset = dataset
        self._infer = infer
        self._inferred: Any | None = None

    def accept(self, kind: str, column: str, checks: Sequence[Check]) -> None:
        """Accepts what checks of one kind report of a column, if a schema can."""
        feature = next((item for item in self.schema.feature if item.name == column), None)
        if kind == "rows":
            _rows(self, checks)
        elif kind == "column" and feature is None:
            _add_column(self, column)
        elif feature is not None and kind in _EDITS:
            _EDITS[kind](self, feature, checks)

    def inferred(self, name: str) -> tuple[Any, tuple[str, ...] | None]:
        """Returns a column's inferred feature without its domain of texts, and that."""
        if self._inferred is None:
            self._inferred = self._infer()
        feature = _copy(next(item for item in self._inferred.feature if item.name == name))
        values = None
        if feature.WhichOneof("domain_info") == "domain":
            values = domain_values(self._inferred, feature)
            feature.ClearField("domain")
        return feature, values

    def own_domain(self, feature: Any) -> Any | None:
        """Returns the domain that is this column's alone; one shared with others is copied."""
        which = feature.WhichOneof("domain_info")
        if which != "domain":
            return getattr(feature, which) if which else None
        users = sum(item.domain == feature.domain for item in self.schema.feature)
        for kind in ("string_domain", "int_domain", "float_domain"):
            for domain in getattr(self.schema, kind):
                if domain.name != feature.domain:
                    continue
                if users == 1:
                    return domain
                return _own(feature, kind, domain)
        return None


def _copy(message: Any) -> Any:
    result = type(message)()
    result.CopyFrom(message)
    return result


def _own(feature: Any, kind: str, domain: Any) -> Any:
    """Gives a feature a copy of a named domain for itself, and returns that."""
    own = _copy(domain)
    own.ClearField("name")
    feature.ClearField("domain")
    getattr(feature, kind).CopyFrom(own)
    return getattr(feature, kind)


def _retire_column(_: _Editor, feature: Any, _checks: Sequence[Check]) -> None:
    stages = feature.DESCRIPTOR.fields_by_name["lifecycle_stage"].enum_type
    feature.lifecycle_stage = stages.values_by_name[RETIRED].number


def _add_column(editor: _Editor, column: str) -> None:
    fresh, values = editor.inferred(column)
    if not _knows_environments(editor.schema):
        fresh.ClearField("in_environment")
        fresh.ClearField("not_in_environment")
    if values is not None:
        taken = {domain.name for domain in editor.schema.string_domain}
        if column in taken:
            fresh.string_domain.value.extend(values)
        else:
            editor.schema.string_domain.add(name=column, value=values)
            fresh.domain = column
    editor.schema.feature.add().CopyFrom(fresh)


def _knows_environments(schema: Any) -> bool:
    from plimsoll.formats.statistics import SERVING

    named = set(schema.default_environment)
    for feature in schema.feature:
        named |= set(feature.in_environment) | set(feature.not_in_environment)
    return not named or SERVING in named


def _type(editor: _Editor, feature: Any, _: Sequence[Check]) -> None:
    fresh, _values = editor.inferred(feature.name)
    feature.type = fresh.type
    feature.ClearField("distribution_constraints")
    for domain in ("domain", feature.WhichOneof("domain_info")):
        if domain:
            feature.ClearField(domain)
    which = fresh.WhichOneof("domain_info")
    if which:
        getattr(feature, which).CopyFrom(getattr(fresh, which))


def _missing(editor: _Editor, feature: Any, checks: Sequence[Check]) -> None:
    shares = [float(check.measured) for check in checks if isinstance(check.measured, int | float)]
    if shares and feature.HasField("shape"):
        # A shape promises a value in each row.
        feature.ClearField("shape")
    if not feature.HasField("presence"):
        return
    if shares:
        least = _share_below(1 - max(shares))
        if feature.presence.HasField("min_fraction"):
            feature.presence.min_fraction = min(feature.presence.min_fraction, least)
        if not feature.presence.min_fraction:
            feature.presence.ClearField("min_fraction")
    rows = [
        round(editor.dataset.rows(check.split) * (1 - float(check.measured)))
        for check in checks
        if isinstance(check.measured, int | float) and check.split in SPLITS
    ]
    if rows and feature.presence.min_count > min(rows):
        feature.presence.min_count = min(rows)


def _share_below(share: float) -> float:
    """Returns a share of few digits that is no more than ``share`` in single precision either."""
    steps = math.floor(share / STEP + 1e-9)
    while steps > 0 and float(np.float32(steps * STEP)) > share + 1e-12:
        steps -= 1
    return round(max(steps, 0) * STEP, 6)


def _finite(editor: _Editor, feature: Any, checks: Sequence[Check]) -> None:
    domain = editor.own_domain(feature)
    if domain is None or not hasattr(domain, "disallow_inf"):
        if feature.WhichOneof("domain_info"):
            return
        domain = feature.float_domain
    if domain.disallow_nan:
        domain.disallow_nan = False
    splits = {check.split for check in checks} & set(SPLITS)
    if any(
        offending.find(editor.dataset, split, feature.name, offending.infinite).rows
        for split in splits
    ):
        domain.disallow_inf = False
    if feature.domain:
        # Only what stands in the column itself says that infinities are meant.
        _own(feature, "float_domain", domain)


def _values(editor: _Editor, feature: Any, _: Sequence[Check]) -> None:
    known = domain_values(editor.schema, feature)
    if known is None:
        return
    strange: set[str] = set()
    for split in SPLITS:
        for batch in editor.dataset.batches(split, [feature.name]):
            values = batch.column(0).drop_null().unique().to_pylist()
            strange |= {text_of(value) for value in values} - set(known)
            if len(strange) > MOST_NEW_VALUES:
                return
    domain = editor.own_domain(feature)
    if domain is not None and hasattr(domain, "value"):
        domain.value.extend(sorted(strange))


def _range(editor: _Editor, feature: Any, _: Sequence[Check]) -> None:
    domain = editor.own_domain(feature)
    ends = _ends(editor.dataset, feature.name)
    if domain is None or ends is None or not hasattr(domain, "min"):
        return
    whole = isinstance(domain.min, int)
    if domain.HasField("min") and ends[0] < domain.min:
        _set_end(domain, "min", math.floor(ends[0]) if whole else _single(ends[0], -math.inf))
    if domain.HasField("max") and ends[1] > domain.max:
        _set_end(domain, "max", math.ceil(ends[1]) if whole else _single(ends[1], math.inf))


def _set_end(domain: Any, end: str, value: float) -> None:
    """Sets an end of a range; one that the proto cannot hold is lifted."""
    if math.isfinite(value):
        setattr(domain, end, value)
    else:
        domain.ClearField(end)


def _single(value: float, towards: float) -> float:
    """Returns the nearest number of single precision that is not on the wrong side of ``value``."""
    with np.errstate(over="ignore"):
        single = np.float32(value)
    as_written = float(str(single))
    if (as_written > value) if towards < 0 else (as_written < value):
        single = np.nextafter(single, np.float32(towards))
    return float(single)


def _ends(dataset: Dataset, column: str) -> tuple[Any, Any] | None:
    """Returns the least and the greatest finite number of a column, over all splits."""
    tally = Tally()
    for split in SPLITS:
        for batch in dataset.batches(split, [column]):
            tally.add(batch.column(0))
    return None if tally.low is None else (tally.low, tally.high)


def _rows(editor: _Editor, checks: Sequence[Check]) -> None:
    if not editor.schema.HasField("dataset_constraints"):
        return
    limits = editor.schema.dataset_constraints
    rows = [editor.dataset.rows(check.split) for check in checks if check.split in SPLITS]
    if not rows or not min(rows):
        return
    if limits.HasField("min_examples_count"):
        limits.min_examples_count = min(limits.min_examples_count, *rows)
    if limits.HasField("max_examples_count") and limits.max_examples_count < max(rows):
        limits.max_examples_count = max(rows)


def _uniqueness(editor: _Editor, feature: Any, checks: Sequence[Check]) -> None:
    """Widens how many different values a column may have, the one such rule only TFDV enforces."""
    if not feature.HasField("unique_constraints"):
        return
    counts = []
    for split in sorted({check.split for check in checks} & set(SPLITS)):
        distinct: set[Any] = set()
        for batch in editor.dataset.batches(split, [feature.name]):
            distinct.update(batch.column(0).drop_null().unique().to_pylist())
            if len(distinct) > MOST_DISTINCT:
                return
        counts.append(len(distinct))
    limits = feature.unique_constraints
    if counts and limits.HasField("min") and limits.min > min(counts):
        limits.min = min(counts)
    if counts and limits.HasField("max") and limits.max < max(counts):
        limits.max = max(counts)


_EDITS: Mapping[str, Callable[[_Editor, Any, Sequence[Check]], None]] = {
    "column": _retire_column,
    "type": _type,
    "missing": _missing,
    "finite": _finite,
    "values": _values,
    "range": _range,
    "schema": _uniqueness,
}
"""Kind of check -> what makes a column's feature accept it; no schema accepts other kinds."""
