"""The store of dataset versions: once by content, whole or absent, whoever else is at it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plimsoll.errors import ArtifactError, ConfigError, UsageError
from plimsoll.formats import versions
from plimsoll.storage.files import digest_bytes, digest_json

SPLITS = ("train", "eval", "test")


def dataset(folder, content=b"rows", inferred=()):
    """A dataset artifact in all that the store looks at; its shards need no rows here."""
    splits = {}
    for split in SPLITS:
        data = content + split.encode()
        (folder / split).mkdir(parents=True)
        (folder / split / "part-00000.parquet").write_bytes(data)
        splits[split] = [
            {
                "path": f"{split}/part-00000.parquet",
                "rows": 5,
                "bytes": len(data),
                "sha256": digest_bytes(data),
            }
        ]
    manifest = {
        "format": "plimsoll.dataset/1",
        "id": digest_json(splits),
        "columns": [{"name": "x", "type": "int"}],
        "splits": splits,
        "problem": {"label": "x"},
        "inferred": list(inferred),
        "lineage": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_version_is_the_artifact_and_shares_its_files(tmp_path):
    made = dataset(tmp_path / "made")

    kept = versions.keep(made, tmp_path / "store", {"data": "a.csv"})

    assert kept.parent == tmp_path / "store"
    assert kept.name == json.loads((made / "manifest.json").read_text())["id"]
    for split in SPLITS:
        name = f"{split}/part-00000.parquet"
        assert (made / name).samefile(kept / name)
    assert (kept / "manifest.json").read_bytes() == (made / "manifest.json").read_bytes()


def test_the_same_content_is_stored_once_with_a_record_for_each_source(tmp_path):
    store = tmp_path / "store"
    first, second = dataset(tmp_path / "1"), dataset(tmp_path / "2", inferred=["otherwise"])

    kept = versions.keep(first, store, {"data": "a.csv", "when": "2026-01-01T00:00:00"})
    again = versions.keep(second, store, {"data": "b.csv", "when": "2026-01-03T00:00:00"})
    versions.keep(first, store, {"data": "a.csv", "when": "2026-01-02T00:00:00"})

    assert kept == again
    for split in SPLITS:
        shard = kept / split / "part-00000.parquet"
        assert shard.samefile(first / split / shard.name)
        assert shard.samefile(second / split / shard.name)
    (version,) = versions.versions_in(store)
    assert [(record["data"], record["when"][:10]) for record in version.ingested] == [
        ("a.csv", "2026-01-01"),
        ("b.csv", "2026-01-03"),
    ]
    assert version.rows == {"train": 5, "eval": 5, "test": 5}
    assert version.bytes == sum(len(b"rows" + split.encode()) for split in SPLITS)
    # Each artifact keeps what is its own.
    assert b"otherwise" in (second / "manifest.json").read_bytes()


def test_a_damaged_copy_is_replaced_and_said(tmp_path):
    store = tmp_path / "store"
    kept = versions.keep(dataset(tmp_path / "1"), store, {})
    shard = kept / "train" / "part-00000.parquet"
    shard.write_bytes(b"edited")
    (kept / "eval" / "part-00000.parquet").unlink()
    (kept / "manifest.json").write_text("{")
    notes = []

    fresh = dataset(tmp_path / "2")
    versions.keep(fresh, store, {}, notes)

    assert shard.read_bytes() == b"rowstrain"
    assert shard.samefile(fresh / "train" / shard.name)
    assert (kept / "eval" / "part-00000.parquet").read_bytes() == b"rowseval"
    assert len(list(versions.versions_in(store))) == 1
    assert len(notes) == 3
    assert all("damaged: replaced" in note for note in notes)


def test_a_damaged_artifact_does_not_enter(tmp_path):
    made = dataset(tmp_path / "made")
    (made / "test" / "part-00000.parquet").write_bytes(b"edited")

    with pytest.raises(ArtifactError, match="damaged"):
        versions.keep(made, tmp_path / "store", {})

    assert not list(versions.versions_in(tmp_path / "store"))


def test_a_shard_outside_its_artifact_is_refused(tmp_path):
    made = dataset(tmp_path / "made")
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["splits"]["test"][0]["path"] = "../secret"
    (made / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(ArtifactError, match="outside itself"):
        versions.keep(made, tmp_path / "store", {})


def test_a_store_is_no_address(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        versions.keep(dataset(tmp_path / "made"), Path("gs://bucket/store"), {})


def test_a_disk_without_links_gets_copies(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    made = dataset(tmp_path / "made")

    kept = versions.keep(made, tmp_path / "store", {})
    (kept / "train" / "part-00000.parquet").write_bytes(b"edited")
    versions.keep(made, tmp_path / "store", {})

    shard = kept / "train" / "part-00000.parquet"
    assert shard.read_bytes() == b"rowstrain"
    assert not shard.samefile(made / "train" / shard.name)


KEEP = """
import sys
from pathlib import Path
from plimsoll.formats.versions import keep
made, store, mark = map(Path, sys.argv[1:])
mark.write_text("")
while not (mark.parent / "go").exists():
    pass
