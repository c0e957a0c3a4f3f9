import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import ArtifactError
from plimsoll.formats import distributions as formats
from plimsoll.formats.distributions import (
    HASHES,
    LONGEST_NAME,
    MOST_HASHES,
    from_json,
    hashes_of,
    name_of,
    to_text,
)
from plimsoll.statistics.tally import Tally
from plimsoll.validate.drift.distributions import distribution_of


def described(values, kind=None):
    array = values if isinstance(values, pa.Array) else pa.array(values, kind)
    tally = Tally()
    tally.add(array)
    return distribution_of(pa.chunked_array([array]), tally, len(array))


def read_back(one):
    text = to_text({"train": {"x": one}})
    json.loads(text, parse_constant=pytest.fail)
    return from_json(json.loads(text), "distributions.json")["train"]["x"]


@given(st.lists(st.none() | st.floats(width=32), max_size=80))
@settings(max_examples=60)
def test_numbers_are_read_back(values):
    one = described(values, pa.float64())
    assert read_back(one) == one
    finite = sorted({value for value in values if value is not None and np.isfinite(value)})
    assert list(one.points) == finite
    assert one.rows == len(values) == one.values + one.missing
    assert one.nulls == values.count(None)


@given(st.lists(st.none() | st.text(max_size=12), max_size=80))
@settings(max_examples=60)
def test_texts_are_read_back(values):
    try:
        "".join(value or "" for value in values).encode()
    except UnicodeEncodeError:
        return
    one = described(values, pa.string())
    assert read_back(one) == one
    assert dict(one.counts) == {value: values.count(value) for value in values if value is not None}


@pytest.mark.parametrize("values", [
    [True, False, None], [1, 2, None, 2**62], pa.array([1, None], pa.timestamp("us")),
    [None, None], [],
])  # fmt: skip
def test_other_types_are_read_back(values):
    empty = not any(value is not None for value in values)
    one = described(values, pa.float64() if empty else None)
    assert read_back(one) == one


def test_of_many_values_the_smallest_hashes_are_kept_and_no_tie_is_cut():
    values = ["often"] * 500 + ["twice"] * 2 + [f"name {row}" for row in range(5_000)]
    one = described(values)
    assert one.counts == (("often", 500), ("twice", 2))
    assert one.rest == 5_000
    assert one.distinct == 5_002
    assert len(one.hashes) == MOST_HASHES
    assert list(one.hashes) == sorted(one.hashes)
    assert read_back(one) == one
    again = described(list(reversed(values)))
    assert again.hashes == one.hashes


def test_hashes_are_spread_evenly_and_always_the_same():
    codes = hashes_of([f"name {row}" for row in range(20_000)])
    counts = np.bincount((codes.astype(np.int64) * 16) // HASHES, minlength=16)
    assert counts.min() > 1_000
    assert hashes_of(["a", "Köln"]).tolist() == [3320656311, 1099057671]


def test_long_texts_are_kept_apart_and_short():
    first, second = "x" * 4_000 + "a", "x" * 4_000 + "b"
    assert name_of(first) != name_of(second)
    assert len(name_of(first)) <= LONGEST_NAME
    assert dict(described([first, second, first]).counts)[name_of(first)] == 2


def test_five_hundred_columns_are_a_few_megabytes():
    rng = np.random.default_rng(1)
    number = described(rng.normal(size=16_000))
    name = described([f"name {row}" for row in range(16_000)])
    kind = described([f"kind {row % 40}" for row in range(16_000)])
    columns = {f"column {place}": (number, number, kind, name)[place % 4] for place in range(500)}
    assert len(to_text({"train": columns})) < 6e6


@pytest.mark.parametrize("change", [
    {"kind": "numbers"}, {"values": 9}, {"points": [2.0, 1.0]}, {"below": [1]}, {"unknown": 1},
    {"points": [], "below": [], "at_most": []}, {"counts": 5},
])  # fmt: skip
def test_what_does_not_hold_together_is_refused(change):
    value = json.loads(to_text({"train": {"x": described([1.0, 2.0])}}))
    value["splits"]["train"]["x"].update(change)
    with pytest.raises(ArtifactError, match="does not hold together"):
        from_json(value, "distributions.json")


def test_another_format_is_refused():
    for value in ([], {}, {"format": "plimsoll.distributions/0", "splits": {}}):
        with pytest.raises(ArtifactError, match=formats.FORMAT):
            from_json(value, "distributions.json")
