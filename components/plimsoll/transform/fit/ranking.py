"""Ranks columns by how informative each is of the label alone; leaves out those that are not.

Mutual information in nats, of outputs laid into few cells, less what chance alone makes of so
many cells (Miller, "Note on the bias of information estimates", 1955). What two columns only
say together, such as an interaction, is not measured: so pruning is off by default.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from plimsoll.models.transform import Transform
from plimsoll.models.transform_parts import CategoricalPart, output_names, width
from plimsoll.transform.apply.apply import Features
from plimsoll.transform.config import NOISE

BINS = 16
LABEL_BINS = 8
MOST_CELLS = 64
"""Values beyond the most frequent ones count as one."""
MOST_TOKENS = 32
"""Of an output of several indices, each of the most frequent is looked at apart."""
CHANCE = 0.01
"""How likely it is that chance puts any one column above the line."""
Codes: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Relevance:
    """What a column tells of the label."""

    column: str
    """Its name; of a cross, the output's."""
    information: float
    """Mutual information of its best output with the label, in nats, at least 0."""
    noise: float
    """What chance stays below, 99 times in 100 for all columns together."""

    @property
    def informative(self) -> bool:
        """Whether the information is more than that of chance."""
        return self.information > self.noise


def ranked(
    transform: Transform, features: Features, labels: NDArray[np.float64]
) -> tuple[Relevance, ...]:
    """Ranks columns and crosses, the most informative first.

    Args:
        transform: The transform.
        features: Some rows of train, transformed; out of fold where the label is in them.
        labels: Shape (rows,): their classes' indices, or their values.
    """
    regression = transform.label.task == "regression"
    target = _binned(labels, LABEL_BINS) if regression else labels.astype(np.int64)
    pairs: dict[str, list[tuple[float, float]]] = {}
    numeric = categorical = 0
    tests = max(1, len(transform.numeric) + sum(item.width for item in transform.categorical))
    for sources, part in transform.parts():
        name = sources[0].name if len(sources) == 1 else part.output
        if isinstance(part, CategoricalPart):
            indices = features.categorical[:, categorical : categorical + width(part)]
            categorical += indices.shape[1]
            coded = _of_indices(indices)
        else:
            count = len(output_names(part))
            columns = features.numeric[:, numeric : numeric + count]
            numeric += count
            coded = [_binned(column, BINS) for column in columns.T]
        pairs.setdefault(name, []).extend(_relevance(codes, target, tests) for codes in coded)
    best = [
        Relevance(name, *max(items, key=lambda pair: pair[0] - pair[1]))
        for name, items in pairs.items()
    ]
    return tuple(sorted(best, key=lambda item: (-item.information, item.column)))


def kept(ranking: Sequence[Relevance], prune: int | str, named: Collection[str]) -> set[str]:
    """Returns the columns that stay.

    Args:
        ranking: The columns, the most informative first.
        prune: How many stay; ``noise``: those that are informative.
        named: Columns that stay in any case.
    """
    if prune == NOISE:
        best: Iterable[Relevance] = (item for item in ranking if item.informative)
    else:
        best = ranking[: int(prune)]
    return {item.column for item in best} | set(named)


def pruned(transform: Transform, stay: Collection[str], ranking: Sequence[Relevance]) -> Transform:
    """Returns a transform in which only some columns are used.

    Args:
        transform: The transform.
        stay: Names of the columns, and outputs of the crosses, that stay.
        ranking: For the reasons.
    """
    by_name = {item.column: item for item in ranking}
    columns = []
    for column in transform.columns:
        if column.parts and column.name not in stay:
            item = by_name[column.name]
            why = f"pruned: it tells {item.information:.4f} of the label, chance {item.noise:.4f}"
            column = replace(column, kind="dropped", why=why, parts=())
        columns.append(column)
    crosses = tuple(cross for cross in transform.crosses if cross.output in stay)
    return replace(transform, columns=tuple(columns), crosses=crosses)


def information(codes: Codes, target: Codes) -> float:
    """Returns the mutual information of two columns of codes, in nats, as counted.

    Args:
        codes: Shape (rows,): 0 and above.
        target: The same of the other column.
    """
    sizes = int(codes.max(initial=0)) + 1, int(target.max(initial=0)) + 1
    table = np.bincount(codes * sizes[1] + target, minlength=sizes[0] * sizes[1])
    share = table.reshape(sizes) / max(len(codes), 1)
    apart = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    some = share > 0
    return float((share[some] * np.log(share[some] / apart[some])).sum())


def noise_line(freedom: int, rows: int, chance: float) -> float:
    """Returns what the mutual information of independent columns stays below, bias taken off.

    2 rows times it goes by chi squared, whose quantile is by Wilson and Hilferty, 1931.

    Args:
        freedom: Degrees of freedom: (cells - 1) times (label cells - 1).
        rows: How many rows.
        chance: How likely it is above, from 0 to 1.
    """
    if freedom < 1:
        return 0.0
    part = 2 / (9 * freedom)
    root = 1 - part + NormalDist().inv_cdf(1 - chance) * part**0.5
    return float(max(freedom * root**3 - freedom, 0.0)) / (2 * rows)


def _relevance(codes: Codes, target: Codes, tests: int) -> tuple[float, float]:
    cells, classes = len(np.unique(codes)), len(np.unique(target))
    freedom = (cells - 1) * (classes - 1)
    rows = max(len(codes), 1)
    unbiased = information(codes, target) - freedom / (2 * rows)
    return max(unbiased, 0.0), noise_line(freedom, rows, CHANCE / tests)


def _binned(values: NDArray[np.float32] | NDArray[np.float64], bins: int) -> Codes:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1])) if len(values) else []
    return np.searchsorted(np.asarray(edges), values, side="right").astype(np.int64)


def _of_indices(indices: NDArray[np.int32]) -> list[Codes]:
    if indices.shape[1] == 1:
        return [_frequent(indices[:, 0])]
    values, counts = np.unique(indices[indices != 0], return_counts=True)
    best = values[np.argsort(-counts, kind="stable")[:MOST_TOKENS]]
    flags = [(indices == value).any(axis=1).astype(np.int64) for value in best]
    return flags or [np.zeros(len(indices), np.int64)]


def _frequent(indices: NDArray[np.int32]) -> Codes:
    values, inverse, counts = np.unique(indices, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    return np.asarray(np.minimum(rank, MOST_CELLS - 1)[inverse])
