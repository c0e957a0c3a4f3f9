"""Where a dataset came from, and the store of its versions."""

import json
import os
import shutil

import pytest

from ingest.data import forty, told
from plimsoll.errors import ConfigError, DataError
from plimsoll.formats.dataset import open_dataset
from plimsoll.formats.versions import versions_in
from plimsoll.ingest.core import ingest
from plimsoll.storage.files import digest_file, digest_tree
from plimsoll.storage.provenance import is_unchanged


def test_the_lineage_names_files_the_problem_and_the_library(write, run):
    path = write(forty())
    lineage = run(path, problem="{label: y, drop: [b]}").dataset.lineage
    assert lineage["sources"] == [
        {"name": "data.csv", "bytes": path.stat().st_size, "sha256": digest_file(path)}
    ]
    assert lineage["problem"] != run(path).dataset.lineage["problem"]
    assert (lineage["rows_read"], lineage["rows_without_label"]) == (40, 0)
    assert lineage["library"].startswith("plimsoll ")


def test_spans_that_were_read_stand_in_the_lineage(write, tmp_path):
    lines = forty().splitlines(keepends=True)
    for month in (1, 2, 3):
        write(lines[0] + "".join(lines[month:]), f"2013-{month:02}/data.csv")
    pattern = str(tmp_path / "in" / "{YYYY}-{MM}" / "data.csv")
    made = ingest(pattern, "y", "", tmp_path / "out", '{"window": 2}')
    assert [item["name"] for item in made.dataset.lineage["sources"]] == [
        "2013-02/data.csv",
        "2013-03/data.csv",
    ]
    assert made.dataset.lineage["config"] == {"window": 2}
    assert str(tmp_path) not in json.dumps(made.dataset.lineage)


def test_a_config_that_does_not_hold_is_refused(write, tmp_path):
    with pytest.raises(ConfigError, match="there is no field 'windw'") as caught:
        ingest(str(write(forty())), "y", "", tmp_path / "out", '{"windw": 2}')
    assert "window" in caught.value.cause


def test_the_same_content_is_kept_once(write, tmp_path):
    store = tmp_path / "store"
    here = write(forty(), "here/data.csv")
    first = ingest(str(here), "y", "", tmp_path / "first", "{}", str(store))
    there = write(forty(), "there/data.csv")
    os.utime(there, (1, 1))
    again = ingest(str(there), "y", "", tmp_path / "again", "{}", str(store))
    assert first.dataset.id == again.dataset.id
    assert digest_tree(tmp_path / "first") == digest_tree(tmp_path / "again")
    (version,) = versions_in(store)
    assert version.id == first.dataset.id
    assert len(version.ingested) == 2
    assert open_dataset(tmp_path / "first").folder.is_dir()


def test_a_version_that_was_removed_from_the_store_is_kept_again(write, tmp_path):
    data, store = str(write(forty(), "here.csv")), tmp_path / "store"
    done = ingest(data, "y", "", tmp_path / "out", "{}", str(store))
    (version,) = versions_in(store)
    assert all(is_unchanged(seen) for seen in done.metadata()["witnesses"])
    shutil.rmtree(version.folder)
    assert not all(is_unchanged(seen) for seen in done.metadata()["witnesses"])


def test_an_output_or_a_store_that_cannot_be_made_is_told(write, tmp_path):
    data = str(write(forty()))
    (tmp_path / "file").touch()
    for name, folder, store in (("out", "file/out", ""), ("store", "out", "file/store")):
        with pytest.raises(DataError, match=f"{name} cannot be written"):
            ingest(data, "y", "", tmp_path / folder, "{}", store and str(tmp_path / store))


def test_private_columns_are_in_no_lineage_and_no_store(write, tmp_path):
    data = write(forty("p,b,n,y", "XYZZY{n},{letter},{half},{bit}"))
    made = ingest(
        str(data), "", "{label: y, private: [p]}", tmp_path / "out", "{}", str(tmp_path / "store")
    )
    assert made.dataset.column_names() == ("b", "n", "y")
    for folder in ("out", "store"):
        for path in (tmp_path / folder).rglob("*"):
            assert path.is_dir() or b"XYZZY" not in path.read_bytes()
    assert not told(made, "XYZZY")
