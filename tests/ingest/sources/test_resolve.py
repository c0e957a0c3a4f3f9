"""Files of data on this machine: their kind by their content, their packing, what DVC says."""

import gzip
import hashlib
import json
import os
import re
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyarrow import ipc

from plimsoll.errors import DataError
from plimsoll.ingest.sources.resolve import check_unchanged, resolve
from plimsoll.storage.provenance import is_unchanged

TABLE = pa.table({"a": [1, 2], "y": [0, 1]})
CSV = b"a,y\n1,0\n2,1\n"
JSON = b'{"a": 1, "y": 0}\n{"a": 2, "y": 1}\n'


@pytest.fixture
def put(tmp_path):
    def written(name, content=CSV):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return written


@pytest.fixture
def found(tmp_path):
    def finding(data, notes=None):
        return resolve(str(data), tmp_path / "scratch", [] if notes is None else notes)

    return finding


def arrow(stream):
    sink = pa.BufferOutputStream()
    make = ipc.new_stream if stream else ipc.new_file
    with make(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return sink.getvalue().to_pybytes()


def parquet():
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink)
    return sink.getvalue().to_pybytes()


def zipped(**members):
    import io

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            # A keyword cannot hold the dot.
            archive.writestr(re.sub("^([abx])__", r"\1.", name), content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "kind", "packed"),
    [
        ("a.csv", CSV, "csv", ""),
        ("a", CSV, "csv", ""),
        ("a.csv", parquet(), "parquet", ""),
        ("a.csv", arrow(stream=False), "arrow", ""),
        ("a.parquet", arrow(stream=True), "arrow", ""),
        ("a.feather", arrow(stream=False), "arrow", ""),
        ("a.jsonl", JSON, "jsonl", ""),
        ("a.ndjson", b'\xef\xbb\xbf\n{"a": 1}', "jsonl", ""),
        ("a.json-lines", b"", "jsonl", ""),
        ("a.txt", JSON, "jsonl", ""),
        ("a.json", JSON, "jsonl", ""),
        ("a.csv.gz", gzip.compress(CSV), "csv", "gzip"),
        ("a.CSV", gzip.compress(CSV), "csv", "gzip"),
        ("a.jsonl.gz", gzip.compress(JSON), "jsonl", "gzip"),
        ("a.gz", gzip.compress(JSON), "jsonl", "gzip"),
        ("a.zip", zipped(b__csv=CSV), "csv", "zip"),
        ("a.zip", zipped(b__ndjson=JSON, **{"__MACOSX/._b.ndjson": "x"}), "jsonl", "zip"),
        ("a.jsonl.zip", zipped(b=JSON), "jsonl", "zip"),
        ("a.csv", b"\x05" + bytes(7) + b"abcd", "csv", ""),
    ],
)
def test_the_kind_is_told_by_the_content_before_the_name(put, found, name, content, kind, packed):
    (source,) = found(put(name, content)).sources
    assert (source.kind, source.packed) == (kind, packed)
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    assert (source.name, source.bytes) == (name, len(content))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv.bz2", b"BZh91AY", "a.csv.bz2 is a bzip2 archive"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfdxx", "is a Zstandard archive"),
        ("a.csv.xz", b"\xfd7zXZ\0", "is an xz archive"),
        ("a.feather", b"FEA1xxxx", "is a file of the first Feather format"),
        ("a.arrow", CSV, "is not a whole Arrow file"),
        ("a.arrow", b"", "is not a whole Arrow file"),
        ("a.parquet", CSV, "is not a whole Parquet file"),
        ("a.json", b'[\n{"a": 1}]', "is one JSON array"),
        ("a.gz", gzip.compress(parquet()), "is Parquet inside an archive"),
        ("a.zip", zipped(b__arrow=arrow(stream=False)), "is Arrow inside an archive"),
        ("a.zip", zipped(a__csv=CSV, b__csv=CSV), "is a zip archive of 2 files"),
        ("a.zip", zipped(), "is a zip archive of 0 files"),
        ("a.zip", zipped(b__csv=CSV)[:-9], "is not a whole zip archive"),
        ("a.zip", zipped(b__csv="x").replace(b"x", b"y", 1), "is not a whole zip archive"),
        ("a.xlsx", zipped(**{"[Content_Types].xml": "", "x": ""}), "is an Excel workbook"),
        ("a.csv.gz", gzip.compress(CSV)[:5], "is not a whole gzip archive"),
        ("a.gz", gzip.compress(gzip.compress(CSV)), "an archive inside an archive"),
    ],
)
def test_what_cannot_be_read_is_told(put, found, name, content, message):
    with pytest.raises(DataError, match=message.replace("[", r"\[")):
        found(put(name, content))


