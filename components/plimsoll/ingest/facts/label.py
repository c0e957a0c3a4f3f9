"""Settles what the label is: which rows have one, which task it poses, which class is positive."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.errors import ConfigError, DataError, nearest, shortened
from plimsoll.formats.dataset import ARROW_TYPES, type_name
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.rows.value_counts import ValueCounts
from plimsoll.models.predictions import class_text
from plimsoll.problem import Problem

MOST_CLASSES = 1000
MOST_WHOLE_NUMBER_CLASSES = 20
FEWEST_ROWS_A_CLASS = 2
"""On average."""
FEW_ROWS = 3
EXAMPLES = 5
TOO_MANY_HINT = (
    "if it is a number written as text, write it plainly; "
    "if it names each row, choose another label"
)
POSITIVE_WORDS = ("true", "1", "yes", "positive", "y", "t")
YAML_WORDS = {"true": ("yes", "on", "y"), "false": ("no", "off", "n")}


@dataclass(frozen=True)
class Target:
    """What the label turned out to be."""

    task: str
    positive: str
    """Binary: the positive class as text; else empty."""
    classes: tuple[str, ...]
    """The classes as text; empty for regression."""


def with_label(rows: Rows, label: str, notes: list[str]) -> Rows:
    """Returns the rows that have a label.

    Args:
        rows: All rows that were read.
        label: The label's column.
        notes: Takes a sentence where rows are left out.

    Raises:
        DataError: if none has.
    """
    missing = rows.missing(label)
    if missing == rows.read:
        raise DataError(
            f"the label {label!r} has no values",
            cause=f"it is missing in all {rows.read:,} rows",
            hint="name another label, or data in which it is filled in",
        )
    if not missing:
        return rows
    notes.append(f"{missing:,} of {rows.read:,} rows have no label: left out")
    return rows.needing(label)


def resolve_target(
    rows: Rows, problem: Problem, counts: ValueCounts, notes: list[str]
) -> tuple[Rows, Target]:
    """Settles the task and the positive class, and brings whole-number classes to integers.

    Args:
        rows: Rows that all have a label.
        problem: Its task and positive class are checked where they are given.
        counts: How often each value of the label comes.
        notes: Takes a sentence for what was inferred.

    Raises:
        DataError: if the label cannot pose the task, or has one value.
        ConfigError: if the positive class is none of the label's.
    """
    kind = type_name(rows.types[problem.label])
    _check_varied(problem.label, counts)
    if kind == "timestamp":
        raise DataError(
            f"the label {problem.label!r} is a time, which cannot be predicted",
            hint="make a number of it (days until ...) or a class, and name that as the label",
        )
    task = problem.task or _inferred_task(problem.label, kind, counts, notes)
    _check_task(problem.label, task, kind, counts)
    if task == "regression":
        return rows, Target(task, "", ())
    classes = counts.pairs(MOST_CLASSES)
    if kind == "float" and counts.all_whole:
        rows = rows.with_type(problem.label, ARROW_TYPES["int"])
        classes = [(int(value), count) for value, count in classes]
    _note_odd_classes(problem.label, classes, notes)
    positive = _positive(problem, classes, notes) if task == "binary" else ""
    return rows, Target(task, positive, tuple(class_text(value) for value, _ in classes))


def _check_varied(label: str, counts: ValueCounts) -> None:
    if counts.different == 1:
        value, count = counts.pairs(1)[0]
        raise DataError(
            f"the label {label!r} has one value only: {class_text(value)!r}",
            cause=f"in all {count:,} rows that have a label",
            hint="a model needs examples of more than one; give data with others as well",
        )


def _inferred_task(label: str, kind: str, counts: ValueCounts, notes: list[str]) -> str:
    if counts.different == 2:
        notes.append(f"task: binary, because the label {label} has two values")
        return "binary"
    if kind == "string":
        notes.append(f"task: multiclass, because the label {label} has {counts.number} classes")
        return "multiclass"
    if kind == "int" and counts.different <= MOST_WHOLE_NUMBER_CLASSES:
        notes.append(
            f"task: multiclass, because the label {label} has {counts.number} different whole "
            "numbers; write task: regression to predict its value"
        )
        return "multiclass"
    notes.append(
        f"task: regression, because the label {label} has {counts.number} different numbers"
    )
    return "regression"


def _check_task(label: str, task: str, kind: str, counts: ValueCounts) -> None:
    if task == "regression" and kind not in ("int", "float"):
        what = "text" if kind == "string" else "true or false"
        raise DataError(
            f"the label {label!r} is {what}, so the task cannot be regression",
            cause=f"among its values are {_examples(counts)}",
            hint="write it as a number, or leave task out",
        )
    if task == "binary" and counts.different != 2:
        raise DataError(
            f"the label {label!r} has {counts.number} different values; binary needs two",
            cause=f"among them are {_examples(counts)}",
            hint="leave task out, or make a label of two values",
        )
    if task == "multiclass" and kind == "float" and not counts.all_whole:
        raise DataError(
            f"the label {label!r} holds fractions, so the task cannot be multiclass",
            cause=f"among its values are {_examples(counts)}",
            hint="leave task out, or write task: regression",
        )
    if task == "regression":
        return
    if counts.different > MOST_CLASSES:
        raise DataError(
            f"the label {label!r} has {counts.number} classes, more than {MOST_CLASSES:,}",
            cause=f"among them are {_examples(counts)}",
            hint=TOO_MANY_HINT,
        )
    if counts.different * FEWEST_ROWS_A_CLASS > counts.rows:
        raise DataError(
            f"the label {label!r} has {counts.number} classes in {counts.rows:,} rows",
            cause=f"among them are {_examples(counts)}; with fewer than {FEWEST_ROWS_A_CLASS} rows "
            "a class there is nothing to learn and to test",
            hint=TOO_MANY_HINT,
        )


def _note_odd_classes(label: str, counts: Sequence[tuple[Any, int]], notes: list[str]) -> None:
    rare = [class_text(value) for value, count in counts if count < FEW_ROWS]
    if rare:
        notes.append(
            f"label {label}: classes with fewer than {FEW_ROWS} rows: {shortened(rare, limit=5)}"
        )
    texts = [class_text(value) for value, _ in counts]
    spellings = Counter(text.casefold() for text in texts)
    alike = [text for text in texts if spellings[text.casefold()] > 1]
    if alike:
        notes.append(
            f"label {label}: classes that differ in upper and lower case alone: "
            f"{shortened(alike, limit=6)}"
        )


def _positive(problem: Problem, counts: Sequence[tuple[Any, int]], notes: list[str]) -> str:
    texts = [class_text(value) for value, _ in counts]
    if problem.positive:
        return _given_positive(problem.positive, texts)
    folded = {text.casefold(): text for text in texts}
    for word in POSITIVE_WORDS:
        if word in folded:
            notes.append(f"positive class: {folded[word]}")
            return folded[word]
    rarer = class_text(min(reversed(counts), key=lambda item: item[1])[0])
    notes.append(f"positive class: {rarer}, the rarer one; write positive: to choose")
    return rarer


def _given_positive(positive: str, texts: Sequence[str]) -> str:
    # YAML reads a bare yes as true, and a class 1 may be written 1.0.
    candidates = (positive, *YAML_WORDS.get(positive, ()), positive.removesuffix(".0"))
    for candidate in candidates:
        for text in texts:
            if text.casefold() == candidate.casefold():
                return text
    raise ConfigError(
        f"problem: positive is {positive!r}, which is no value of the label",
        cause=nearest(positive, texts),
        choices=texts,
    )


def _examples(counts: ValueCounts) -> str:
    return ", ".join(repr(class_text(value)) for value, _ in counts.pairs(EXAMPLES))
