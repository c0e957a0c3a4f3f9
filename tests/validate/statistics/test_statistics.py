import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.errors import ArtifactError, DataError
from plimsoll.formats.statistics import open_statistics
from plimsoll.problem import SPLITS
from plimsoll.validate.statistics.summary import summaries_of
from validate.made import label, made, ran

ROWS = 150_000


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Several record batches, an outlier, missing values, and more values than are counted."""
    folder = tmp_path_factory.mktemp("measured")
    random = np.random.default_rng(5)
    x = random.normal(10, 2, ROWS)
    x[7] = 1e8
    columns = {
        "x": pa.array(x),
        "gaps": pa.array(random.integers(-5, 5, ROWS), mask=random.random(ROWS) < 0.3),
        "kind": pa.array([f"k{value}" for value in random.integers(0, 50, ROWS)]),
        "many": pa.array([f"m{value}" for value in random.integers(0, 5000, ROWS)]),
        "y": label(ROWS),
    }
    return columns, ran(made(folder / "data", columns), folder)


def train(column):
    return column.slice(0, int(ROWS * 0.8))


def test_every_row_of_every_split_is_covered(measured):
    _, result = measured
    rows = {"train": 120_000, "eval": 15_000, "test": 15_000}
    assert dict(result.statistics.rows) == rows
    for split in SPLITS:
        dataset = result.statistics.proto(split).datasets[0]
        assert dataset.num_examples == rows[split]
        assert [list(feature.path.step) for feature in dataset.features] == [
            [name] for name in ("x", "gaps", "kind", "many", "y")
        ]


def test_numbers_are_those_of_numpy(measured):
    columns, result = measured
    summary = summaries_of(result.statistics.proto("train"))
    x = train(columns["x"]).to_numpy()
    assert summary["x"].mean == pytest.approx(x.mean(), rel=1e-6)
    assert summary["x"].std == pytest.approx(x.std(), rel=1e-6)
    assert (summary["x"].low, summary["x"].high) == (x.min(), x.max())
    assert summary["x"].median == pytest.approx(np.median(x), abs=0.1)
    gaps = train(columns["gaps"])
    assert summary["gaps"].values == len(gaps) - gaps.null_count
    assert summary["gaps"].low == -5


def test_values_of_text_are_counted_exactly(measured):
    columns, result = measured
    summary = summaries_of(result.statistics.proto("train"))
    for name in ("kind", "many"):
        counted = {item["values"]: item["counts"] for item in
                   train(columns[name]).value_counts().to_pylist()}  # fmt: skip
        assert summary[name].distinct == len(counted)
        assert {value: counted[value] for value, _ in summary[name].counts} == dict(
            summary[name].counts
        )
    assert summary["kind"].has_all_counts
    assert not summary["many"].has_all_counts


def test_classes_of_whole_numbers_are_counted(measured):
    _, result = measured
    summary = summaries_of(result.statistics.proto("train"))["y"]
    assert dict(summary.counts) == {"0": 60_000, "1": 60_000}


def test_a_damaged_artifact_is_refused(measured, tmp_path):
    _, result = measured
    import shutil

    for name in ("eval.pb", "anomalies.json"):
        copy = tmp_path / name
        shutil.copytree(result.outputs.statistics, copy)
        with (copy / name).open("ab") as stream:
            stream.write(b" ")
        with pytest.raises(ArtifactError, match="damaged"):
            open_statistics(copy)


def test_an_unknown_split_is_told(measured):
    _, result = measured
    with pytest.raises(DataError, match="'tset'") as caught:
        result.statistics.proto("tset")
    assert "did you mean 'test'?" in str(caught.value)


def test_statistics_of_another_format_are_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": "plimsoll.statistics/9"}')
    with pytest.raises(ArtifactError, match=r"not a plimsoll.statistics/2"):
        open_statistics(tmp_path)


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(measured, tmp_path):
    """Hash seeds differ between processes, and so does what the sketches forget."""
    _, result = measured
    data = result.outputs.statistics.parent / "data"
    program = (
        "import sys; from pathlib import Path; from plimsoll.validate import core\n"
        "data, out = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "core.validate(data, core.Outputs(statistics=out / 'statistics', schema=out / 'schema',"
        " report=out / 'report'))\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(data), str(tmp_path)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "77"},
    )
    for name in ("train.pb", "eval.pb", "test.pb", "anomalies.json", "manifest.json"):
        first = (result.outputs.statistics / name).read_bytes()
        assert (tmp_path / "statistics" / name).read_bytes() == first, name
    assert (tmp_path / "report").read_text("utf-8") == result.page