keep(made, store, {"data": made.name})
"""


def test_several_at_once_leave_one_whole_version(tmp_path):
    made = [dataset(tmp_path / str(number), content=b"x" * 200_000) for number in range(4)]
    marks = [tmp_path / f"mark-{folder.name}" for folder in made]
    running = [
        subprocess.Popen([sys.executable, "-c", KEEP, folder, tmp_path / "store", mark])
        for folder, mark in zip(made, marks, strict=True)
    ]
    while not all(mark.exists() for mark in marks):
        time.sleep(0.01)
    (tmp_path / "go").write_text("")

    assert [process.wait() for process in running] == [0] * 4
    (version,) = versions.versions_in(tmp_path / "store")
    assert {record["data"] for record in version.ingested} == {"0", "1", "2", "3"}
    shard = version.folder / "train" / "part-00000.parquet"
    assert all(shard.samefile(folder / "train" / shard.name) for folder in made)
    assert [path.name for path in (tmp_path / "store").iterdir()] == [version.id]


def test_one_that_is_killed_leaves_nothing_half(tmp_path):
    made = dataset(tmp_path / "made", content=b"x" * 30_000_000)
    store, mark = tmp_path / "store", tmp_path / "mark"
    (tmp_path / "go").write_text("")
    process = subprocess.Popen([sys.executable, "-c", KEEP, made, store, mark])
    while not (store.exists() and any(store.iterdir())) and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()

    for version in versions.versions_in(store):
        assert all((version.folder / split / "part-00000.parquet").exists() for split in SPLITS)
    kept = versions.keep(made, store, {})
    assert [version.folder for version in versions.versions_in(store)] == [kept]


def test_a_version_is_found_by_id_beginning_and_path(tmp_path):
    store = tmp_path / "store"
    one = versions.keep(dataset(tmp_path / "1", b"one"), store, {})
    versions.keep(dataset(tmp_path / "2", b"two"), store, {})

    assert versions.find_version(one.name, store) == one
    assert versions.find_version(one.name[:8].upper(), store) == one
    assert versions.find_version(str(tmp_path / "2"), store) == tmp_path / "2"
    with pytest.raises(UsageError, match="there is no data set 'zz'") as refused:
        versions.find_version("zz", store)
    assert one.name[: versions.SHORT] in refused.value.choices


def test_a_beginning_that_several_have_lists_them(tmp_path):
    store = tmp_path / "store"
    ids = ["ab" + "0" * 62, "ab" + "1" * 62]
    for identity in ids:
        made = dataset(tmp_path / identity)
        manifest = json.loads((made / "manifest.json").read_text())
        (made / "manifest.json").write_text(json.dumps({**manifest, "id": identity}))
        versions.keep(made, store, {})

    with pytest.raises(UsageError, match="several data sets fit") as refused:
        versions.find_version("ab", store)

    assert set(refused.value.choices) == {identity[: versions.SHORT] for identity in ids}


def test_an_empty_store_says_how_to_fill_it(tmp_path):
    assert list(versions.versions_in(tmp_path / "none")) == []
    with pytest.raises(UsageError, match="there is no data set"):
        versions.find_version("ab", tmp_path / "none")


def test_what_is_no_version_is_passed_over(tmp_path):
    store = tmp_path / "store"
    kept = versions.keep(dataset(tmp_path / "1"), store, {})
    (store / ("0" * 64)).mkdir()
    (store / "notes").mkdir()
    kept.rename(store / ("1" * 64))

    assert list(versions.versions_in(store)) == []
