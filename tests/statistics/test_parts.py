"""Parts are merged in the shape of one tree, in whatever order they come."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.statistics.accumulator import accumulate, power_of_two
from plimsoll.statistics.hashing import finalised, mixed, row_hashes
from plimsoll.statistics.parts import MergeTree, blocks_of
from plimsoll.statistics.reading import rebatched


class Spelled:
    """Spells the order in which parts were merged."""

    def __init__(self, text=""):
        self.text = text

    def add(self, batch, first):
        self.text += f"{first}:{batch.num_rows} "

    def merge(self, later):
        self.text = f"({self.text}{later.text})"

    def finish(self):
        return self.text


def tree_of(numbers):
    tree = MergeTree()
    for number in numbers:
        tree.add(0, number, Spelled(str(number)))
    return tree.finish(None)


@given(st.integers(1, 20).flatmap(lambda parts: st.permutations(range(parts))))
def test_the_order_of_merging_is_that_of_the_numbers(numbers):
    assert tree_of(numbers) == tree_of(sorted(numbers))


def test_the_tree_is_one_of_pairs():
    assert tree_of(range(7)) == "((((01)(23))(45))6)"


@pytest.mark.parametrize(("rows", "least"), [(1, 1), (1000, 1), (1000, 8), (1001, 64), (0, 4)])
def test_blocks_cover_all_parts_once(rows, least):
    blocks = blocks_of(rows, 10, least)
    parts = -(-rows // 10)
    covered = [
        part for block in blocks for part in range(block.first, block.first + 2**block.level)
    ]
    assert covered[:parts] == list(range(parts))
    assert len(blocks) >= min(least, parts)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7))
def test_batches_are_cut_anew(sizes, rows):
    whole = pa.RecordBatch.from_arrays([pa.array(range(sum(sizes)), pa.int64())], names=["x"])
    ends = np.cumsum([0, *sizes]).tolist()
    batches = [whole.slice(start, end - start) for start, end in itertools.pairwise(ends)]
    cut = list(rebatched(batches, rows))
    assert [value for batch in cut for value in batch.column(0).to_pylist()] == list(
        range(sum(sizes))
    )
    assert all(batch.num_rows == rows for batch in cut[:-1])


def test_one_accumulator_counts_rows_from_zero():
    batch = pa.RecordBatch.from_arrays([pa.array([1, 2, 3])], names=["x"])
    assert accumulate(Spelled(), [batch, batch.slice(1)]) == "0:3 3:2 "


def test_hashes_do_not_change_what_they_are_given():
    numbers = np.arange(4, dtype=np.uint64)
    hashes = mixed(numbers), finalised(numbers)
    assert numbers.tolist() == [0, 1, 2, 3]
    assert hashes[1][0] == 0
    assert row_hashes(7, 2).tolist() == row_hashes(0, 9)[7:].tolist()


def test_powers_of_two():
    assert [power_of_two(most) for most in (0, 1, 2, 3, 8, 1000)] == [1, 1, 2, 2, 8, 512]
