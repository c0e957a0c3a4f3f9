import numpy as np
import pytest

from plimsoll.errors import ConfigError
from plimsoll.formats.examples import Batch
from plimsoll.models.transform import CategoricalOutput
from plimsoll.train import core
from plimsoll.train.candidates.importance import (
    ColumnIndices,
    indices_by_column,
    permutation_importance,
)
from plimsoll.train.config import TrainConfig
from train import made_examples

RANDOM = np.random.default_rng(5)
ROWS = 400


def rows():
    numeric = RANDOM.normal(size=(ROWS, 3)).astype(np.float32)
    categorical = RANDOM.integers(0, 5, (ROWS, 2)).astype(np.int32)
    label = (numeric[:, 0] > 0).astype(np.int64)
    return Batch(numeric, categorical, label)


def predict(batch):
    positive = 1 / (1 + np.exp(-4.0 * batch.numeric[:, 0] - 0.5 * (batch.categorical[:, 1] == 2)))
    return np.stack([1 - positive, positive], axis=1)


COLUMNS = {
    "used": ColumnIndices(numeric=(0,)),
    "idle": ColumnIndices(numeric=(1, 2), categorical=(0,)),
    "little": ColumnIndices(categorical=(1,)),
}


def leaned(model, batch, task="binary", **asked):
    return permutation_importance(model, batch, COLUMNS, task=task, **asked)


def test_what_a_model_leans_on_comes_first_and_what_it_ignores_is_nothing():
    batch = rows()
    before = batch.numeric.copy()
    found = leaned(predict, batch)
    assert found[0].column == "used"
    assert found[0].rise > 0.5
    idle = next(item for item in found if item.column == "idle")
    assert (idle.rise, idle.spread) == (0.0, 0.0)
    assert (batch.numeric == before).all()


def test_the_same_seed_gives_the_same_and_fewer_rows_do():
    batch = rows()
    assert leaned(predict, batch) == leaned(predict, batch)
    seen = []

    def counted(some):
        seen.append(len(some.label))
        return predict(some)

    leaned(counted, batch, most=100, repeats=1)
    assert set(seen) == {100}


def test_a_regression_is_measured_in_the_unit_of_its_label():
    batch = rows()
    batch = batch._replace(label=10 * batch.numeric[:, 1])
    found = leaned(lambda some: 10.0 * some.numeric[:, 1], batch, task="regression")
    assert found[0].column == "idle"
    # Of normal values with deviation 10 those of two rows lie so far apart.
    assert found[0].rise == pytest.approx(10 * np.sqrt(2), rel=0.1)
    assert {item.rise for item in found[1:]} == {0.0}


@pytest.mark.parametrize(("model", "task"), [("boosting", "binary"), ("linear", "regression")])
def test_the_report_tells_it_where_it_is_asked_for(tmp_path, model, task):
    made_examples.write(tmp_path / "examples", task)
    pages = []
    for wanted in (True, False):
        folder = tmp_path / str(wanted)
        outputs = core.Outputs(
            model=folder / "model", report=folder / "report.html", logs=folder / "logs"
        )
        config = TrainConfig(model=model, epochs=2, trees=5, threads=1, importance=wanted)
        core.train_examples(tmp_path / "examples", outputs, config)
        pages.append(outputs.report.read_text("utf-8"))
    assert "What the model leans on" in pages[0]
    assert "What the model leans on" not in pages[1]


def test_it_is_either_asked_for_or_not():
    with pytest.raises(ConfigError, match="importance must be true or false"):
        TrainConfig(importance="yes")


def test_outputs_are_gathered_by_the_column_that_they_are_made_of():
    numeric = ("x", "x.missing", "at.time_of_day.sin", "at.time_of_day.cos", "b.0", "b.1", "t.no")
    categorical = (
        CategoricalOutput("x.category", 5), CategoricalOutput("tags", 9, 3),
        CategoricalOutput("at.day_of_week", 9),
    )  # fmt: skip
    assert indices_by_column(numeric, categorical) == {
        "x": ColumnIndices((0, 1), (0,)),
        "at": ColumnIndices((2, 3), (4,)),
        "b": ColumnIndices((4, 5)),
        "t.no": ColumnIndices((6,)),
        "tags": ColumnIndices((), (1, 2, 3)),
    }
