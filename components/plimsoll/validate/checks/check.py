"""A check: what was measured, what was allowed, and the same in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plimsoll.formats.dataset import Dataset
from plimsoll.formats.distributions import Distribution
from plimsoll.quantities import rows_text, shown
from plimsoll.validate.config import ValidateConfig
from plimsoll.validate.drift.drift import Measurement
from plimsoll.validate.statistics.arrays import Encoding

if TYPE_CHECKING:
    from plimsoll.validate.statistics.measure import Measured

PASS, WARNING, ERROR = "pass", "warning", "error"
LEVELS = (PASS, WARNING, ERROR)
MOST_VALUES = 5


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at in one split; kept also when it passed."""

    split: str
    column: str = ""
    """Empty: the split as a whole."""
    kind: str
    """What was looked at: rows, column, type, missing, finite, constant, values, range, classes,
    or schema for what only TFDV knows; of two data sets: drift, skew, missing shift, finite shift,
    turned constant, unseen values; baseline or serving where there is none."""
    level: str = PASS
    """``pass``, ``warning`` (told, does not stop) or ``error`` (stops unless mode is warn)."""
    measured: float | str | None = None
    allowed: float | str | None = None
    expected: str = ""
    found: str = ""
    values: tuple[tuple[str, int], ...] = ()
    """Offending values with their rows, most frequent first; five at most."""
    places: tuple[str, ...] = ()
    """Where the first of each of ``values`` stands: ``train row 1,204``; as many, or none."""
    against: str = ""
    """What it was compared with: ``baseline``, ``serving`` or ``train``; empty: with rules."""
    said: str = ""
    """The check as one line for people, where the usual form would be less plain."""

    def sentence(self) -> str:
        """Returns the check as one line for people."""
        if self.said:
            return self.said
        place = f"column {self.column!r} in {self.split}" if self.column else self.split
        text = f"{place}: expected {self.expected}; found {self.found}"
        return f"{text}: {self.values_text()}" if self.values else text

    def values_text(self) -> str:
        """Returns the offending values with their rows; empty without any."""
        texts = [f"{shown(value)} ({rows_text(count)})" for value, count in self.values]
        for index, place in enumerate(self.places[: len(texts)]):
            texts[index] += f" first in {place}"
        return ", ".join(texts)

    def to_json(self) -> dict[str, Any]:
        """Returns the check as JSON values; what is empty is left out."""
        values: list[dict[str, Any]] = [
            {"value": value, "rows": count} for value, count in self.values
        ]
        for value, place in zip(values, self.places, strict=False):
            value["first"] = place
        fields = {
            "split": self.split,
            "column": self.column,
            "kind": self.kind,
            "level": self.level,
            "measured": self.measured,
            "allowed": self.allowed,
            "expected": self.expected,
            "found": self.found,
            "against": self.against,
            "values": values,
            "said": self.said,
        }
        return {name: value for name, value in fields.items() if value not in ("", None, [])}


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the checks of all splits share."""

    dataset: Dataset
    schema: Any
    is_given: bool
    """If the schema was given, and so is enforced as written."""
    environment: str
    encodings: Mapping[str, Encoding]
    measured: Mapping[str, Measured]
    """By split."""
    config: ValidateConfig = field(default_factory=ValidateConfig)
    distributions: Mapping[str, Mapping[str, Distribution]] = field(default_factory=dict)
    """By split, then by column."""
    baseline: Mapping[str, Distribution] = field(default_factory=dict)
    """The columns of the span before, by name; empty: there is none."""
    serving: Mapping[str, Distribution] = field(default_factory=dict)
    """The columns of what the model is asked, by name; empty: not given."""
    drift: tuple[Measurement, ...] = ()
    """Every distance that was measured, passed or not."""
    types: Mapping[str, str] = field(init=False)
    """Column -> its type in the data set."""

    def __post_init__(self) -> None:
        types = {column.name: column.type for column in self.dataset.columns}
        object.__setattr__(self, "types", types)


def grouped(checks: Iterable[Check]) -> list[Check]:
    """Returns checks for people: those that say the same of several splits become one.

    Anomalies come first, then the order stays; ``split`` names all of them.
    """
    groups: dict[tuple[object, ...], list[Check]] = {}
    for check in sorted(checks, key=lambda check: -LEVELS.index(check.level)):
        same = (check.column, check.kind, check.level, check.expected, check.found, check.values)
        groups.setdefault(same, []).append(check)
    return [
        replace(group[0], split=", ".join(check.split for check in group))
        for group in groups.values()
    ]
