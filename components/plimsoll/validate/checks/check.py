"""A check: what was measured, what was allowed, and the same in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plimsoll.formats.dataset import Dataset
from plimsoll.formats.distributions import Distribution
from plimsoll.quantities import rows_text, shown
from plimsoll.validate.config import ValidateConfig
from plimsoll.validate.drift.measurement import Measurement
from plimsoll.validate.statistics.arrays import Encoding

if TYPE_CHECKING:
    from plimsoll.validate.statistics.accumulator import SplitStatistics

PASS, WARNING, ERROR = "pass", "warning", "error"
LEVELS = (PASS, WARNING, ERROR)
MOST_VALUES = 5
JSON_FIELDS = {
    "split": "split",
    "column": "column",
    "kind": "kind",
    "level": "level",
    "measured": "measured",
    "allowed": "allowed",
    "expected": "expected",
    "found": "observed",
    "against": "against",
    "values": "values",
    "said": "text",
}
"""Name in ``anomalies.json`` -> field of a check, in the order in which they are written."""


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
    """``pass``, ``warning`` (reported, does not stop) or ``error`` (stops unless mode is warn)."""
    measured: float | str | None = None
    allowed: float | str | None = None
    expected: str = ""
    observed: str = ""
    values: tuple[tuple[str, int], ...] = ()
    """Offending values with their rows, most frequent first; five at most."""
    locations: tuple[str, ...] = ()
    """Where the first of each of ``values`` stands: ``train row 1,204``; as many, or none."""
    against: str = ""
    """What it was compared with: ``baseline``, ``serving`` or ``train``; empty: with rules."""
    text: str = ""
    """The check as one line for people, where the usual form would be less plain."""

    def sentence(self) -> str:
        """Returns the check as one line for people."""
        if self.text:
            return self.text
        subject = f"column {self.column!r} in {self.split}" if self.column else self.split
        text = f"{subject}: expected {self.expected}; found {self.observed}"
        return f"{text}: {self.values_text()}" if self.values else text

    def values_text(self) -> str:
        """Returns the offending values with their rows; empty without any."""
        texts = [f"{shown(value)} ({rows_text(count)})" for value, count in self.values]
        for index, location in enumerate(self.locations[: len(texts)]):
            texts[index] += f" first in {location}"
        return ", ".join(texts)

    def to_json(self) -> dict[str, Any]:
        """Returns the check as JSON values; what is empty is left out."""
        values: list[dict[str, Any]] = [{"value": text, "rows": rows} for text, rows in self.values]
        for value, location in zip(values, self.locations, strict=False):
            value["first"] = location
        row = {name: getattr(self, field) for name, field in JSON_FIELDS.items()} | {
            "values": values
        }
        return {name: value for name, value in row.items() if value not in ("", None, [])}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Check:
        """Returns the check that ``to_json`` wrote."""
        values = row.get("values", ())
        fields = {JSON_FIELDS[name]: value for name, value in row.items() if name in JSON_FIELDS}
        fields["values"] = tuple((str(item["value"]), int(item["rows"])) for item in values)
        fields["locations"] = tuple(str(item["first"]) for item in values if "first" in item)
        return cls(**fields)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the checks of all splits share."""

    dataset: Dataset
    schema: Any
    is_given: bool
    """If the schema was given, and so is enforced as written."""
    environment: str
    encodings: Mapping[str, Encoding]
    measured: Mapping[str, SplitStatistics]
    """By split."""
    config: ValidateConfig = field(default_factory=ValidateConfig)
    distributions: Mapping[str, Mapping[str, Distribution]] = field(default_factory=dict)
    """By split, then by column."""
    baseline: Mapping[str, Distribution] = field(default_factory=dict)
    """The columns of the span before, by name; empty: there is none."""
    serving: Mapping[str, Distribution] = field(default_factory=dict)
    """The columns of serving's requests, by name; empty: not given."""
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
        same = (check.column, check.kind, check.level, check.expected, check.observed, check.values)
        groups.setdefault(same, []).append(check)
    return [
        replace(group[0], split=", ".join(check.split for check in group))
        for group in groups.values()
    ]
