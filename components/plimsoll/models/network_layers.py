"""The layers of the tabular networks: how numbers and categories go in, and what is made of them.

Numbers go in over piecewise-linear bins or as sines and cosines (Gorishniy et al., "On Embeddings
for Numerical Features in Tabular Deep Learning", 2022); the ensemble is that of Gorishniy et al.,
"TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling", 2024; the crosses are
those of Wang et al., "DCN V2: Improved Deep & Cross Network", 2020.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

EMBEDDING_SPREAD = 1.0
"""As wide as the numbers are: categories that begin small are hardly learnt to be combined."""
FARTHEST = 10.0
"""Numbers further from 0 than this count as this, where there are no bins to end them."""
NARROWEST = 1e-6
"""Edges closer than this count as one."""


def bin_edges(values: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Returns at most ``bins + 1`` rising edges, spread so that bins hold about as many rows.

    A value that fills a bin alone (a column's usual zero, what stands for missing) gets one edge,
    and the others are spread over the rest: by plain quantiles it would take most of them.
    """
    edges, counts = np.unique(values, return_counts=True)
    if len(edges) > bins + 1:
        heavy = counts > len(values) / bins
        light = np.repeat(edges[~heavy], counts[~heavy])
        shares = np.linspace(0, 1, bins + 1 - int(heavy.sum()))
        edges = np.union1d(edges[heavy], np.quantile(light, shares, method="nearest"))
    apart = np.diff(edges, prepend=-np.inf) > NARROWEST
    return np.asarray(edges[apart], np.float32)


class Plain(nn.Module):
    """Numbers as they are, none far from 0."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.width = columns

    def forward(self, numeric: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, columns)."""
        return numeric.clamp(-FARTHEST, FARTHEST)


class PiecewiseLinear(nn.Module):
    """Spreads each number over its column's bins: 1 in those below it, a share in its own, else 0.

    The edges are buffers, set once by ``fit`` and saved with the weights. Numbers outside of
    them count as the ends. Columns of as many bins are worked on together.

    Args:
        bins: How many bins each column has; a column without any is left out.
    """

    low: torch.Tensor
    scale: torch.Tensor

    def __init__(self, bins: Sequence[int]) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.width = sum(bins)
        self._groups = [
            (count, [column for column, own in enumerate(bins) if own == count])
            for count in sorted({count for count in bins if count})
        ]
        for count, columns in self._groups:
            self.register_buffer(f"places_{count}", torch.tensor(columns), persistent=False)
        self.register_buffer("low", torch.zeros(self.width))
        self.register_buffer("scale", torch.zeros(self.width))

    def fit(self, edges: Sequence[NDArray[np.float32]]) -> None:
        """Takes the rising edges of each column; one edge fewer bins than edges."""
        ordered = [edges[column] for _, columns in self._groups for column in columns]
        if ordered:
            low = np.concatenate([ends[:-1] for ends in ordered])
            self.low.copy_(torch.from_numpy(low))
            scale = np.concatenate([1 / np.diff(ends) for ends in ordered])
            self.scale.copy_(torch.from_numpy(scale))

    def forward(self, numeric: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, bins), each number from 0 to 1."""
        parts, start = [], 0
        for count, columns in self._groups:
            stop = start + count * len(columns)
            own = numeric
            if len(columns) < len(self.bins):
                own = numeric.index_select(1, self.get_buffer(f"places_{count}"))
            spread = own.unsqueeze(2) - self.low[start:stop].view(-1, count)
            spread = spread.mul_(self.scale[start:stop].view(-1, count)).clamp_(0, 1)
            parts.append(spread.flatten(1))
            start = stop
        return torch.cat(parts, dim=1) if parts else numeric[:, :0]


class Periodic(nn.Module):
    """Each number as sines and cosines of frequencies that are learnt, then a small layer.

    Args:
        columns: Numeric columns.
        frequencies: Frequencies a column.
        width: What each column's layer makes of its waves.
    """

    def __init__(self, columns: int, frequencies: int, width: int) -> None:
        super().__init__()
        self.width = columns * width
        self.frequencies = nn.Parameter(torch.empty(columns, frequencies))
        self.weight = nn.Parameter(torch.empty(columns, 2 * frequencies, width))
        self.bias = nn.Parameter(torch.zeros(columns, width))
        nn.init.normal_(self.frequencies, std=EMBEDDING_SPREAD)
        bound = 1 / math.sqrt(2 * frequencies)
        nn.init.uniform_(self.weight, -bound, bound)

    def spread(self, deviation: float) -> None:
        """Draws the frequencies anew: normal, in periods a unit of a number."""
        nn.init.normal_(self.frequencies, std=deviation)

    def forward(self, numeric: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, columns * width)."""
        numbers = numeric.clamp(-FARTHEST, FARTHEST)
        # Columns first, so that each one's own layer is a product of a batch of matrices.
        angles = 2 * math.pi * numbers.t().unsqueeze(2) * self.frequencies.unsqueeze(1)
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=2)
        result = torch.baddbmm(self.bias.unsqueeze(1), waves, self.weight)
        return functional.relu(result).transpose(0, 1).flatten(1)


