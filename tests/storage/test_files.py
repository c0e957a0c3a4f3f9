import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import ArtifactError
from plimsoll.storage import files

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "made"
    with pytest.raises(FileNotFoundError), files.folder_written_whole(target) as aside:
        (aside / "half").write_bytes((tmp_path / "none").read_bytes())
    assert list(tmp_path.iterdir()) == []

    with files.folder_written_whole(target) as aside:
        (aside / "whole").write_text("x")
        assert not target.exists()
    with files.folder_written_whole(target) as aside:
        (aside / "other").write_text("y")

    assert [path.name for path in files.files_below(tmp_path)] == ["other"]


def test_a_file_keeps_its_old_content_if_the_new_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "kept.json"
    files.write_json(path, {"a": 1})

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        files.write_json(path, {"a": 2})

    assert json.loads(path.read_text()) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["kept.json"]


def test_a_tree_is_known_by_names_and_contents(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "file").write_text("same")
    same = files.digest_tree(tmp_path / "one")
    assert files.digest_tree(tmp_path / "two") == same

    (tmp_path / "two" / "below" / "file").rename(tmp_path / "two" / "below" / "renamed")
    assert files.digest_tree(tmp_path / "two") != same


@given(JSON)
def test_canonical_json_is_one_text_a_value(value):
    text = files.canonical_json(value)
    assert json.loads(text) == value
    assert files.canonical_json(json.loads(text)) == text


@given(st.recursive(st.floats(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_not_finite_becomes_null(value):
    text = json.dumps(files.finite(value), allow_nan=False)
    assert (text == "null") == (isinstance(value, float) and not math.isfinite(value))


def test_reading_says_what_is_wrong(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "manifest.json").write_text('{"format": "other/1"}')

    with pytest.raises(ArtifactError, match="is missing"):
        files.read_json(tmp_path / "none.json")
    with pytest.raises(ArtifactError, match="is not JSON"):
        files.read_json(tmp_path / "broken.json")
    with pytest.raises(ArtifactError, match="says format 'other/1'"):
        files.checked_manifest(tmp_path, "manifest.json", "plimsoll.thing/1")
