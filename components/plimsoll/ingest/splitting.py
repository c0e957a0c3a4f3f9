"""Divides rows into train, eval and test, and checks that each can do its work."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.artifacts.predictions import class_text
from plimsoll.errors import ConfigError, DataError, shortened
from plimsoll.ingest.hash_split import by_content, by_key, class_codes
from plimsoll.ingest.reading import Rows
from plimsoll.ingest.row_hashes import hashes_of_keys
from plimsoll.ingest.time_split import by_time, span
from plimsoll.problem import SPLITS, Problem, Split

Assigned: TypeAlias = NDArray[np.int8]
"""0, 1 or 2 a row: its place in ``SPLITS``."""


def way(problem: Problem) -> str:
    """Returns ``time`` or ``hash``: how the problem's rows are divided.

    Raises:
        ConfigError: if it asks for a split by time and names no time column.
    """
    asked = problem.split.by or ("time" if problem.split.eval_from else "")
    if asked == "time" and not problem.time:
        raise ConfigError(
            "problem: a split by time needs a time column", hint="name it: time: COLUMN"
        )
    return asked or ("time" if problem.time else "hash")


def divide(
    rows: Rows, problem: Problem, features: Sequence[str], notes: list[str]
) -> tuple[dict[str, pa.Table], Split]:
    """Divides rows as the problem asks.

    Args:
        rows: Rows that all have a label and, for a split by time, a time.
        problem: Its task is settled.
        features: The columns that a model may see.
        notes: Takes a sentence for how the rows were divided, and what is odd about it.

    Returns:
        The rows of each split in their order, and the split with what was inferred filled in.

    Raises:
        DataError: if a split is empty, or train lacks what there is to learn.
    """
    if way(problem) == "time":
        assigned, split = by_time(rows, problem)
        notes.append(_told_by_time(problem, split, assigned))
    else:
        split = dataclasses.replace(problem.split, by="hash")
        assigned = _by_hash(rows, problem, features, notes)
    _check_none_empty(rows, problem, assigned)
    if problem.task != "regression":
        known = _known_in_train(rows, problem, assigned, notes)
        rows, assigned = rows.kept(known), assigned[known]
        _check_none_empty(rows, problem, assigned)
        _tell_single_classes(rows, problem, assigned, notes)
    if problem.keys and split.by == "time":
        _tell_keys_in_two(rows, problem, assigned, notes)
    tables = {
        name: rows.table.filter(pa.array(assigned == place)) for place, name in enumerate(SPLITS)
    }
    return tables, split


def _by_hash(rows: Rows, problem: Problem, features: Sequence[str], notes: list[str]) -> Assigned:
    if problem.keys:
        assigned = by_key(rows, problem)
        notes.append(f"split by {' and '.join(problem.keys)}: {_shares(assigned)}")
        return assigned
    label = rows.table.column(problem.label)
    classes = (
        np.zeros(len(label), dtype=np.int64) if problem.task == "regression" else class_codes(label)
    )
    seen = rows.table.select([*features, problem.label])
    assigned, together = by_content(seen, classes, problem.split.fractions)
    notes.append(f"split by the rows' content: {_shares(assigned)}")
    if not together:
        notes.append("most rows are equal to others: equal rows stand in more than one split")
    return assigned


def _told_by_time(problem: Problem, split: Split, assigned: Assigned) -> str:
    told = f"split by {problem.time}: {_shares(assigned)}"
    if not split.eval_from or problem.time in problem.private:
        return told
    return f"{told}; eval from {split.eval_from}, test from {split.test_from}"


def _shares(assigned: Assigned) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in _sizes(assigned).items())


def _sizes(assigned: Assigned) -> dict[str, int]:
    counts = np.bincount(assigned, minlength=len(SPLITS))
    return dict(zip(SPLITS, counts.tolist(), strict=True))


def _check_none_empty(rows: Rows, problem: Problem, assigned: Assigned) -> None:
    empty = [name for name, count in _sizes(assigned).items() if not count]
    if not empty:
        return
    cause = [f"of {len(assigned):,} rows: {_shares(assigned)}"]
    hint = "give more rows, or other split.fractions"
    if way(problem) == "time":
        cause.append(span(rows, problem))
        hint = "move split.eval_from and split.test_from, or leave both out"
    elif problem.keys:
        different = len(np.unique(_key_hashes(rows, problem)))
        cause.append(f"there are {different:,} different keys, and a key has one split")
    raise DataError(
        f"the split leaves {' and '.join(empty)} empty",
        cause="\n".join(line for line in cause if line),
        hint=hint,
    )


def _known_in_train(
    rows: Rows, problem: Problem, assigned: Assigned, notes: list[str]
) -> NDArray[np.bool_]:
    """Returns the rows whose class is in train: no model can be right about the others."""
    label = rows.table.column(problem.label)
    codes = class_codes(label)
    learned = np.unique(codes[assigned == 0])
    if len(learned) < 2:
        raise DataError(
            f"the training split holds one class of the label {problem.label!r} only",
            cause=f"of {len(label):,} rows: {_shares(assigned)}",
            hint="divide the rows otherwise: other moments, other keys, or split: {by: hash}",
        )
    known: NDArray[np.bool_] = np.isin(codes, learned)
    if not known.all():
        names = sorted(label.unique().to_pylist())
        unseen = [class_text(names[code]) for code in np.unique(codes[~known])]
        notes.append(
            f"{int((~known).sum()):,} rows of classes that are never in train are left out: "
            f"{shortened(unseen, limit=5)}"
        )
    return known


def _tell_single_classes(
    rows: Rows, problem: Problem, assigned: Assigned, notes: list[str]
) -> None:
    codes = class_codes(rows.table.column(problem.label))
    for place in (1, 2):
        if len(np.unique(codes[assigned == place])) < 2:
            notes.append(
                f"{SPLITS[place]} holds one class only: not all metrics can be taken on it"
            )


def _tell_keys_in_two(rows: Rows, problem: Problem, assigned: Assigned, notes: list[str]) -> None:
    if any(rows.table.column(name).null_count for name in problem.keys):
        return
    hashes = _key_hashes(rows, problem)
    pairs = np.unique(np.stack([hashes, assigned.astype(np.uint64)]), axis=1)
    keys, times = np.unique(pairs[0], return_counts=True)
    shared = int((times > 1).sum())
    if shared:
        notes.append(
            f"{shared:,} of {len(keys):,} keys stand in more than one split, "
            "because the split is by time"
        )


def _key_hashes(rows: Rows, problem: Problem) -> NDArray[np.uint64]:
    return hashes_of_keys([rows.table.column(name) for name in problem.keys])
