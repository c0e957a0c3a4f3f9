"""Boosting on disk: a row is answered as among many, from any thread; no hostile trees."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import ArtifactError
from plimsoll.models import boosting
from plimsoll.models.model import open_model
from plimsoll.storage.files import read_json, write_json
from plimsoll.train.candidates.boosting import fit_boosting
from plimsoll.train.config import TrainConfig
from train import odd_examples


class Rows:
    def __init__(self, numeric, categorical):
        self.numeric, self.categorical = numeric, categorical


@pytest.fixture(scope="module", params=[2, 3, 0], ids=["binary", "multiclass", "regression"])
def saved(request, tmp_path_factory):
    """A folder of boosting, and rows to ask it."""
    folder = tmp_path_factory.mktemp("boosting")
    examples = odd_examples.write(
        folder / "x", numeric=1, outputs=((6, 1), (9, 3)), classes=request.param
    )
    (folder / "model").mkdir()
    fit = fit_boosting(examples, TrainConfig(trees=6, threads=1), ())
    boosting.save_boosting(folder / "model", fit.model)
    rows = Rows(np.array(examples.numeric("eval")), np.array(examples.categorical("eval")))
    return folder / "model", rows


def test_a_row_is_answered_to_the_bit_as_among_others(saved):
    folder, rows = saved
    model = open_model(folder, threads=1)
    whole = model.predict(rows)
    for place in range(len(rows.numeric)):
        one = Rows(rows.numeric[place : place + 1], rows.categorical[place : place + 1])
        assert np.array_equal(model.predict(one), whole[place : place + 1])
    assert model.predict(Rows(rows.numeric[:0], rows.categorical[:0])).shape == (
        0,
        *whole.shape[1:],
    )


def test_threads_may_ask_at_once(saved):
    folder, rows = saved
    model = open_model(folder, threads=1)
    whole = model.predict(rows)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: model.predict(rows), range(40)))
    assert all(np.array_equal(answer, whole) for answer in answers)


def test_torch_is_not_imported_for_trees(saved):
    folder, _ = saved
    code = (
        "import sys; from pathlib import Path; from plimsoll.models.model import open_model; "
        f"open_model(Path({str(folder)!r}), threads=1); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_library_that_slim_images_lack_is_found_beside_torch():
    assert boosting._openmp_of_torch()


def written(folder, target, text):
    """Writes a folder whose ``boosting.json`` fits the text."""
    target.mkdir()
    (target / "trees.txt").write_text(text)
    content = read_json(folder / "boosting.json")
    digest = hashlib.sha256(text.encode()).hexdigest()
    fitting = {"trees_bytes": len(text.encode()), "trees_sha256": digest}
    write_json(target / "boosting.json", {**content, **fitting})
    return target


HOSTILE = {
    "a child that is not there": ("left_child=", "left_child=9"),
    "a leaf that is not there": ("left_child=", "left_child=-9"),
    "a column that is not there": ("split_feature=", "split_feature=9"),
    "a number too many": ("leaf_value=", "leaf_value=1 "),
    "no number": ("threshold=", "threshold=x"),
    "not finite": ("threshold=", "threshold=1e999"),
    "many leaves": ("num_leaves=", "num_leaves=99"),
    "no leaf": ("num_leaves=", "num_leaves=-"),
    "a field of its own": ("shrinkage=", "shrunk=1\nshrinkage="),
    "a field twice": ("shrinkage=", "shrinkage=1\nshrinkage="),
    "linear leaves": ("is_linear=0", "is_linear=1"),
    "other classes": ("num_class=", "num_class=9"),
    "another objective": ("objective=", "objective=custom"),
    "longer than it is": ("tree_sizes=", "tree_sizes=9"),
    "another version": ("version=v4", "version=v3"),
    "another kind of split": ("decision_type=", "decision_type=9"),
    "categories that do not hold": ("cat_boundaries=0 ", "cat_boundaries=0 9"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_hostile_trees_never_reach_the_parser(saved, tmp_path, change):
    folder, _ = saved
    text = (folder / "trees.txt").read_text()
    assert change[0] in text
    head, _, rest = text.partition("\n\n")
    changed = head.replace(change[0], change[1], 1) + "\n\n" + rest
    if change[0] not in head:
        sizes = [len(block) + 3 for block in rest.split("\n\n\n")[:-1]]
        place = next(n for n, block in enumerate(rest.split("\n\n\n")) if change[0] in block)
        grown = list(sizes)
        grown[place] += len(change[1]) - len(change[0])
        # The sizes fit, so that what is refused is the change itself.
        changed = head.replace(" ".join(map(str, sizes)), " ".join(map(str, grown)))
        changed += "\n\n" + rest.replace(change[0], change[1], 1)
    with pytest.raises(ArtifactError, match="trees cannot be used") as refusal:
        open_model(written(folder, tmp_path / "hostile", changed))
    if change[0] not in head:
        assert "as long as it says" not in str(refusal.value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_trees_that_were_touched_are_refused_or_still_answer(saved, data):
    folder, rows = saved
    content = read_json(folder / "boosting.json")
    names = ("task", "outputs", "numeric", "categories", "widths", "frequent", "trees")
    config = boosting.BoostingConfig(**{name: content[name] for name in names})
    text = (folder / "trees.txt").read_text()
    place = data.draw(st.integers(0, len(text) - 1))
    touched = text[:place] + data.draw(st.sampled_from("0123456789-+.e =\n")) + text[place + 1 :]
    try:
        model = boosting.BoostingModel(config, touched, threads=1)
    except ArtifactError:
        return
    assert len(model.predict(rows)) == len(rows.numeric)


def test_damage_is_refused(saved, tmp_path):
    folder, _ = saved
    text = (folder / "trees.txt").read_text()
    cut = written(folder, tmp_path / "cut", text)
    (cut / "trees.txt").write_text(text[:-20])
    with pytest.raises(ArtifactError, match="damaged"):
        open_model(cut)

    other = written(folder, tmp_path / "other", text)
    (other / "trees.txt").write_text(text.replace("1", "2"))
    with pytest.raises(ArtifactError, match="damaged"):
        open_model(other)

    wide = written(folder, tmp_path / "wide", text)
    write_json(wide / "boosting.json", {**read_json(wide / "boosting.json"), "numeric": 2})
    with pytest.raises(ArtifactError, match="max_feature_idx"):
        open_model(wide)

    odd = written(folder, tmp_path / "odd", text)
    write_json(odd / "boosting.json", {**read_json(odd / "boosting.json"), "more": 3})
    with pytest.raises(ArtifactError, match=r"boosting.json does not hold"):
        open_model(odd)


def test_a_folder_that_is_no_model_or_two_is_refused(saved, tmp_path):
    with pytest.raises(ArtifactError, match="is no model"):
        open_model(tmp_path)
    folder, _ = saved
    both = written(folder, tmp_path / "both", "")
    write_json(both / "network.json", {})
    with pytest.raises(ArtifactError, match=r"is no model(.|\n)*network.json and boosting.json"):
        open_model(both)
