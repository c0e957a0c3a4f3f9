"""Trees as LightGBM's text: checked to the last number before its parser may see them.

The parser trusts what it reads: a child that is not there, or a list too short, makes it read
beyond its memory or never end. So nothing goes to it that was not understood here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plimsoll.errors import ArtifactError

END = "end of trees\n"
MOST_BYTES = 1 << 30
MOST_LEAVES = 1 << 17
CATEGORICAL = 1
MISSING = (0, 1, 2)
"""How a split treats what is missing: not at all, zeros, or NaN."""
_NUMBERS = frozenset("0123456789+-.e ")
_PER_SPLIT = {
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "internal_value",
    "internal_weight",
    "internal_count",
}
_PER_LEAF = {"leaf_value", "leaf_weight", "leaf_count"}
_SINGLE = {"num_leaves", "num_cat", "is_linear", "shrinkage"}
_OF_CATEGORIES = {"cat_boundaries", "cat_threshold"}
_INFO = re.compile(r"none|\[[-+0-9.e]+:[-+0-9.e]+\]|-?\d+(:-?\d+)*")
_OBJECTIVES = {
    "binary": "binary sigmoid:1",
    "multiclass": "multiclass num_class:{outputs}",
    "regression": "regression",
}


@dataclass(frozen=True, kw_only=True)
class ExpectedTrees:
    """What the trees have to be."""

    task: str
    """``binary``, ``multiclass`` or ``regression``."""
    outputs: int
    """The classes, or 1 for regression."""
    columns: int
    """Columns that are split."""
    trees: int
    """Trees a class."""

    @property
    def per_round(self) -> int:
        """Trees that answer together: one a class, of two classes one."""
        return self.outputs if self.task == "multiclass" else 1


def without_parameters(text: str) -> str:
    """Returns a model's text without what follows the trees: its parameters."""
    return text[: text.index(END) + len(END)]


def check(text: str, expected: ExpectedTrees) -> None:
    """Refuses a text that LightGBM could not read safely as the trees expected.

    Raises:
        ArtifactError: says the first thing that does not hold.
    """
    head, separator, rest = text.partition("\n\n")
    if not separator or not rest.endswith(END):
        raise _refusal("it does not end with its trees")
    sizes = _check_head(head, expected)
    start = 0
    for number, size in enumerate(sizes):
        block = rest[start : start + size]
        start += size
        if len(block) != size or not block.endswith("\n\n\n"):
            raise _refusal(f"tree {number} is not as long as it says")
        first, _, lines = block[:-3].partition("\n")
        if first != f"Tree={number}":
            raise _refusal(f"tree {number} begins with {first[:40]!r}")
        try:
            _check_tree(_values(lines), expected.columns)
        except ValueError as error:
            raise _refusal(f"tree {number}: {error}") from error
    if rest[start:] != END:
        raise _refusal("something stands between the trees and their end")


def _check_head(head: str, expected: ExpectedTrees) -> list[int]:
    first, _, lines = head.partition("\n")
    try:
        fields = _fields(lines)
    except ValueError as error:
        raise _refusal(f"its head: {error}") from error
    names = [f"Column_{number}" for number in range(expected.columns)]
    wanted = {
        "version": "v4",
        "num_class": str(expected.per_round),
        "num_tree_per_iteration": str(expected.per_round),
        "label_index": "0",
        "max_feature_idx": str(expected.columns - 1),
        "objective": _OBJECTIVES[expected.task].format(outputs=expected.outputs),
        "feature_names": " ".join(names),
    }
    if first != "tree" or set(fields) != {*wanted, "feature_infos", "tree_sizes"}:
        raise _refusal("its head has other fields than a model of trees")
    for name, value in wanted.items():
        if fields[name] != value:
            raise _refusal(f"{name} is {fields[name][:60]!r}, expected {value[:60]!r}")
    infos = fields["feature_infos"].split(" ")
    if len(infos) != expected.columns or not all(map(_INFO.fullmatch, infos)):
        raise _refusal("feature_infos are not one a column")
    sizes = fields["tree_sizes"].split(" ")
    if len(sizes) != expected.trees * expected.per_round:
        raise _refusal(f"it has {len(sizes)} trees, expected {expected.trees} a class")
    if not all(
        size.isascii() and size.isdigit() and len(size) < len("1000000000000") for size in sizes
    ):
        raise _refusal("tree_sizes are not whole numbers")
    return [int(size) for size in sizes]


