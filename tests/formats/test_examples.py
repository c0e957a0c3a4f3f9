import json

import numpy as np
import pytest

from plimsoll.errors import ArtifactError, DataError
from plimsoll.formats.examples import Batch, Header, open_examples, write_examples
from plimsoll.models.transform import CategoricalOutput
from plimsoll.problem import Problem

ROWS = {"train": 7, "eval": 2, "test": 0}


def header(numeric=3, categorical=2, task="binary"):
    return Header(
        dataset_id="d" * 64,
        problem=Problem(label="late", task=task),
        numeric_names=tuple(f"n{place}" for place in range(numeric)),
        categorical_outputs=tuple(
            CategoricalOutput(f"c{i}", 5 + i, 1 + 2 * i) for i in range(categorical)
        ),
        task=task,
        classes=() if task == "regression" else ("no", "yes"),
        positive=None if task == "regression" else "yes",
    )


def batch(head, rows, seed=0):
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, rows)
    return Batch(
        random.normal(size=(rows, len(head.numeric_names))).astype(np.float32),
        random.integers(0, 5, (rows, sum(item.width for item in head.categorical_outputs))).astype(
            np.int32
        ),
        label.astype(np.float32 if head.task == "regression" else np.int64),
    )


def batches(head):
    return {
        "train": [batch(head, 4), batch(head, 3, seed=1)],
        "eval": [batch(head, 2, seed=2)],
        "test": [],
    }


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize(("numeric", "categorical"), [(3, 2), (0, 2), (3, 0)])
def test_what_is_written_is_read(tmp_path, numeric, categorical, task):
    head = header(numeric, categorical, task)
    given = batches(head)
    write_examples(tmp_path / "e", head, ROWS, given)
    opened = open_examples(tmp_path / "e")
    for name in vars(head):
        assert getattr(opened, name) == getattr(head, name)
    assert opened.rows == ROWS
    for split, parts in given.items():
        for name in ("numeric", "categorical", "label"):
            array = getattr(opened, name)(split)
            whole = [getattr(part, name) for part in parts]
            assert len(array) == ROWS[split]
            assert array.tobytes() == b"".join(part.tobytes() for part in whole)
            if parts:
                assert array.dtype == whole[0].dtype
                assert array.shape[1:] == whole[0].shape[1:]


def test_arrays_are_mapped_not_read(tmp_path):
    head = header()
    write_examples(tmp_path / "e", head, ROWS, batches(head))
    opened = open_examples(tmp_path / "e")
    assert isinstance(opened.numeric("train"), np.memmap)
    assert not opened.numeric("train").flags.writeable


def test_the_bytes_do_not_depend_on_the_batches(tmp_path):
    head = header()
    write_examples(tmp_path / "a", head, ROWS, batches(head))
    given = batches(head)
    joined = Batch(*(np.concatenate(parts) for parts in zip(*given["train"], strict=True)))
    write_examples(tmp_path / "b", head, ROWS, {**given, "train": [joined]})
    for path in sorted(item for item in (tmp_path / "a").rglob("*") if item.is_file()):
        twin = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == twin.read_bytes()


def test_an_array_of_plain_numpy_is_the_same_bytes(tmp_path):
    head = header()
    write_examples(tmp_path / "e", head, ROWS, batches(head))
    np.save(tmp_path / "plain.npy", batch(head, 2, seed=2).numeric)
    written = (tmp_path / "e" / "eval" / "numeric.npy").read_bytes()
    assert written == (tmp_path / "plain.npy").read_bytes()


def test_too_few_rows_leave_nothing_behind(tmp_path):
    head = header()
    with pytest.raises(ArtifactError, match="not whole"):
        write_examples(tmp_path / "e", head, {**ROWS, "train": 8}, batches(head))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "odd",
    [
        lambda good: good._replace(numeric=good.numeric.astype(np.float64)),
        lambda good: good._replace(numeric=good.numeric[:, :2]),
        lambda good: good._replace(categorical=good.categorical[:1]),
        lambda good: good._replace(label=good.label.astype(np.float32)),
    ],
)
def test_a_batch_of_another_shape_or_type_is_refused(tmp_path, odd):
    head = header()
    given = {**batches(head), "eval": [odd(batch(head, 2))]}
    with pytest.raises(ArtifactError, match="does not fit"):
        write_examples(tmp_path / "e", head, ROWS, given)
    assert list(tmp_path.iterdir()) == []


def test_a_changed_file_is_found(tmp_path):
    head = header()
    write_examples(tmp_path / "e", head, ROWS, batches(head))
    path = tmp_path / "e" / "train" / "label.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"train/label\.npy .* is damaged"):
        open_examples(tmp_path / "e")
    path.unlink()
    with pytest.raises(ArtifactError, match=r"lack train/label\.npy"):
        open_examples(tmp_path / "e")


def test_a_manifest_that_says_otherwise_is_found(tmp_path):
    head = header()
    write_examples(tmp_path / "e", head, ROWS, batches(head))
    path = tmp_path / "e" / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**manifest, "splits": {**ROWS, "eval": 3}}), "utf-8")
    with pytest.raises(ArtifactError, match="does not fit"):
        open_examples(tmp_path / "e").numeric("eval")
    path.write_text(json.dumps({**manifest, "categorical": [{}]}), "utf-8")
    with pytest.raises(ArtifactError, match="does not hold together"):
        open_examples(tmp_path / "e")


def test_an_unknown_split(tmp_path):
    head = header()
    write_examples(tmp_path / "e", head, ROWS, batches(head))
    with pytest.raises(DataError, match="no split 'evaluation'") as caught:
        open_examples(tmp_path / "e").label("evaluation")
    assert "eval" in caught.value.choices
