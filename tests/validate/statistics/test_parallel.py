"""One process, several and Beam must give the same bytes."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import ConfigError, DataError, StepError
from plimsoll.formats.dataset import open_dataset
from plimsoll.statistics import accumulator, parts, runners
from plimsoll.validate.statistics.arrays import encoding_of
from plimsoll.validate.statistics.measure import MeasureConfig, measure
from validate.made import hourly, label, made
from validate.statistics.batches import measure_batches

ROWS = 10_000
PART = 1 << 10


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(accumulator, "PART_ROWS", PART)
    monkeypatch.setattr(accumulator, "BATCH_ROWS", PART // 2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    random = np.random.default_rng(7)
    x = random.normal(10, 2, ROWS)
    x[[3, 7_000]] = np.nan, np.inf
    kinds = [f"k{value}" for value in np.minimum(random.zipf(1.2, ROWS), 40)]
    columns = {
        "x": pa.array(x),
        "gaps": pa.array(random.integers(-5, 5, ROWS), mask=random.random(ROWS) < 0.3),
        "kind": pa.array(kinds, mask=random.random(ROWS) < 0.01),
        "many": pa.array([f"m{value}" for value in random.integers(0, 5000, ROWS)]),
        "yes": pa.array(random.random(ROWS) < 0.2),
        "when": hourly(ROWS),
        "w": pa.array(random.random(ROWS)),
        "y": label(ROWS),
    }
    return made(tmp_path_factory.mktemp("parallel") / "data", columns)


def shapes_of(dataset):
    return {column.name: encoding_of(column.type) for column in dataset.columns}


def measured(dataset, **config):
    return measure(dataset, "train", shapes_of(dataset), ["y"], MeasureConfig(**config))


def serialized(found):
    return found.statistics.SerializeToString(deterministic=True)


def assert_same(one, other):
    assert serialized(one) == serialized(other)
    assert one.tallies == other.tallies
    assert one.sample.schema == other.sample.schema
    for mine, its in zip(one.sample.columns, other.sample.columns, strict=True):
        # As texts: NaN is not equal to itself.
        assert mine.cast(pa.string()).equals(its.cast(pa.string()))
    assert (one.rows, one.covered, one.notes) == (other.rows, other.covered, other.notes)


EVERYTHING = {"weight": "w", "slices": ("kind", "yes"), "sample_rate": 0.7}


@pytest.mark.parametrize("config", [{}, EVERYTHING], ids=["plain", "everything"])
def test_several_processes_give_the_bytes_of_one(dataset, config):
    one = measured(dataset, **config)
    assert one.rows == 8_000
    assert_same(one, measured(dataset, processes=2, **config))
    assert_same(one, measured(dataset, processes=3, **config))


@pytest.mark.parametrize("config", [{}, EVERYTHING], ids=["plain", "everything"])
def test_beam_gives_the_bytes_of_one_process(dataset, config):
    assert_same(
        measured(dataset, **config), measured(dataset, beam_runner="DirectRunner", **config)
    )


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 5000), max_size=5))
def test_batches_cut_anyhow_give_the_same_bytes(dataset, cuts):
    table = dataset.read("train").slice(0, 5000)
    ends = [0, *sorted(cuts), 5000]
    batches = [
        batch
        for start, end in itertools.pairwise(ends)
        for batch in table.slice(start, end - start).to_batches()
    ]
    whole = measure_batches(table.to_batches(), shapes_of(dataset), ["y"])
    assert_same(whole, measure_batches(batches, shapes_of(dataset), ["y"]))
    assert whole.rows == whole.covered == 5000


def test_batches_of_a_split_give_what_the_split_gives(dataset):
    batches = dataset.batches("train", batch_rows=777)
    found = measure_batches(batches, shapes_of(dataset), ["y"], split="train", rows=8_000)
    assert_same(measured(dataset), found)


def test_shards_and_row_groups_do_not_matter(dataset, tmp_path, monkeypatch):
    from plimsoll.formats import dataset as datasets
    from plimsoll.formats import shards

    monkeypatch.setattr(datasets, "ROWS_PER_SHARD", 3001)
    monkeypatch.setattr(shards, "ROWS_PER_GROUP", 999)
    columns = {name: dataset.read("train")[name] for name in dataset.column_names()}
    other = made(tmp_path / "cut", columns, cuts=(1.0, 1.0))
    assert len(other.splits["train"]) > 1
    assert_same(measured(dataset), measured(other))
    assert_same(measured(dataset), measured(other, processes=2))


def test_counts_of_few_values_are_exact_after_merging(dataset):
    found = measured(dataset, processes=2)
    counted = {
        item["values"]: item["counts"]
        for item in dataset.read("train")["many"].value_counts().to_pylist()
    }
    assert found.summaries["many"].distinct == len(counted)
    for value, rows in found.summaries["many"].counts:
        assert counted[value] == rows
    x = dataset.read("train")["x"].to_numpy()
    x = x[np.isfinite(x)]
    assert found.summaries["x"].mean == pytest.approx(x.mean(), rel=1e-12)
    assert found.summaries["x"].std == pytest.approx(x.std(), rel=1e-12)
    ranks = np.searchsorted(np.sort(x), found.summaries["x"].quantiles) / len(x)
    # TFDV's sketch errs by a hundredth of the rows.
    assert abs(ranks - np.linspace(0, 1, len(ranks))).max() < 0.01


class Dies(parts.Block):
    """A block whose worker is killed when it looks at it."""

    def __getattribute__(self, name):
        if name == "level" and os.getpid() != PARENT:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


PARENT = os.getpid()


def test_a_killed_worker_is_told_and_nobody_waits(dataset, monkeypatch):
    real = runners.blocks_of

    def with_a_deadly_one(*args):
        blocks = real(*args)
        return [*blocks[:3], Dies(blocks[3].first, blocks[3].level), *blocks[4:]]

    monkeypatch.setattr(runners, "blocks_of", with_a_deadly_one)
    with pytest.raises(StepError, match="measured train was killed") as caught:
        measured(dataset, processes=2)
    assert "signal 9" in caught.value.cause
    assert not _children()


def test_what_a_worker_raises_is_raised(tmp_path):
    columns = {"w": pa.array([1.0] * 5000 + [-1.0] + [1.0] * 999), "y": label(6000)}
    dataset = made(tmp_path / "data", columns, cuts=(1.0, 1.0))
    for processes in (1, 2):
        with pytest.raises(DataError, match="weights in column 'w'") as caught:
            measured(dataset, weight="w", processes=processes)
        assert "in 1 of" in caught.value.cause
    with pytest.raises(StepError, match="Beam could not measure train") as caught:
        measured(dataset, weight="w", beam_runner="DirectRunner")
    assert "below zero" in caught.value.cause
    assert not _children()


def test_a_damaged_shard_is_told_by_a_worker(dataset, tmp_path):
    import shutil

    shutil.copytree(dataset.folder, tmp_path / "data")
    copy = open_dataset(tmp_path / "data")
    (tmp_path / "data/train/part-00000.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(StepError, match="a process that measured train failed"):
        measured(copy, processes=2)


def test_beams_options_are_read_strictly(dataset):
    with pytest.raises(ConfigError, match="no option '--temp_locatoin=x'") as caught:
        measured(dataset, beam_runner="DirectRunner", beam_options=("--temp_locatoin=x",))
    assert "--temp_location" in str(caught.value)
    with pytest.raises(ConfigError, match="DirectRuner") as caught:
        measured(dataset, beam_runner="DirectRuner", beam_options=("--temp_location=/tmp",))
    assert "did you mean 'DirectRunner'" in str(caught.value)
    with pytest.raises(ConfigError, match="needs a temporary folder"):
        measured(dataset, beam_runner="DataflowRunner")


def test_nothing_is_left_in_beams_temporary_folder(dataset, tmp_path):
    found = measured(
        dataset, beam_runner="DirectRunner", beam_options=(f"--temp_location={tmp_path}",)
    )
    assert found.rows == 8_000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(dataset, sent):
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from functools import partial
        from plimsoll.statistics import parts, workers as processes
        from plimsoll.formats.dataset import open_dataset
        from plimsoll.validate.statistics.arrays import encoding_of
        from plimsoll.validate.statistics.accumulator import StatisticsPlan
        from plimsoll.validate.statistics.measure import measurement_of

        dataset = open_dataset(Path(sys.argv[1]))
        encodings = {c.name: encoding_of(c.type) for c in dataset.columns}
        plan = StatisticsPlan(split="train", encodings=encodings)
        work = partial(parts.measure_block, dataset, measurement_of(plan))
        workers = processes._Workers(work, 2, "measured train")
        print(*[process.pid for process in workers._processes.values()], flush=True)
        try:
            time.sleep(60)
        finally:
            workers.end()
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(dataset.folder)], stdout=subprocess.PIPE, text=True
    )
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.send_signal(sent)
    parent.wait(30)
    parent.stdout.close()
    for _ in range(300):
        if not any(_runs(pid) for pid in workers):
            return
        time.sleep(0.1)
    pytest.fail("a worker outlived its parent")


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _children():
    import multiprocessing

    return multiprocessing.active_children()
