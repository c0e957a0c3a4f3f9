import os

import pytest

from plimsoll.artifacts import witness


@pytest.fixture
def folder(tmp_path):
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("pattern", ["a.csv", "*.csv", "."])
def test_a_witness_holds_until_what_it_names_changes(folder, pattern):
    seen = witness.observe(str(folder / pattern))
    assert witness.holds(seen)

    os.utime(folder / "a.csv", (1, 1))
    assert witness.holds(seen), "the content is the same"

    (folder / "a.csv").write_text("A.csv")
    assert not witness.holds(seen)


@pytest.mark.parametrize("pattern", ["*.csv", "."])
def test_a_file_more_or_less_is_a_change(folder, pattern):
    seen = witness.observe(str(folder / pattern))
    (folder / "d.csv").write_text("new")
    assert not witness.holds(seen)
    (folder / "d.csv").unlink()
    assert witness.holds(seen)
    (folder / "b.csv").unlink()
    assert not witness.holds(seen)


def test_what_was_absent_and_comes_is_a_change(tmp_path):
    seen = witness.observe(str(tmp_path / "later.csv"))
    assert witness.holds(seen)
    (tmp_path / "later.csv").write_text("here")
    assert not witness.holds(seen)


def test_hidden_files_of_a_folder_do_not_count(folder):
    seen = witness.observe(str(folder))
    (folder / ".swp").write_text("an editor was here")
    assert witness.holds(seen)


def test_a_witness_survives_kfps_metadata(folder):
    import json

    seen = witness.observe(str(folder / "a.csv"))
    doubles = json.loads(json.dumps(seen), parse_int=float)
    assert witness.holds(doubles)
