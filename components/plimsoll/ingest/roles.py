"""Checks that the columns a problem names are there, and finds those that cannot be features."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from plimsoll.artifacts.dataset import ARROW_TYPES
from plimsoll.errors import DataError, nearest, shortened
from plimsoll.problem import Problem

IDENTIFIER_SHARE = 0.95
"""A text column with at least this share of different values names rows rather than tells of them.
"""
LONGEST_LIST = 6
LIKE_AN_INDEX = re.compile(
    r"(^|[\W_])(id|idx|index|row|rowid|row_?num(ber)?|unnamed([:_\s]+\d+)?)$"
    r"|^__index_level_\d+__$|^(id|index)_\d*$",
    re.IGNORECASE,
)
CAMEL_ID = re.compile(r"[a-z](Id|ID)$")


def check_named(problem: Problem, names: Sequence[str], left_out: Mapping[str, str]) -> None:
    """Checks that every column that a problem names is in the data.

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
    }
    for role, columns in named.items():
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
                hint=_where_it_is_said(role),
            )


def _where_it_is_said(role: str) -> str:
    if role == "label":
        return "name a column of the data: --label COLUMN, or label: in the problem file"
    return f"name columns of the data in the problem file, under {role}:"


def not_features(table: pa.Table, problem: Problem, notes: list[str]) -> tuple[str, ...]:
    """Returns the columns that the problem does not drop but that no model can learn from.

    Args:
        table: The rows that have a label.
        problem: The problem; its label, time, keys, drops and private columns are left alone.
        notes: Takes a sentence for each kind of column dropped.
    """
    settled = problem.not_features | {problem.label, problem.time}
    dropped: dict[str, list[str]] = {}
    label = table.column(problem.label)
    for name in table.column_names:
        if name in settled:
            continue
        reason = _reason(name, table.column(name), label)
        if reason:
            dropped.setdefault(reason, []).append(name)
    for reason, names in dropped.items():
        notes.append(f"dropped, {reason}: {shortened(names, limit=LONGEST_LIST)}")
    gone = {name for names in dropped.values() for name in names}
    return tuple(name for name in table.column_names if name in gone)


def telling_columns(table: pa.Table, problem: Problem, candidates: Collection[str]) -> list[str]:
    """Returns the columns each of whose values goes with one label only and the reverse.

    They are the label in other words, as a rule, and are not known when it is to be predicted.

    Args:
        table: The rows that have a label.
        problem: The problem.
        candidates: The columns to look at.
    """
    classes = pc.count_distinct(table.column(problem.label)).as_py()
    found = []
    for name in candidates:
        column = table.column(name)
        if column.null_count or pc.count_distinct(column).as_py() != classes:
            continue
        pairs = table.select([name, problem.label]).group_by([name, problem.label]).aggregate([])
        if pairs.num_rows == classes:
            found.append(name)
    return found


def _reason(name: str, column: pa.ChunkedArray, label: pa.ChunkedArray) -> str:
    rows = len(column)
    if column.null_count == rows:
        return "no values"
    if _equal(column, label):
        return "THE LABEL ITSELF under another name, which a model must not see"
    different = pc.count_distinct(column, mode="only_valid").as_py()
    if different == 1 and not column.null_count:
        return "one value in all rows"
    known = rows - column.null_count
    if column.type == ARROW_TYPES["string"] and different >= max(IDENTIFIER_SHARE * known, 2):
        return "text that differs in almost every row"
    unique = different == rows
    if column.type == ARROW_TYPES["int"] and unique and _like_an_index(name):
        return "numbers of rows"
    return ""


def _equal(column: pa.ChunkedArray, label: pa.ChunkedArray) -> bool:
    if column.null_count:
        return False
    if column.type == label.type:
        return bool(column.equals(label))
    numbers = (ARROW_TYPES["int"], ARROW_TYPES["float"], ARROW_TYPES["bool"])
    if column.type not in numbers or label.type not in numbers:
        return False
    return bool(_as_floats(column).equals(_as_floats(label)))


def _as_floats(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type == ARROW_TYPES["bool"]:
        column = column.cast(ARROW_TYPES["int"])
    return column.cast(ARROW_TYPES["float"], safe=False)


def _like_an_index(name: str) -> bool:
    return bool(LIKE_AN_INDEX.search(name) or CAMEL_ID.search(name))