def _fields(lines: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines.split("\n"):
        name, separator, value = line.partition("=")
        if not separator or name in fields:
            raise ValueError(f"a line is no field, or one that was there before: {line[:40]!r}")
        fields[name] = value
    return fields


def _values(lines: str) -> dict[str, NDArray[np.float64]]:
    values = {}
    for name, text in _fields(lines).items():
        if not _NUMBERS.issuperset(text):
            raise ValueError(f"{name} holds something else than numbers")
        # Raises ValueError for what is no number.
        array = np.array(text.split(" ") if text else [], np.float64)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        values[name] = array
    return values


def _check_tree(values: Mapping[str, NDArray[np.float64]], columns: int) -> None:
    singles = {name: _single(values, name) for name in _SINGLE}
    leaves, categories = singles["num_leaves"], singles["num_cat"]
    wanted = _SINGLE | _PER_SPLIT | _PER_LEAF | (_OF_CATEGORIES if categories else set())
    if set(values) != wanted:
        raise ValueError(f"other fields than a tree has: {sorted(set(values) ^ wanted)}")
    if singles["is_linear"] != 0 or not 1 <= leaves <= MOST_LEAVES or leaves % 1:
        raise ValueError("it has linear leaves, none, or too many")
    # A tree of one leaf says no weight.
    for names, count in ((_PER_SPLIT, leaves - 1), (_PER_LEAF, leaves)):
        for name in names:
            if len(values[name]) != count and not (leaves == 1 and not len(values[name])):
                raise ValueError(f"{name} has {len(values[name])} numbers, expected {count:g}")
    if len(values["leaf_value"]) != leaves:
        raise ValueError("a leaf has no value")
    _check_links(values["left_child"], values["right_child"])
    _check_splits(values, columns, categories)


def _check_links(left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    splits = len(left)
    children = np.concatenate([left, right])
    # Each leaf and each split but the first is the child of one split, which stands before it.
    if not np.array_equal(np.sort(children), np.arange(-splits - 1, splits)[_but(splits)]):
        raise ValueError("its children are not each leaf and each split once")
    parents = np.tile(np.arange(splits), 2)
    if (parents[children >= 0] >= children[children >= 0]).any():
        raise ValueError("a split leads back to one before it")


def _but(splits: int) -> NDArray[np.bool_]:
    kept = np.ones(2 * splits + 1, np.bool_)
    # The first split is the child of none; a tree without splits has no children at all.
    kept[splits + 1 if splits else 0] = False
    return kept


def _check_splits(
    values: Mapping[str, NDArray[np.float64]], columns: int, categories: float
) -> None:
    features, kinds = values["split_feature"], values["decision_type"]
    for array, limit in ((features, columns), (kinds, 16)):
        if (array % 1 != 0).any() or (array < 0).any() or (array >= limit).any():
            raise ValueError("a split is of a column or a kind that there is not")
    kinds = kinds.astype(np.int64)
    if not np.isin(kinds >> 2, MISSING).all():
        raise ValueError("a split treats what is missing in no known way")
    sets = values["threshold"][kinds & CATEGORICAL == CATEGORICAL]
    if (sets % 1 != 0).any() or (sets < 0).any() or (sets >= categories).any():
        raise ValueError("a split is by a set of categories that there is not")
    if not categories:
        return
    bounds, bits = values["cat_boundaries"], values["cat_threshold"]
    whole = not (bounds % 1).any() and not (bits % 1).any() and categories % 1 == 0
    if not whole or len(bounds) != categories + 1 or bounds[0] != 0 or bounds[-1] != len(bits):
        raise ValueError("its sets of categories do not hold together")
    if (np.diff(bounds) < 0).any() or (bits < 0).any() or (bits >= 1 << 32).any():
        raise ValueError("its sets of categories do not hold together")


def _single(values: Mapping[str, NDArray[np.float64]], name: str) -> float:
    if name not in values or values[name].shape != (1,):
        raise ValueError(f"{name} is not one number")
    return float(values[name][0])


def _refusal(cause: str) -> ArtifactError:
    return ArtifactError("the trees cannot be used", cause=cause)
