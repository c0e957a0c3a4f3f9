"""Data sets whose statistics and anomalies are kept in ``golden/``, as TFDV 1.16.1 made them.

Made by arithmetic on the rows' numbers, so that they are the same under every version of numpy.
To make the files again, after a change that is meant, under that version of TFDV:

    PYTHONPATH=components:tests python -m validate.statistics.golden_data
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from plimsoll.formats.dataset import Dataset
from plimsoll.validate.statistics import tfdv as validator
from plimsoll.validate.statistics.arrays import encoding_of
from plimsoll.validate.statistics.measure import MeasureConfig, measure
from validate.made import Ran, hourly, label, made, ran

GOLDEN = Path(__file__).parent / "golden"
MADE_UNDER = "1.16.1"
ROWS = 30_000
GIVEN = (GOLDEN / "given.pbtxt").read_text("utf-8") if GOLDEN.exists() else ""


def first(folder: Path) -> Dataset:
    """A data set with every type, and what is awkward about each."""
    rows = np.arange(ROWS)
    spread = (rows * 7919 % 10_007) / 10_007
    return made(folder, _columns(rows, spread, kinds=50, names=ROWS))


def later(folder: Path) -> Dataset:
    """The same columns gone wrong in several ways."""
    rows = np.arange(3_000)
    spread = (rows * 7919 % 10_007) / 1_000
    columns = _columns(rows, spread, kinds=20, names=150)
    del columns["constant"]
    columns["count"] = pa.array(rows * 13 % 11 + 0.5)
    columns["new"] = pa.array(rows % 2)
    columns["flag"] = pa.array(np.where(rows % 2, "yes", "maybe"))
    return made(folder, columns)


def weighted(folder: Path) -> Dataset:
    """A few columns, and one of weights whose sums are exact."""
    rows = np.arange(1_000)
    columns = _columns(rows, (rows * 7919 % 10_007) / 10_007, kinds=2, names=1)
    kept = {name: columns[name] for name in ("amount", "kind", "y")}
    return made(folder, {**kept, "weight": pa.array(rows % 7 * 0.25)})


def _columns(rows: np.ndarray, spread: np.ndarray, kinds: int, names: int) -> dict[str, pa.Array]:
    # Products, as powers are not the same to the last digit everywhere.
    around = spread - 0.5
    amount = around * around * around * 1e4
    odd = np.where(rows % 97 == 0, np.nan, np.where(rows % 101 == 0, np.inf, -1.5 * spread))
    return {
        "amount": pa.array(amount, mask=rows % 11 == 0),
        "outlier": pa.array(np.where(rows == 7, 1e8, spread)),
        "odd": pa.array(odd),
        "count": pa.array(rows * 13 % 11 - 5, mask=rows % 3 == 0),
        "huge": pa.array(rows * (1 << 46)),
        "kind": pa.array([f"Größe {value}" if value else "" for value in rows * 31 % kinds]),
        # More values than are counted exactly; the most frequent of them are.
        "name": pa.array([f"n{row % names}" if row % 4 else f"often {row % 20}" for row in rows]),
        "long": pa.array(["x" * (1200 if row % 5 else 3) for row in rows], mask=rows % 7 == 0),
        "flag": pa.array(rows % 3 == 0, mask=rows % 13 == 0),
        "when": hourly(len(rows)),
        "missing": pa.nulls(len(rows), pa.float64()),
        "constant": pa.array(np.zeros(len(rows))),
        "y": label(len(rows)),
    }


def written(folder: Path) -> dict[str, str]:
    """Runs the gate on the data sets; returns what is compared, as texts by file name."""
    from google.protobuf import text_format

    parts = weighted(folder / "weighted")
    encodings = {column.name: encoding_of(column.type) for column in parts.columns}
    measured = measure(
        parts, "train", encodings, ["y"], MeasureConfig(weight="weight", slices=("kind",))
    )
    plain = ran(first(folder / "first"), folder / "plain", mode="warn")
    wrong = ran(later(folder / "later"), folder / "wrong", schema=GIVEN, mode="warn")
    return {
        "first.pbtxt": text_format.MessageToString(plain.statistics.proto("train"), as_utf8=True),
        "weighted.pbtxt": text_format.MessageToString(measured.statistics, as_utf8=True),
        "later.pbtxt": text_format.MessageToString(wrong.statistics.proto("train"), as_utf8=True),
        "schema.pbtxt": text_format.MessageToString(plain.schema, as_utf8=True),
        "findings.json": json.dumps(_findings(wrong), indent=1, ensure_ascii=False) + "\n",
        "anomalies.json": json.dumps(_verdicts(plain, wrong), indent=1, ensure_ascii=False) + "\n",
    }


def _findings(result: Ran) -> list[list[str]]:
    """Returns all that TFDV says of train under the given schema, in its own words."""
    found = validator.validate(result.statistics.proto("train"), result.schema, "TRAINING")
    return [[item.column, item.kind, item.headline, item.description] for item in found]


def _verdicts(*results: Ran) -> list[list[object]]:
    """Returns column, kind and level of what did not pass in train, by the data set's place."""
    found = ((number, *item) for number, result in enumerate(results) for item in result.found())
    return sorted([number, *rest] for number, split, *rest in found if split == "train")


def main() -> None:
    """Writes the files."""
    version = validator.load().__version__
    if version != MADE_UNDER:
        raise SystemExit(f"golden files are made under TFDV {MADE_UNDER}, and this is {version}")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in written(Path(folder)).items():
            (GOLDEN / name).write_text(text, "utf-8")
            print(name)


if __name__ == "__main__":
    main()
