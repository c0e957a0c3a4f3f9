"""Numbers over piecewise-linear bins, then a small linear layer of each column's own.

Few numbers a column come out however many bins there are, and a network learns from them in fewer
steps than from the bins (Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep
Learning", 2022).
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

FARTHEST = 4.0
"""Beside the bins a number counts as it is, none further from 0 than this."""
STEEPNESS = 0.5
SLOPE = 0.3


class EmbeddedBins(nn.Module):
    """Spreads each number over its column's bins and makes ``width`` numbers of them.

    The edges are buffers, set once by ``fit`` and saved with the weights. Numbers outside of
    them count as the ends; beside its bins each column has a straight line.

    Args:
        bins: How many bins each column has; one without any has the line alone.
        width: Numbers that come out a column.
    """

    low: torch.Tensor
    scale: torch.Tensor

    def __init__(self, bins: Sequence[int], width: int) -> None:
        super().__init__()
        columns, most = len(bins), max(1, *bins) if bins else 1
        self.bins = tuple(bins)
        self.width = columns * width
        self.register_buffer("low", torch.zeros(columns, most))
        # Bins that a column lacks have no steepness, so that they are 0.
        self.register_buffer("scale", torch.zeros(columns, most))
        self.weight = nn.Parameter(torch.empty(columns, most, width))
        nn.init.normal_(self.weight, std=STEEPNESS / math.sqrt(most))
        self.slope = nn.Parameter(torch.empty(columns, 1, width))
        nn.init.normal_(self.slope, std=SLOPE)
        self.bias = nn.Parameter(torch.zeros(columns, 1, width))

    def fit(self, edges: Sequence[NDArray[np.float32]]) -> None:
        """Takes the rising edges of each column; one edge fewer bins than edges."""
        for column, ends in enumerate(edges):
            count = max(0, len(ends) - 1)
            self.low[column, :count] = torch.from_numpy(ends[:-1].copy())[:count]
            self.scale[column, :count] = torch.from_numpy(1 / np.diff(ends))[:count]

    def forward(self, numeric: torch.Tensor) -> torch.Tensor:
        """Returns shape (rows, columns * width)."""
        # Columns first, so that each one's own layer is a product of a batch of matrices.
        numbers = numeric.t().unsqueeze(2)
        spread = (numbers - self.low.unsqueeze(1)).mul_(self.scale.unsqueeze(1)).clamp_(0, 1)
        result = torch.baddbmm(self.bias, spread, self.weight)
        result = torch.addcmul(result, numbers.clamp(-FARTHEST, FARTHEST), self.slope)
        return result.transpose(0, 1).flatten(1)
