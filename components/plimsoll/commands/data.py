"""Shows a version of a data set, and what differs between two."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from plimsoll.commands.profiles import TOP, Profile, batch_rows, distance, profiles_of
from plimsoll.formats.dataset import Dataset, open_dataset
from plimsoll.problem import SPLITS

ALIKE = 0.02
"""Jensen-Shannon divergence up to which a removed and an added column may be one renamed."""
ALIKE_BY_NAME = 0.6
"""How alike their names may be instead, by the share of letters in common."""
MOST_PAIRS = 10_000
"""More pairs of removed and added columns than this are not compared."""


def show(folder: str) -> dict[str, Any]:
    """Returns what is in a data set: a summary of each column, and its role in the problem.

    Args:
        folder: The dataset artifact.

    Raises:
        ArtifactError: if it is missing or damaged.
    """
    dataset = open_dataset(Path(folder))
    profiles = profiles_of(dataset)
    return {
        "id": dataset.id,
        "folder": str(dataset.folder),
        "rows": {split: dataset.rows(split) for split in SPLITS},
        "bytes": sum(shard.bytes for shards in dataset.splits.values() for shard in shards),
        "problem": dataset.problem.to_dict(),
        "notes": list(dataset.inferred),
        "lineage": dict(dataset.lineage),
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "role": _role(dataset, column.name),
                **profiles[column.name].summary(),
            }
            for column in dataset.columns
        ],
    }


def diff(first: str, second: str) -> dict[str, Any]:
    """Returns what differs between two data sets, the columns that changed most first.

    Args:
        first: One dataset artifact.
        second: The other.

    Raises:
        ArtifactError: if one is missing or damaged.
    """
    one, other = open_dataset(Path(first)), open_dataset(Path(second))
    report: dict[str, Any] = {
        "first": one.id,
        "second": other.id,
        "same": one.id == other.id,
        "same_rows": one.id == other.id,
        "rows": {split: [one.rows(split), other.rows(split)] for split in SPLITS},
        "added": [],
        "removed": [],
        "retyped": [],
        "renamed": [],
        "moved": False,
        "columns": [],
    }
    if report["same"]:
        return report
    before, after = profiles_of(one), profiles_of(other)
    both = [name for name in before if name in after]
    removed = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    retyped = [name for name in both if before[name].type != after[name].type]
    return {
        **report,
        "same_rows": not removed
        and not added
        and not retyped
        and all(_alike(before[name], after[name]) for name in both)
        and _digest(one) == _digest(other),
        "added": [_named(after[name]) for name in added],
        "removed": [_named(before[name]) for name in removed],
        "retyped": [
            {"name": name, "first": before[name].type, "second": after[name].type}
            for name in retyped
        ],
        "renamed": _renamed(before, after, removed, added),
        "moved": both != [name for name in after if name in before],
        "columns": _changes(before, after, [name for name in both if name not in retyped]),
    }


def _role(dataset: Dataset, name: str) -> str:
    problem = dataset.problem
    for role, named in (
        ("label", (problem.label,)),
        ("time", (problem.time,)),
        ("key", problem.keys),
        ("dropped", problem.drop),
    ):
        if name in named:
            return role
    return ""


def _named(profile: Profile) -> dict[str, str]:
    return {"name": profile.name, "type": profile.type}


def _changes(
    before: Mapping[str, Profile], after: Mapping[str, Profile], names: Sequence[str]
) -> list[dict[str, Any]]:
    changes = [
        {
            "name": name,
            "type": before[name].type,
            "distance": distance(before[name], after[name]),
            "first": before[name].summary(),
            "second": after[name].summary(),
            "new": _only_in(after[name], before[name]),
            "gone": _only_in(before[name], after[name]),
        }
        for name in names
    ]
    return sorted(changes, key=lambda change: (-change["distance"], change["name"]))


def _only_in(one: Profile, other: Profile) -> list[list[Any]]:
    """Returns the most frequent texts that only one side has, with their shares there."""
    if one.texts is None or other.texts is None:
        return []
    if one.texts.sampled or other.texts.sampled:
        return []
    known = other.texts.counts
    only = [(-rows, text) for text, rows in one.texts.counts.items() if text not in known]
    return [[text, -rows / max(one.values, 1)] for rows, text in sorted(only)[:TOP]]


def _renamed(
    before: Mapping[str, Profile],
    after: Mapping[str, Profile],
    removed: Sequence[str],
    added: Sequence[str],
) -> list[dict[str, Any]]:
    """Returns pairs that may be one column under two names: by values, or nearly, and by name."""
    if len(removed) * len(added) > MOST_PAIRS:
        return []
    pairs = []
    for old in removed:
        for new in added:
            if before[old].type != after[new].type or not before[old].values:
                continue
            gap = distance(before[old], after[new])
            alike = difflib.SequenceMatcher(None, old.casefold(), new.casefold()).ratio()
            if gap <= ALIKE or (alike >= ALIKE_BY_NAME and gap <= 10 * ALIKE):
                pairs.append((gap - alike, old, new, gap))
    chosen: list[dict[str, Any]] = []
    for _, old, new, gap in sorted(pairs):
        if all(old != pair["first"] and new != pair["second"] for pair in chosen):
            chosen.append({"first": old, "second": new, "distance": gap})
    return chosen


def _alike(one: Profile, other: Profile) -> bool:
    """Says if nothing cheap to see keeps two columns from holding the same values."""
    cheap = [
        (side.rows, side.tally.nulls, side.tally.low, side.tally.high) for side in (one, other)
    ]
    texts = [side.texts for side in (one, other)]
    return cheap[0] == cheap[1] and (
        texts[0] is None
        or texts[1] is None
        or texts[0].sampled
        or texts[0].counts == texts[1].counts
    )


def _digest(dataset: Dataset) -> tuple[int, int]:
    """Returns two sums over the hashes of all rows: whatever their order, the same."""
    from plimsoll.ingest.rows.row_hashes import hashes_of_rows
    from plimsoll.statistics.hashing import mixed

    names = sorted(dataset.column_names())
    totals = np.zeros(2, dtype=np.uint64)
    for split in SPLITS:
        for batch in dataset.batches(split, names, batch_rows(len(names))):
            hashes = hashes_of_rows(pa.Table.from_batches([batch]))
            totals += np.array([hashes.sum(), mixed(hashes).sum()], dtype=np.uint64)
    return int(totals[0]), int(totals[1])
