"""Checks that the columns a problem names are there, and finds those that cannot be features."""

import re
from collections.abc import Collection, Mapping, Sequence

from plimsoll.errors import DataError, nearest, shortened
from plimsoll.ingest.facts.facts import ColumnFacts, Facts
from plimsoll.ingest.types.columns import INT, TEXT
from plimsoll.problem import Problem

IDENTIFIER_SHARE = 0.95
"""A text column with at least this share of different values names rows rather than tells of them.
"""
WORDS_OF_SENTENCES = 4
"""A text of so many words on average says something, however different it is in each row."""
LONGEST_LIST = 6
MAY_BE_FEATURES = ("drop", "slices")
LIKE_AN_INDEX = re.compile(
    r"(^|[\W_])(id|idx|index|row|rowid|row_?num(ber)?|unnamed([:_\s]+\d+)?)$"
    r"|^__index_level_\d+__$|^(id|index)_\d*$",
    re.IGNORECASE,
)
CAMEL_ID = re.compile(r"[a-z](Id|ID)$")


def check_columns(problem: Problem, names: Sequence[str], left_out: Mapping[str, str]) -> None:
    """Checks that every column that a problem names is in the data.

    Where features are to be joined, what is dropped or sliced by may be among them; the step
    that joins them checks it.

    Args:
        problem: The problem.
        names: The columns that there are.
        left_out: Columns that were not read for their type -> that type.

    Raises:
        DataError: if one is missing.
    """
    named = {
        "label": (problem.label,),
        "time": (problem.time,) if problem.time else (),
        "keys": problem.keys,
        "slices": problem.slices,
        "drop": problem.drop,
        "private": problem.private,
        "split.stratify": problem.split.stratify,
    }
    for role, columns in named.items():
        if problem.features and role in MAY_BE_FEATURES:
            continue
        for column in columns:
            if column in names or (column in left_out and role in ("drop", "private")):
                continue
            if column in left_out:
                raise DataError(
                    f"column {column!r}, named as {role}, cannot be used",
                    cause=f"it is of type {left_out[column]}",
                )
            raise DataError(
                f"column {column!r}, named as {role}, is not in the data",
                cause=nearest(column, names),
                choices=names,
                hint=_hint(role),
            )


def _hint(role: str) -> str:
    if role == "label":
        return "name a column of the data: --label COLUMN, or label: in the problem file"
    return f"name columns of the data in the problem file, under {role}:"


def not_features(facts: Facts, problem: Problem, notes: list[str]) -> tuple[str, ...]:
    """Returns the columns that the problem does not drop but that no model can learn from.

    A column that the problem says how to treat is kept, whatever stands in it; only one without
    values, or the label under another name, is not.

    Args:
        facts: Of the rows that have a label.
        problem: The problem; its time column is left alone.
        notes: Takes a sentence for each kind of column dropped.
    """
    dropped: dict[str, list[str]] = {}
    for name, column in facts.columns.items():
        reason = _reason(name, column, name in problem.columns) if name != problem.time else ""
        if reason:
            dropped.setdefault(reason, []).append(name)
    for reason, names in dropped.items():
        notes.append(f"dropped, {reason}: {shortened(names, limit=LONGEST_LIST)}")
    gone = {name for names in dropped.values() for name in names}
    return tuple(name for name in facts.columns if name in gone)


def leaking_columns(facts: Facts, candidates: Collection[str]) -> list[str]:
    """Returns the columns each of whose values goes with one label only and the reverse.

    They are the label in other words, as a rule, and are not known when it is to be predicted.

    Args:
        facts: Of the rows that have a label.
        candidates: The columns to look at.
    """
    classes = facts.label.different
    return [name for name in candidates if len(facts.columns[name].labels or ()) == classes]


def looks_like_index(name: str) -> bool:
    """Says if a column's name is one that numbers of rows have."""
    return bool(LIKE_AN_INDEX.search(name) or CAMEL_ID.search(name))


def _reason(name: str, column: ColumnFacts, requested: bool) -> str:
    if column.missing == column.rows:
        return "no values"
    if column.is_label:
        return "THE LABEL ITSELF under another name, which a model must not see"
    if requested:
        return ""
    if column.constant:
        return "one value in all rows"
    distinct = column.distinct
    if distinct is None:
        return ""
    named = (column.words or 0) < WORDS_OF_SENTENCES
    if named and column.type == TEXT and distinct.share >= IDENTIFIER_SHARE and distinct.count > 1:
        return "text that differs in almost every row"
    unique = distinct.share == 1 and not column.missing
    if column.type == INT and unique and looks_like_index(name):
        return "numbers of rows"
    return ""
