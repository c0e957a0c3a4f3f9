"""The train split is measured the same however the work is shared."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.errors import DataError, StepError
from plimsoll.problem import Problem, Split
from plimsoll.statistics import accumulator as engine
from plimsoll.statistics.results import from_bytes, to_bytes
from plimsoll.statistics.runners import measure_split
from plimsoll.storage.files import digest_tree
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.core import transform_dataset
from plimsoll.transform.fit import accumulator as fitting
from plimsoll.transform.fit.fit import fit_all, fit_measured, plan_of
from plimsoll.transform.fit.requests import request_of
from transform.data import make, times

ROWS = 3000
CONFIG = {
    "columns": {
        "group": {"kind": "target"}, "tags": "multi", "seats": "both", "price": "log",
        "far": {"kind": "target", "folds": 2},
    },
    "crosses": [["group", "tags"], ["group", "many"]],
    "rank_rows": 500,
}  # fmt: skip


def columns(seed, rows):
    random = np.random.default_rng(seed)
    moments = times("2013-01-01").to_numpy()[0] + random.integers(0, 10**6, rows).astype("m8[m]")
    price = np.exp(random.normal(size=rows))
    return {
        "y": random.integers(0, 2, rows),
        "price": pa.array(price, mask=random.random(rows) < 0.1),
        "seats": random.integers(0, 900, rows),
        "group": random.choice(["a", "b", "c", None], rows).tolist(),
        "far": random.integers(0, 2000, rows),
        "tags": random.choice(["r|g", "g", "b|r", ""], rows).tolist(),
        "many": [f"m{number}" for number in random.zipf(1.3, rows) % 5000],
        "open": random.random(rows) < 0.3,
        "at": moments,
    }


@pytest.fixture
def dataset(tmp_path):
    problem = Problem(label="y", task="binary", positive="1", split=Split(by="hash"))
    return make(
        tmp_path / "dataset", columns(0, ROWS), eval_=columns(1, 700), test=columns(2, 90),
        problem=problem,
    )  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Parts and limits so small that a few rows go through every path."""
    monkeypatch.setattr(engine, "BATCH_ROWS", 128)
    monkeypatch.setattr(engine, "PART_ROWS", 512)
    monkeypatch.setattr(fitting, "DISTINCT", 256)
    monkeypatch.setattr(fitting, "FEWEST_DISTINCT", 64)
    monkeypatch.setattr("plimsoll.transform.writing.BLOCK_ROWS", 200)


def digest(fit):
    told = json.dumps(fit.transform.to_dict(), sort_keys=True)
    tables = [fit.tables[name].tobytes() for name in sorted(fit.tables)]
    return hashlib.sha256(b"".join([told.encode(), *tables])).hexdigest()


def test_processes_change_nothing(dataset, small):
    config = TransformConfig(**CONFIG, processes=1)
    alone = fit_all(dataset, config, frozenset())
    assert not alone.measured.columns["price"].number.exact
    assert alone.measured.crosses[1] is None
    assert alone.folds == 10
    for processes in (2, 3):
        shared = fit_all(dataset, TransformConfig(**CONFIG, processes=processes), frozenset())
        assert digest(shared) == digest(alone)
        assert shared.measured.sample.equals(alone.measured.sample)
        assert shared.measured.sampled.tolist() == alone.measured.sampled.tolist()


def test_small_data_are_exact_beyond_one_part(dataset, monkeypatch):
    monkeypatch.setattr(engine, "PART_ROWS", 1 << 10)
    monkeypatch.setattr(engine, "BATCH_ROWS", 1 << 9)
    cut = fit_all(dataset, TransformConfig(**CONFIG, processes=1), frozenset())
    monkeypatch.undo()
    whole = fit_all(dataset, TransformConfig(**CONFIG, processes=1), frozenset())
    assert cut.transform.to_dict() == whole.transform.to_dict()
    price = dataset.read("train", ["price"]).column(0).drop_null().to_numpy()
    assert whole.transform.columns[0].parts[0].fill == np.median(price)


def test_what_was_measured_travels_whole(dataset, small):
    request = request_of(dataset, TransformConfig(**CONFIG), frozenset())
    measurement = plan_of(request).measurement()
    found = measure_split(dataset, measurement)
    again = from_bytes(to_bytes(found), measurement.load())
    assert to_bytes(again) == to_bytes(found)
    assert digest(fit_measured(request, again)) == digest(fit_measured(request, found))
    assert again.sample.equals(found.sample)


def test_the_sample_is_of_about_as_many_rows_as_asked(dataset, small):
    request = request_of(dataset, TransformConfig(rank_rows=500), frozenset())
    found = measure_split(dataset, plan_of(request).measurement())
    assert 400 < found.sample.num_rows < 600
    prices = dataset.read("train").column("price").take(pa.array(found.sampled))
    assert found.sample["price"].to_pylist() == prices.to_pylist()
    none = request_of(dataset, TransformConfig(rank_rows=0), frozenset())
    assert measure_split(dataset, plan_of(none).measurement()).sample is None


def test_the_same_bytes_are_written_by_any_number_of_processes(dataset, small, tmp_path):
    digests = set()
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        transform_dataset(
            dataset.folder, tmp_path / "no-schema", folder / "transform", folder / "examples",
            TransformConfig(**CONFIG, processes=processes),
        )  # fmt: skip
        digests.add((digest_tree(folder / "transform"), digest_tree(folder / "examples")))
    assert len(digests) == 1


def test_a_label_that_train_lacks_is_told_from_a_process_too(tmp_path):
    problem = Problem(label="y", task="multiclass", split=Split(by="hash"))
    odd = {"x": [1.0, 2.0], "y": [0, 77]}
    made = make(tmp_path / "dataset", {"x": [1.0, 2.0] * 9}, test=odd, problem=problem)
    with pytest.raises(DataError, match="'y' has a value") as caught:
        transform_dataset(
            made.folder, tmp_path / "no", tmp_path / "transform", tmp_path / "examples",
            TransformConfig(processes=2),
        )  # fmt: skip
    assert "77" in caught.value.cause
    assert not (tmp_path / "examples").exists()


def test_a_process_that_is_killed_is_told(dataset, small, monkeypatch):
    import os
    import signal

    parent = os.getpid()

    def killed(column, *rest):
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(fitting.FitAccumulator, "_add_column", killed)
    with pytest.raises(StepError, match="a process that fitted was killed") as caught:
        fit_all(dataset, TransformConfig(processes=2), frozenset())
    assert "signal 9" in caught.value.cause