def test_an_encrypted_archive_is_told(put, found):
    content = bytearray(zipped(b__csv=CSV))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DataError, match=r"a\.zip is encrypted"):
        found(put("a.zip", bytes(content)))


def test_a_members_hostile_name_is_told_and_no_path(put, found, tmp_path):
    path = put("a.zip", zipped(**{"/up\x1b[2J.csv": CSV, "b.csv": CSV}))
    with pytest.raises(DataError, match="is a zip archive of") as caught:
        found(path)
    assert "\x1b" not in str(caught.value)
    assert not list(tmp_path.rglob("up*"))


def test_an_archive_of_hidden_files_is_not_called_empty(put, found):
    path = put("a.zip", zipped(**{"../up.csv": CSV}))
    with pytest.raises(DataError, match="is a zip archive of 0 files") as caught:
        found(path)
    assert caught.value.cause == "files that are hidden or lie outside it do not count: ../up.csv"


def test_a_folder_takes_every_kind_and_tells_what_it_leaves(put, found):
    for name, content in {
        "1.csv": CSV,
        "2.csv.gz": gzip.compress(CSV),
        "3.zip": zipped(x__csv=CSV),
        "4.jsonl": JSON,
        "5.parquet": parquet(),
        "6.feather": arrow(stream=False),
        "x/year=2013/7.csv": CSV,
        "notes.md": b"",
        "old.csv.bz2": b"BZh",
    }.items():
        folder = put(name, content).parents[name.count("/")]
    notes = []
    names = [source.name for source in found(folder, notes).sources]
    assert names == [
        "1.csv",
        "2.csv.gz",
        "3.zip",
        "4.jsonl",
        "5.parquet",
        "6.feather",
        "x/year=2013/7.csv",
    ]
    assert notes == [
        "files in the folder of no known kind are left out: 1 .bz2, 1 .md",
        "names of folders such as year=2013 are not read as columns",
    ]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.zip", "a.csv.zip"])
def test_the_same_data_packed_and_unpacked_is_not_read_twice(put, found, name):
    put(name, gzip.compress(CSV) if name.endswith("gz") else zipped(a__csv=CSV))
    with pytest.raises(DataError, match=r"a.* and a.csv look like the same data twice"):
        found(put("a.csv").parent)


def test_a_file_that_changes_while_it_is_read_is_told(put, found):
    path = put("a.csv")
    seen = found(path)
    check_unchanged(seen)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match=r"a.csv changed while it was read"):
        check_unchanged(seen)
    path.unlink()
    with pytest.raises(DataError, match=r"a.csv changed while it was read"):
        check_unchanged(seen)


@pytest.mark.parametrize("data", ["s3://bucket/a.csv", "http://host/a.csv"])
def test_other_addresses_are_refused(found, data):
    with pytest.raises(DataError, match="is an address of a kind that cannot be read"):
        found(data)


def test_what_is_no_path_at_all_is_told_in_short(found):
    with pytest.raises(DataError, match="cannot be read") as caught:
        found("SELECT " + "x" * 5000)
    assert caught.value.cause.startswith("File name too long")
    assert len(str(caught.value)) < 1000


