import os

import pytest

from plimsoll.storage import provenance as witness


@pytest.fixture
def folder(tmp_path):
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("pattern", ["a.csv", "*.csv", "."])
def test_a_witness_holds_until_what_it_names_changes(folder, pattern):
    seen = witness.observe(str(folder / pattern))
    assert witness.is_unchanged(seen)

    os.utime(folder / "a.csv", (1, 1))
    assert witness.is_unchanged(seen), "the content is the same"

    (folder / "a.csv").write_text("A.csv")
    assert not witness.is_unchanged(seen)


@pytest.mark.parametrize("pattern", ["*.csv", "."])
def test_a_file_more_or_less_is_a_change(folder, pattern):
    seen = witness.observe(str(folder / pattern))
    (folder / "d.csv").write_text("new")
    assert not witness.is_unchanged(seen)
    (folder / "d.csv").unlink()
    assert witness.is_unchanged(seen)
    (folder / "b.csv").unlink()
    assert not witness.is_unchanged(seen)


def test_what_was_absent_and_comes_is_a_change(tmp_path):
    seen = witness.observe(str(tmp_path / "later.csv"))
    assert witness.is_unchanged(seen)
    (tmp_path / "later.csv").write_text("here")
    assert not witness.is_unchanged(seen)


def test_hidden_files_of_a_folder_do_not_count(folder):
    seen = witness.observe(str(folder))
    (folder / ".swp").write_text("an editor was here")
    assert witness.is_unchanged(seen)


def test_a_witness_survives_kfps_metadata(folder):
    import json

    seen = witness.observe(str(folder / "a.csv"))
    doubles = json.loads(json.dumps(seen), parse_int=float)
    assert witness.is_unchanged(doubles)


def test_a_witness_of_some_files_holds_until_another_comes(folder):
    (folder / "2").mkdir()
    (folder / "2" / "a.csv").write_text("a")
    seen = witness.observe_some(str(folder / "*"), {str(folder / "2" / "a.csv")})
    assert list(seen["files"]) == [str(folder / "2" / "a.csv")]
    assert witness.is_unchanged(seen)
    (folder / "b.csv").write_text("not what was read")
    assert witness.is_unchanged(seen)
    (folder / "3").mkdir()
    assert witness.is_unchanged(seen)
    (folder / "3" / "a.csv").write_text("one more")
    assert not witness.is_unchanged(seen)


@pytest.mark.parametrize("seen", [{}, {"uri": "bigquery:"}])
def test_what_cannot_be_asked_does_not_hold(seen):
    assert not witness.is_unchanged(seen)


def test_a_bucket_that_cannot_be_asked_does_not_hold(monkeypatch, tmp_path):
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    seen = {"uri": "gs://line/in", "folders": False, "objects": {}}
    assert not witness.is_unchanged(seen)
