import numpy as np
import pytest

from plimsoll.artifacts.examples import Batch
from plimsoll.artifacts.transform import CategoricalOutput
from plimsoll.train.importance import Places, columns_of, importance, loss

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
    "used": Places(numeric=(0,)),
    "idle": Places(numeric=(1, 2), categorical=(0,)),
    "little": Places(categorical=(1,)),
}


def test_what_a_model_leans_on_comes_first_and_what_it_ignores_is_nothing():
    batch = rows()
    before = batch.numeric.copy()
    found = importance(predict, batch, COLUMNS)
    assert found[0].column == "used"
    assert found[0].rise > 0.5
    idle = next(item for item in found if item.column == "idle")
    assert (idle.rise, idle.spread) == (0.0, 0.0)
    assert (batch.numeric == before).all()


def test_the_same_seed_gives_the_same_and_fewer_rows_do():
    batch = rows()
    assert importance(predict, batch, COLUMNS) == importance(predict, batch, COLUMNS)
    seen = []

    def counted(some):
        seen.append(len(some.label))
        return predict(some)

    importance(counted, batch, COLUMNS, most=100, repeats=1)
    assert set(seen) == {100}


def test_a_regression_is_measured_by_squared_error():
    batch = rows()._replace(label=np.zeros(ROWS, np.float32))
    found = importance(lambda some: some.numeric[:, 1].astype(float), batch, COLUMNS)
    assert abs(found[0].rise) < 1e-9
    assert loss(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == 2.0
    assert loss(np.array([[0.5, 0.5]]), np.array([1])) == pytest.approx(np.log(2))


def test_outputs_are_gathered_by_the_column_that_they_are_made_of():
    numeric = ("x", "x.missing", "at.time_of_day.sin", "at.time_of_day.cos", "b.0", "b.1", "t.no")
    categorical = (
        CategoricalOutput("x.category", 5), CategoricalOutput("tags", 9, 3),
        CategoricalOutput("at.day_of_week", 9),
    )  # fmt: skip
    assert columns_of(numeric, categorical) == {
        "x": Places((0, 1), (0,)),
        "at": Places((2, 3), (4,)),
        "b": Places((4, 5)),
        "t.no": Places((6,)),
        "tags": Places((), (1, 2, 3)),
    }