def track(path, **changed):
    """Writes the .dvc file that dvc add would."""
    if path.is_dir():
        files = sorted(item for item in path.rglob("*") if item.is_file())
        listed = [
            {
                "md5": hashlib.md5(item.read_bytes()).hexdigest(),
                "relpath": item.relative_to(path).as_posix(),
            }
            for item in files
        ]
        listed.sort(key=lambda item: item["relpath"])
        md5 = hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"
        size = sum(item.stat().st_size for item in files)
    else:
        content = path.read_bytes()
        md5, size = hashlib.md5(content).hexdigest(), len(content)
    out = {"md5": md5, "size": size, "hash": "md5", "path": path.name, **changed}
    out = {key: value for key, value in out.items() if value is not None}
    path.with_name(f"{path.name}.dvc").write_text(yaml.safe_dump({"outs": [out]}))
    return md5


def test_a_tracked_file_brings_its_hash_into_the_lineage(put, found):
    path = put("a.csv")
    md5 = track(path)
    seen = found(path)
    assert seen.lineage == {"dvc": [{"file": "a.csv.dvc", "md5": md5, "size": len(CSV)}]}
    assert seen.sources[0].version["dvc_md5"] == md5
    assert seen.sources[0].lasting_version == {"dvc_md5": md5}
    notes = []
    assert found(path.parent, notes).lineage == seen.lineage
    assert notes == []
    assert is_unchanged(seen.provenance)


def test_a_tracked_folder_is_checked_from_any_way_in(put, found):
    folder = put("data/a.csv").parent
    put("data/deep/é.csv")
    md5 = track(folder)
    assert md5.endswith(".dir")
    for data in (folder, folder / "a.csv", folder / "*.csv", folder / "deep"):
        assert found(data).lineage["dvc"][0]["md5"] == md5


def test_tracked_data_that_is_not_what_lies_there_is_refused(put, found):
    path = put("a.csv")
    track(path)
    path.write_bytes(CSV[::-1])
    with pytest.raises(DataError, match=r"a\.csv is not what a\.csv\.dvc says") as caught:
        found(path)
    assert "MD5" in caught.value.cause
    path.write_bytes(CSV + b"3,1\n")
    with pytest.raises(DataError) as caught:
        found(path)
    assert caught.value.cause == f"it says {len(CSV)} bytes; {len(CSV) + 4} lie there"
    folder = put("data/b.csv").parent
    track(folder)
    put("data/c.csv")
    with pytest.raises(DataError, match=r"data is not what data.dvc says"):
        found(folder)


def test_hashes_of_older_dvc_took_line_ends_as_one(put, found):
    path = put("a.csv", CSV.replace(b"\n", b"\r\n"))
    track(path, hash=None, md5=hashlib.md5(CSV).hexdigest(), size=len(CSV))
    assert found(path).sources[0].version["dvc_md5"] == hashlib.md5(CSV).hexdigest()
    track(path, md5=hashlib.md5(CSV).hexdigest(), size=None)
    with pytest.raises(DataError, match="is not what"):
        found(path)


def test_a_dvc_file_that_says_nothing_or_is_broken(put, found):
    path = put("a.csv")
    track(path, md5=None, etag="x")
    notes = []
    assert found(path, notes).lineage == {}
    assert notes == ["a.csv.dvc has no MD5 of a.csv: not checked"]
    path.with_name("a.csv.dvc").write_text("outs: [")
    with pytest.raises(DataError, match=r"a\.csv\.dvc cannot be read"):
        found(path)


def test_a_folder_with_ignored_files_is_told_not_to_be_checked(put, found):
    folder = put("data/b.csv").parent
    track(folder)
    put("data/ignored.csv")
    put(".dvcignore", b"ignored.csv")
    notes = []
    assert found(folder, notes).lineage["dvc"]
    assert notes == ["data is not checked against data.dvc: there is a .dvcignore"]
