import numpy as np
import pytest

from plimsoll.errors import ArtifactError, DataError
from plimsoll.formats.examples import open_examples
from plimsoll.problem import Problem, Split
from plimsoll.storage.files import digest_tree
from plimsoll.storage.provenance import is_unchanged
from plimsoll.transform.config import TransformConfig
from plimsoll.transform.core import transform_dataset
from transform.data import make

PROBLEM = Problem(label="y", task="binary", positive="1", split=Split(by="hash"))
VERSION = "0123456789abcdef"


def columns(shift=0.0, **others):
    random = np.random.default_rng(3)
    return {
        "y": [0, 1] * 50,
        "price": random.normal(size=100) + shift,
        "city": random.choice(["Oslo", "Rome"], 100).tolist(),
        **others,
    }


def run(folder, train, problem=PROBLEM, **config):
    made = make(folder / "dataset", train, problem=problem)
    return transform_dataset(
        made.folder, folder / "no", folder / "transform", folder / "examples",
        TransformConfig(**config), folder / "report.html",
    )  # fmt: skip


@pytest.fixture
def first(tmp_path):
    run(tmp_path / "first", columns())
    return tmp_path / "first" / "transform"


def test_a_transform_is_taken_as_it_is(first, tmp_path):
    done = run(tmp_path / "next", columns(shift=100.0, later=[1, 2] * 50), start_from=str(first))
    assert digest_tree(tmp_path / "next" / "transform") == digest_tree(first)
    assert done.notes[0] == f"taken as it is from {first}"
    numeric = open_examples(tmp_path / "next" / "examples").numeric("train")
    assert numeric.min() > 5
    (seen,) = done.metadata()["witnesses"]
    assert is_unchanged(seen)
    (first / "transform.json").write_text("{}")
    assert not is_unchanged(seen)


def test_from_a_package_or_a_pushed_model(first, tmp_path):
    pushed = tmp_path / "pushed"
    (pushed / VERSION).mkdir(parents=True)
    first.rename(pushed / VERSION / "transform")
    (pushed / "champion.json").write_text(f'{{"version": "{VERSION}"}}')
    for name, folder in (("a", pushed), ("b", pushed / VERSION)):
        run(tmp_path / name, columns(), start_from=str(folder))
        taken = tmp_path / name / "transform"
        assert digest_tree(taken) == digest_tree(pushed / VERSION / "transform")


def test_nothing_is_said_of_witnesses_where_nothing_is_taken(tmp_path):
    assert set(run(tmp_path, columns()).metadata()) == {"notes"}


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (columns(city=list(range(100))), "city is int, was string"),
        ({"y": [0, 1] * 50, "price": [0.5] * 100, "ctiy": ["a"] * 100},
         "city is missing; did you mean 'ctiy'?"),
    ],
)  # fmt: skip
def test_a_dataset_that_does_not_fit_is_refused(first, tmp_path, train, said):
    with pytest.raises(DataError, match="does not fit the transform") as caught:
        run(tmp_path / "next", train, start_from=str(first))
    assert caught.value.cause == said
    assert not (tmp_path / "next" / "examples").exists()


def test_a_column_that_is_no_feature_now_is_refused(first, tmp_path):
    problem = Problem(label="y", task="binary", positive="1", drop=("city",))
    with pytest.raises(DataError) as caught:
        run(tmp_path / "next", columns(), problem=problem, start_from=str(first))
    assert caught.value.cause == "city is no feature here"


def test_another_task_is_refused(first, tmp_path):
    with pytest.raises(DataError, match="is for another task") as caught:
        run(tmp_path / "next", columns(), Problem(label="y", task="multiclass"),
            start_from=str(first))  # fmt: skip
    assert "'multiclass', there 'binary'" in caught.value.cause


@pytest.mark.parametrize("content", [None, "nothing", "pointer"])
def test_no_transform_there(tmp_path, content):
    folder = tmp_path / "there"
    if content:
        folder.mkdir()
    if content == "pointer":
        (folder / "champion.json").write_text('{"version": "../../etc"}')
    with pytest.raises(ArtifactError) as caught:
        run(tmp_path / "next", columns(), start_from=str(folder))
    assert str(folder) in caught.value.headline


def test_a_damaged_transform_is_refused(first, tmp_path):
    (first / "arrays.npz").write_bytes(b"")
    with pytest.raises(ArtifactError):
        run(tmp_path / "next", columns(), start_from=str(first))