class Categories(nn.Module):
    """An embedding of each categorical output; of several indices the mean of those not 0.

    Outputs of one index whose embeddings are as wide share a table, so that a step has few
    operations however many columns there are.

    Args:
        sizes: Indices that each output takes.
        widths: Columns that each output takes: how many indices a row may have.
        embeddings: Width of each output's embedding.
    """

    def __init__(self, sizes: Sequence[int], widths: Sequence[int], embeddings: Sequence[int]):
        super().__init__()
        self.width = sum(embeddings)
        starts = np.cumsum([0, *widths])[:-1].tolist()
        columns = range(len(sizes))
        self._wide = [(starts[column], widths[column]) for column in columns if widths[column] > 1]
        self._shared = sorted({embeddings[column] for column in columns if widths[column] == 1})
        self.tables = nn.ParameterList()
        for width in self._shared:
            own = [p for p in columns if widths[p] == 1 and embeddings[p] == width]
            offsets = np.cumsum([0, *(sizes[p] for p in own)])
            self.register_buffer(
                f"columns_{width}", torch.tensor([starts[p] for p in own]), persistent=False
            )
            self.register_buffer(
                f"offsets_{width}", torch.from_numpy(offsets[:-1]), persistent=False
            )
            self.tables.append(_table(int(offsets[-1]), width))
        for column in columns:
            if widths[column] > 1:
                self.tables.append(_table(sizes[column], embeddings[column]))

    def forward(self, categorical: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, embeddings' widths together)."""
        tables = list(self.tables)
        parts = []
        for width, table in zip(self._shared, tables, strict=False):
            columns = categorical.index_select(1, self.get_buffer(f"columns_{width}"))
            indices = columns + self.get_buffer(f"offsets_{width}")
            parts.append(functional.embedding(indices, table).flatten(1))
        for (start, width), table in zip(self._wide, tables[len(self._shared) :], strict=True):
            parts.append(_mean(categorical[:, start : start + width], table))
        if not parts:
            return torch.zeros(len(categorical), 0, device=categorical.device)
        return torch.cat(parts, dim=1)


def _table(size: int, width: int) -> nn.Parameter:
    return nn.Parameter(nn.init.normal_(torch.empty(size, width), std=EMBEDDING_SPREAD))


def _mean(indices: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    known = indices != 0
    # A row without any is missing, which is an index of its own: that of the 0 it begins with.
    first = torch.arange(indices.shape[1], device=indices.device) == 0
    known = known | (first & ~known.any(dim=1, keepdim=True))
    shares = known / known.sum(dim=1, keepdim=True)
    return (functional.embedding(indices, table) * shares.to(table.dtype).unsqueeze(2)).sum(dim=1)


def perceptron(width: int, hidden: Sequence[int], dropout: float) -> tuple[list[nn.Module], int]:
    """Returns the layers of a multi-layer perceptron without its head, and their last width."""
    layers: list[nn.Module] = []
    for own in hidden:
        layers += [nn.Linear(width, own), nn.ReLU(), nn.Dropout(dropout)]
        width = own
    return layers, width


class Crosses(nn.Module):
    """Cross layers beside a deep part: each multiplies the input with a layer of what it has.

    Args:
        width: Width of the input.
        crosses: Cross layers.
        rank: Rank of their matrices; 0: full.
        hidden: Widths of the deep part.
        dropout: Of the deep part.
        outputs: Numbers that come out a row.
    """

    def __init__(
        self,
        width: int,
        *,
        crosses: int,
        rank: int,
        hidden: Sequence[int],
        dropout: float,
        outputs: int,
    ) -> None:
        super().__init__()
        self.crosses = nn.ModuleList(_cross(width, rank) for _ in range(crosses))
        layers, last = perceptron(width, hidden, dropout)
        self.deep = nn.Sequential(*layers)
        self.head = nn.Linear(width + (last if hidden else 0), outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, outputs)."""
        crossed = inputs
        for cross in self.crosses:
            crossed = inputs * cross(crossed) + crossed
        if len(self.deep):
            crossed = torch.cat([crossed, self.deep(inputs)], dim=1)
        result: torch.Tensor = self.head(crossed)
        return result


def _cross(width: int, rank: int) -> nn.Module:
    if not rank:
        return nn.Linear(width, width)
    return nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, width))


class SharedLinear(nn.Module):
    """One matrix for all members, with scales of each member's own before and after it.

    Args:
        members: Models in the ensemble.
        width: Numbers that go in.
        outputs: Numbers that come out.
        signs: Whether members begin by turning random inputs round; else they begin alike.
    """

    def __init__(self, members: int, width: int, outputs: int, *, signs: bool) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(1, width))
        self.weight = nn.Parameter(torch.empty(outputs, width).uniform_(-bound, bound))
        before = torch.ones(members, width)
        if signs:
            before = torch.randint(0, 2, (members, width)).float() * 2 - 1
        self.before = nn.Parameter(before)
        self.after = nn.Parameter(torch.ones(members, outputs))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, members, outputs) of shape (rows, members or 1, width)."""
        if inputs.shape[1] == 1 and len(inputs) >= len(self.weight):
            # The members' matrices are then fewer numbers than rows scaled for each member.
            matrices = self.after.unsqueeze(2) * self.weight * self.before.unsqueeze(1)
            bias, matrix = self.bias.flatten(), matrices.flatten(0, 1).t()
            return torch.addmm(bias, inputs[:, 0], matrix).view(-1, *self.bias.shape)
        result = functional.linear(inputs * self.before, self.weight)
        return torch.addcmul(self.bias, result, self.after)


class Ensemble(nn.Module):
    """Perceptrons that share their matrices, each with scales and a head of its own.

    Args:
        width: Width of the input.
        members: Models in the ensemble.
        hidden: Widths of the layers.
        dropout: Of each member for itself.
        outputs: Numbers that come out a row and member.
    """

    def __init__(
        self, width: int, *, members: int, hidden: Sequence[int], dropout: float, outputs: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for column, own in enumerate(hidden):
            self.layers.append(SharedLinear(members, width, own, signs=column == 0))
            width = own
        self.dropout = nn.Dropout(dropout)
        bound = 1 / math.sqrt(max(1, width))
        self.heads = nn.Parameter(torch.empty(members, width, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, members, outputs)."""
        state = inputs.unsqueeze(1)
        for layer in self.layers:
            state = self.dropout(functional.relu(layer(state)))
        if not len(self.layers):
            state = state.expand(-1, len(self.heads), -1)
        return torch.baddbmm(self.bias.unsqueeze(1), state.transpose(0, 1), self.heads).transpose(
            0, 1
        )
