"""What was measured of the train split, in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plimsoll.transform.kinds.category_stats import CategoryStats
from plimsoll.transform.kinds.label_stats import LabelStats
from plimsoll.transform.kinds.number_stats import NumberStats
from plimsoll.transform.kinds.target_stats import TargetStats
from plimsoll.transform.kinds.time_stats import TimeStats


@dataclass(frozen=True, kw_only=True)
class ColumnStats:
    """What was measured of one column; None: that was not."""

    rows: int
    nulls: int
    number: NumberStats | None = None
    category: CategoryStats | None = None
    time: TimeStats | None = None
    target: TargetStats | None = None
    lists: tuple[int, ...] = ()
    """How many rows list none, one, two texts and so on."""


@dataclass(frozen=True, kw_only=True)
class TrainStats:
    """What was measured of the train split."""

    rows: int
    columns: Mapping[str, ColumnStats]
    label: LabelStats
    crosses: tuple[Mapping[tuple[Any, ...], int] | None, ...]
    """How often values occur together; None: they are too many."""
    sample: pa.Table | None
    """Some rows as they are, uniformly chosen, in their order."""
    sampled: NDArray[np.int64]
    """Their numbers in the split."""


TYPES = (
    TrainStats, ColumnStats, CategoryStats, LabelStats, NumberStats, TargetStats, TimeStats,
)  # fmt: skip
"""What is in ``TrainStats``."""
