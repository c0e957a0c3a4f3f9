"""Rows that stay on disk: the same batches as from memory, in bounded memory."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import DataError
from plimsoll.storage.files import digest_file, read_json, write_json
from plimsoll.train.config import TrainConfig
from plimsoll.train.data import streaming as streams
from plimsoll.train.data.batches import EvalBatches, ResidentBatches, is_resident
from plimsoll.train.data.sampler import BatchPartition, BlockShuffleSampler
from plimsoll.train.data.streaming import StreamedBatches
from plimsoll.train.data.tensors import TensorSplit
from plimsoll.train.distributed.process_group import World
from train import made_examples

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    examples = made_examples.write(tmp_path_factory.mktemp("made") / "examples", rows=157)
    return TensorSplit(examples=examples, name="train", device=CPU)


def same(one, other):
    return (
        torch.equal(one.numeric, other.numeric)
        and torch.equal(one.categorical, other.categorical)
        and torch.equal(one.target, other.target)
    )


@settings(deadline=None, max_examples=40)
@given(
    block=st.integers(1, 60),
    blocks=st.integers(1, 6),
    batch=st.integers(1, 90),
    size=st.integers(1, 3),
    begin=st.integers(0, 400),
)
def test_streamed_batches_are_the_resident_ones(split, block, blocks, batch, size, begin):
    order = BlockShuffleSampler(rows=len(split), seed=3, block=block, blocks=blocks)
    for rank in range(size):
        cut = BatchPartition(rows=len(split), batch=batch, rank=rank, size=size)
        resident, streamed = (
            ResidentBatches(split.read(), order, cut),
            StreamedBatches(split, order, cut),
        )
        try:
            for step in range(begin, begin + cut.steps + 2):
                epoch, at = divmod(step, cut.steps)
                assert same(resident.batch(epoch, at), streamed.batch(epoch, at))
        finally:
            streamed.close()


def test_a_batch_may_be_taken_again(split):
    order = BlockShuffleSampler(rows=len(split), seed=0, block=10, blocks=3)
    streamed = StreamedBatches(split, order, BatchPartition(rows=len(split), batch=16))
    first = streamed.batch(0, 0)
    streamed.batch(0, 1)
    assert same(first, streamed.batch(0, 0))
    streamed.close()


def test_only_some_windows_are_read_ahead_and_the_thread_ends(split, monkeypatch):
    read = []
    at = TensorSplit.read_at

    def counted(self, places):
        read.append(len(places))
        return at(self, places)

    monkeypatch.setattr(TensorSplit, "read_at", counted)
    order = BlockShuffleSampler(rows=len(split), seed=0, block=5, blocks=2)
    before = threading.active_count()
    streamed = StreamedBatches(split, order, BatchPartition(rows=len(split), batch=5))
    streamed.batch(0, 0)
    # Time enough to read on, were it not for the bound.
    threading.Event().wait(0.3)
    assert len(read) <= 2 + streams.PREFETCHED_WINDOWS
    assert max(read) <= 10
    streamed.close()
    assert threading.active_count() == before


def with_labels(folder, labels, split="train"):
    path = folder / split / "label.npy"
    np.save(path, labels)
    manifest = read_json(folder / "manifest.json")
    manifest["files"][f"{split}/label.npy"] = digest_file(path)
    write_json(folder / "manifest.json", manifest)


@pytest.mark.parametrize("wrong", [2, -1])
def test_a_label_outside_of_the_classes_is_said_wherever_it_is_read(tmp_path, wrong):
    examples = made_examples.write(tmp_path / "examples", rows=60)
    labels = np.array(examples.label("train"))
    labels[[7, 50]] = wrong
    with_labels(tmp_path / "examples", labels)
    split = TensorSplit(examples=examples, name="train", device=CPU)
    with pytest.raises(DataError, match="labels outside of the declared classes") as caught:
        split.read()
    assert f"2 rows, of index {wrong}" in caught.value.cause
    order = BlockShuffleSampler(rows=60, seed=0, block=5, blocks=2)
    streamed = StreamedBatches(split, order, BatchPartition(rows=60, batch=60))
    with pytest.raises(DataError, match="labels outside"):
        streamed.batch(0, 0)
    streamed.close()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_said_with_their_column(tmp_path, wrong):
    examples = made_examples.write(tmp_path / "examples", rows=60)
    path = tmp_path / "examples" / "train" / "numeric.npy"
    numbers = np.load(path)
    numbers[3, 1] = wrong
    np.save(path, numbers)
    with pytest.raises(DataError, match="not finite") as caught:
        TensorSplit(examples=examples, name="train", device=CPU).read()
    assert "noise" in caught.value.cause
    assert "signal" not in caught.value.cause


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_split_is_answered_in_parts_by_all_processes_equally_often(
    split, resident, size, monkeypatch
):
    monkeypatch.setattr("plimsoll.train.data.batches.ROWS_AT_ONCE", 26)
    targets, asked = [], []
    for rank in range(size):
        held = EvalBatches(split, World(rank=rank, size=size), resident=resident)
        parts = list(held.batches())
        assert all(len(part) <= 26 for part in parts)
        targets += [part.target for part in parts]
        asked.append(len(parts) + len(list(held.filler_batches())))
    assert torch.equal(torch.cat(targets), split.read().target)
    assert len(set(asked)) == 1


def test_rows_are_resident_where_they_fit(split, monkeypatch):
    world, auto = World(), TrainConfig()
    assert is_resident(split, split, auto, world)
    monkeypatch.setattr(
        "plimsoll.train.data.batches.memory_for_rows", lambda *_: split.row_bytes * 200
    )
    assert not is_resident(split, split, auto, world)
    assert is_resident(split, split, TrainConfig(data="resident"), world)
