"""The statistics of a small made data set, written out beside this file, a line a column.

To see what a change does to them: PLIMSOLL_WRITE_GOLDENS=1, then read the difference.
"""

import os
from pathlib import Path

import pyarrow as pa
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from plimsoll.validate.statistics.arrays import encoding_of
from plimsoll.validate.statistics.measure import measure
from validate.made import hourly, label, made

GOLDEN = Path(__file__).parent / "goldens" / "statistics.pbtxt"
ROWS = 25


def statistics(folder):
    """Each column has a trait: NaN, infinities, gaps, one value, a long text, times before 1970."""
    rows = range(ROWS)
    odd = {3: float("nan"), 4: float("inf"), 5: float("-inf"), 6: None}
    columns = {
        "amount": pa.array([odd.get(row, row * 0.5 - 7) for row in rows], pa.float64()),
        "none": pa.array([None] * ROWS, pa.float64()),
        "constant": pa.array([7] * ROWS),
        "large": pa.array([(-1) ** row * 2**60 + row for row in rows]),
        "kind": pa.array([None if row % 9 == 0 else f"k{row % 4}é" for row in rows]),
        "text": pa.array(["x" * 2000 if row == 1 else f"t{row}" for row in rows]),
        "yes": pa.array([None if row % 10 == 0 else row % 3 == 0 for row in rows]),
        "moment": pa.array(
            [value - 1_600_000_000_000_000 for value in hourly(ROWS).cast(pa.int64()).to_pylist()]
        ).cast(pa.timestamp("us")),
        "y": label(ROWS),
    }
    dataset = made(folder / "data", columns)
    encodings = {column.name: encoding_of(column.type) for column in dataset.columns}
    return measure(dataset, "train", encodings, ["y"]).statistics.datasets[0].features


def test_statistics_are_as_written(tmp_path):
    found = statistics(tmp_path)
    if os.environ.get("PLIMSOLL_WRITE_GOLDENS"):
        lines = [text_format.MessageToString(each, as_one_line=True) for each in found]
        GOLDEN.write_text("\n".join(lines) + "\n", "utf-8")
    golden = [
        text_format.Parse(line, statistics_pb2.FeatureNameStatistics())
        for line in GOLDEN.read_text("utf-8").splitlines()
    ]
    for mine, its in zip(found, golden, strict=True):
        assert mine == its, mine.path.step[0]
