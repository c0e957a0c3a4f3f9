import json
import subprocess
import sys

import numpy as np
import pytest

from plimsoll.errors import ArtifactError, DataError
from plimsoll.formats.dataset import open_dataset
from plimsoll.formats.examples import open_examples
from plimsoll.formats.rows import rows_from_table
from plimsoll.models.transform import read_transform
from plimsoll.problem import SPLITS, Features, Problem
from plimsoll.storage.files import digest_tree
from plimsoll.transform.apply.apply import apply, columns_from_rows
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.core import transform_dataset
from transform.data import make, times

ROWS = 300
SCHEMA = """
feature { name: "gate" type: INT int_domain { is_categorical: true } }
feature { name: "price" type: FLOAT }
feature { name: "seats" type: INT int_domain { min: 0 } }
"""


def columns(seed, rows=ROWS):
    random = np.random.default_rng(seed)
    price = np.exp(random.normal(size=rows) * 2)
    price[::7] = np.nan
    moments = times("2013-01-01").to_numpy()[0] + random.integers(0, 400 * 1440, rows).astype(
        "m8[m]"
    )
    return {
        "y": random.permutation([0, 1] * (rows // 2)),
        "price": [None if np.isnan(value) else value for value in price],
        "gate": random.integers(0, 60, rows),
        "seats": random.integers(0, 100, rows),
        "city": random.choice(["Oslo", "Rome", "Zürich", None], rows),
        "note": [f"note {seed} {place}" for place in range(rows)],
        "open": random.random(rows) < 0.3,
        "at": moments.astype("datetime64[us]"),
    }


@pytest.fixture
def dataset(tmp_path):
    test = columns(2, 40) | {"city": ["Bern"] * 40}
    return make(tmp_path / "dataset", columns(0), eval_=columns(1, 50), test=test).folder


def run(dataset, folder, schema=None, **config):
    return transform_dataset(
        dataset, schema or folder / "no-schema", folder / "transform", folder / "examples",
        TransformConfig(**config), folder / "report.html",
    ).notes  # fmt: skip


def test_from_a_dataset_to_examples(dataset, tmp_path):
    said = run(dataset, tmp_path)
    examples = open_examples(tmp_path / "examples")
    transform = read_transform(tmp_path / "transform")
    assert examples.dataset_id == open_dataset(dataset).id
    assert examples.rows == {"train": 300, "eval": 50, "test": 40}
    assert examples.numeric_names == transform.numeric
    assert examples.categorical_outputs == transform.categorical
    assert (examples.task, examples.classes, examples.positive) == ("binary", (0, 1), 1)
    numeric = np.array(examples.numeric("train"))
    assert np.isfinite(numeric).all()
    assert (numeric.std(axis=0) > 0).all()
    city = [item.name for item in examples.categorical_outputs].index("city")
    assert (examples.categorical("test")[:, city] == 1).all()
    assert set(examples.categorical("train")[:, city].tolist()) == {0, 2, 3, 4}
    assert said[0].startswith("6 columns became")
    assert "by quantiles: price" in said
    assert any(item.startswith("note is left out: none of its 300 values") for item in said)


def test_rows_asked_as_json_are_the_examples(dataset, tmp_path):
    run(dataset, tmp_path)
    examples = open_examples(tmp_path / "examples")
    transform = read_transform(tmp_path / "transform")
    for split in SPLITS:
        rows = json.loads(json.dumps(rows_from_table(open_dataset(dataset).read(split))))
        found = apply(transform, columns_from_rows(transform, rows))
        assert found.numeric.tobytes() == examples.numeric(split).tobytes()
        assert found.categorical.tobytes() == examples.categorical(split).tobytes()
        labels = [transform.label.classes.index(row["y"]) for row in rows]
        assert examples.label(split).tolist() == labels


def test_the_same_inputs_are_the_same_bytes(dataset, tmp_path):
    code = (
        "import sys; from pathlib import Path; from plimsoll.transform import core, config;"
        "core.transform_dataset(*map(Path, sys.argv[1:]), config.parse('{}'))"
    )
    digests = set()
    for name, seed in (("a", "1"), ("b", "2")):
        folders = [tmp_path / name / part for part in ("schema", "transform", "examples")]
        subprocess.run(
            [sys.executable, "-c", code, dataset, *folders],
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
        )
        digests.add((digest_tree(folders[1]), digest_tree(folders[2])))
    assert len(digests) == 1


def test_a_declared_category_is_one(dataset, tmp_path):
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "schema.pbtxt").write_text(SCHEMA)
    run(dataset, tmp_path, schema=schema)
    transform = read_transform(tmp_path / "transform")
    kinds = {column.name: column.kind for column in transform.columns}
    assert (kinds["gate"], kinds["seats"]) == ("categorical", "numeric")
    (schema / "schema.pbtxt").write_text("feature { nonsense")
    with pytest.raises(ArtifactError, match="is not a schema"):
        run(dataset, tmp_path, schema=schema)


def test_a_label_of_test_that_train_does_not_have_stops_before_examples(tmp_path):
    problem = Problem(label="y", task="multiclass")
    odd = {"x": [1.0, 2.0], "y": [0, 77]}
    made = make(tmp_path / "dataset", {"x": [1.0, 2.0]}, test=odd, problem=problem)
    with pytest.raises(DataError, match="'y' has a value") as caught:
        run(made.folder, tmp_path)
    assert "77" in caught.value.cause
    assert not (tmp_path / "examples").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_regression(tmp_path):
    problem = Problem(label="y", task="regression")
    train = {"x": [1.0, 2.0, 3.0], "y": [0.1, 0.2, 0.3]}
    made = make(tmp_path / "dataset", train, problem=problem)
    run(made.folder, tmp_path)
    found = open_examples(tmp_path / "examples").label("train")
    assert found.dtype == np.float32
    assert found.tolist() == np.array([0.1, 0.2, 0.3], np.float32).tolist()


def test_many_left_out_are_said_in_one_sentence(tmp_path):
    train = {f"c{place}": [1, 1] for place in range(12)} | {"x": [1.0, 2.0]}
    said = run(make(tmp_path / "dataset", train).folder, tmp_path)
    assert said[0] == "1 column became 1 numeric and 0 categorical inputs"
    assert "c0 is left out: it is always 1 in the train split" in said
    assert said[-1] == "4 more are left out: c8, c9, c10, c11"


def test_features_that_were_never_joined_are_missed(tmp_path):
    wanted = Features(repo="feature_repo", service="late_v1")
    problem = Problem(label="y", task="binary", positive="1", time="at", features=wanted)
    train = {"x": [1.0, 2.0], "at": times("2013-01-01", "2013-01-02")}
    made = make(tmp_path / "dataset", train, problem=problem)

    with pytest.raises(DataError, match="'late_v1', and it was not joined") as caught:
        run(made.folder, tmp_path)
    assert "training-with-features" in caught.value.hint
