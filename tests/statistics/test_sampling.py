import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.statistics import sampling
from plimsoll.statistics.hashing import row_hashes
from plimsoll.statistics.sampling import Sampler, chosen, sample_rows


def rows(first, count):
    """Rows that know their own number."""
    numbers = np.arange(first, first + count)
    texts = pa.array([None if n % 7 == 0 else f"t{n}" for n in numbers], pa.string())
    return pa.RecordBatch.from_arrays([pa.array(numbers), texts], names=["number", "text"])


def sampled(cuts, most):
    sampler = Sampler(2, most)
    for first, last in itertools.pairwise(cuts):
        sampler.add(rows(first, last - first), first)
    return sampler.kept()[0]


cuts_of_400 = st.lists(st.integers(0, 400)).map(lambda cuts: [0, *sorted(cuts), 400])


@given(cuts_of_400, st.integers(1, 450))
def test_a_sample_does_not_depend_on_how_rows_are_cut(cuts, most):
    sample = sampled(cuts, most)
    assert sample.equals(sampled([0, 400], most))
    numbers = sample["number"].to_pylist()
    assert len(numbers) == min(most, 400)
    assert numbers == sorted(set(numbers))
    assert sample["text"].to_pylist() == [None if n % 7 == 0 else f"t{n}" for n in numbers]


@given(cuts_of_400, st.integers(1, 450), st.randoms())
def test_samples_of_parts_make_the_sample_of_the_whole(cuts, most, random):
    parts = []
    for first, last in itertools.pairwise(cuts):
        part = Sampler(2, most)
        part.add(rows(first, last - first), first)
        parts.append(part.kept())
    random.shuffle(parts)
    whole = Sampler(2, most)
    for table, numbers in parts:
        whole.add_sample(table, numbers)
    assert whole.kept()[0].equals(sampled([0, 400], most))


def test_few_rows_are_all_kept():
    assert sampled([0, 3, 300], 300).equals(pa.Table.from_batches([rows(0, 300)]))


def test_a_sample_is_uniform():
    numbers = sampled([0, 100_000], 10_000)["number"].to_numpy()
    counted, _ = np.histogram(numbers, bins=10, range=(0, 100_000))
    # 1000 rows each are expected; 5 standard deviations of a binomial are 150.
    assert abs(counted - 1000).max() < 150
    assert abs((numbers % 2).mean() - 0.5) < 0.025


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_a_rate_keeps_its_share_whatever_the_batches(rate):
    whole = chosen(rows(0, 50_000), 0, rate)
    parts = [chosen(rows(first, 500), first, rate) for first in range(0, 50_000, 500)]
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([whole]))
    assert whole.num_rows == pytest.approx(50_000 * rate, abs=600)


def test_hashes_are_those_of_splitmix64():
    # The generator's published first outputs for the seed 0.
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert row_hashes(0, 3).tolist() == expected


def test_wide_data_and_long_texts_give_fewer_rows(monkeypatch):
    assert sample_rows(18) == 65536
    assert sample_rows(500) == 2**23 // 500
    monkeypatch.setattr(sampling, "SAMPLE_BYTES", 2000)
    one = sampled([0, 400], 400)
    many = sampled([0, 1, 30, 31, 250, 400], 400)
    assert 100 < one.num_rows < 200
    assert one.equals(many)


def test_no_rows_and_no_batches():
    assert Sampler(2).kept()[0].num_rows == 0
    empty = Sampler(2)
    empty.add(rows(0, 0), 0)
    assert empty.kept()[0].schema == rows(0, 0).schema
