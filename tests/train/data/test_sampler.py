"""The order of rows: every row once an epoch, and the same wherever it is looked up."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.train.data.sampler import (
    BatchPartition,
    BlockShuffleSampler,
    derived_seed,
    sampler_for,
)

orders = st.builds(
    BlockShuffleSampler,
    rows=st.integers(1, 300),
    seed=st.integers(0, 9),
    block=st.integers(1, 40),
    blocks=st.integers(1, 9),
)


def drawn(order, epoch):
    starts = order.window_bounds(epoch)
    windows = [order.window_rows(epoch, number) for number in range(len(starts) - 1)]
    assert [len(window) for window in windows] == list(np.diff(starts))
    return np.concatenate(windows)


@given(orders, st.integers(0, 5))
def test_every_row_comes_once_an_epoch(order, epoch):
    assert sorted(drawn(order, epoch)) == list(range(order.rows))


def test_epochs_and_seeds_have_orders_of_their_own():
    one = BlockShuffleSampler(rows=200, seed=0, block=10, blocks=4)
    other = BlockShuffleSampler(rows=200, seed=1, block=10, blocks=4)
    assert not np.array_equal(drawn(one, 0), drawn(one, 1))
    assert not np.array_equal(drawn(one, 0), drawn(other, 0))
    assert np.array_equal(
        drawn(one, 3), drawn(BlockShuffleSampler(rows=200, seed=0, block=10, blocks=4), 3)
    )


def test_rows_that_fit_into_a_window_are_shuffled_as_a_whole():
    order = sampler_for(10_000, 100, seed=0)
    places = drawn(order, 0)
    assert len(order.window_bounds(0)) == 2
    # Neighbours in the order are as far apart as in any permutation: a third of the rows.
    assert abs(np.abs(np.diff(places)).mean() / 10_000 - 1 / 3) < 0.02


def test_sorted_rows_are_mixed_though_windows_are_small_beside_them():
    order = BlockShuffleSampler(rows=100_000, seed=0, block=50, blocks=100)
    batches = drawn(order, 0).reshape(-1, 1000) / 100_000
    # Each batch's mean is near that of all rows, as if rows had been drawn singly.
    assert np.abs(batches.mean(axis=1) - 0.5).max() < 0.15


@given(
    rows=st.integers(1, 200),
    batch=st.integers(1, 50),
    size=st.integers(1, 5),
)
def test_batches_are_cut_without_gap_or_overlap(rows, batch, size):
    cuts = [BatchPartition(rows=rows, batch=batch, rank=rank, size=size) for rank in range(size)]
    seen = []
    for step in range(cuts[0].steps):
        shares = [cut.bounds(step) for cut in cuts]
        lengths = [stop - start for start, stop in shares]
        assert sum(lengths) == cuts[0].global_rows(step)
        assert max(lengths) - min(lengths) <= 1
        seen += [place for start, stop in shares for place in range(start, stop)]
    assert seen == list(range(rows))
    owners = np.array([cut.is_owned(np.arange(rows)) for cut in cuts])
    assert (owners.sum(axis=0) == 1).all()
    for cut, owned in zip(cuts, owners, strict=True):
        shares = [cut.bounds(step) for step in range(cut.steps)]
        assert list(np.flatnonzero(owned)) == [p for a, b in shares for p in range(a, b)]


def test_seeds_of_neighbours_have_nothing_in_common():
    seeds = {derived_seed(seed, "step", step, rank) for seed in (0, 1) for step in range(50)
             for rank in range(3)}  # fmt: skip
    assert len(seeds) == 300
    assert max(seeds) < 2**63
