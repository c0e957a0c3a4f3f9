"""A result that a runner hands back as a file is what it was."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.statistics.results import from_bytes, to_bytes


@dataclass(frozen=True)
class Inner:
    counts: Mapping[Any, int]
    values: np.ndarray


@dataclass(frozen=True)
class Outer:
    name: str
    first: datetime | None
    inner: tuple[Inner, ...]
    table: pa.Table
    number: float


def result():
    inner = Inner({("a", 1): 2, None: 3, 2**62: 1, "é": 0}, np.array([0.1, 1e300, -0.0]))
    table = pa.table({"x": [1, None], "text": ["a", None]})
    return Outer("n", datetime(2013, 1, 1, 5, 0, 0, 7), (inner, inner), table, math.nan)  # noqa: DTZ001


def test_a_result_travels_whole():
    sent, came = result(), from_bytes(to_bytes(result()), [Outer, Inner])
    assert (came.name, came.first, len(came.inner)) == (sent.name, sent.first, 2)
    assert came.inner[0].counts == sent.inner[0].counts
    assert list(came.inner[0].counts) == list(sent.inner[0].counts)
    assert came.inner[0].values.tobytes() == sent.inner[0].values.tobytes()
    assert came.table.equals(sent.table)
    assert math.isnan(came.number)
    assert to_bytes(came) == to_bytes(sent)


def test_only_the_classes_that_are_named_are_made():
    with pytest.raises(KeyError, match="Inner"):
        from_bytes(to_bytes(result()), [Outer])
