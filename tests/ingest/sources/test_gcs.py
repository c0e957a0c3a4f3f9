"""Data in Cloud Storage over real sockets: whole, of the listed generation, or an error."""

import gzip
import os
import shutil
import subprocess
import sys

import pytest

from ingest.sources.gcs_double import BUCKET, Fault, running
from plimsoll.errors import ConfigError, DataError, GateError
from plimsoll.ingest.config import IngestConfig
from plimsoll.ingest.sources.resolve import check_unchanged, resolve
from plimsoll.storage import gcs, retries
from plimsoll.storage.provenance import is_unchanged

DOWNLOAD = "/download/"
QUICK = IngestConfig(retry_seconds=1.0)


@pytest.fixture(scope="module")
def served():
    with running() as (bucket, address):
        yield bucket, address


@pytest.fixture
def bucket(served, monkeypatch):
    bucket, address = served
    bucket.reset()
    monkeypatch.setenv(gcs.EMULATOR, address)
    # Waits are drawn up to these, so that a test of five tries is over soon.
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0.1)
    return bucket


@pytest.fixture
def get(bucket, tmp_path):
    """Returns a function that finds data and reads what came."""

    def gotten(data, notes=None, config=QUICK):
        found = resolve(data, tmp_path / "scratch", [] if notes is None else notes, config)
        check_unchanged(found)
        return found, {source.name: source.path.read_bytes() for source in found.sources}

    return gotten


def test_one_object_comes_whole_with_its_generation(bucket, get):
    generation = bucket.put("in/a.csv", "a,y\n1,2\n")
    found, contents = get(f"gs://{BUCKET}/in/a.csv")
    (source,) = found.sources
    assert contents == {"a.csv": b"a,y\n1,2\n"}
    assert source.uri == f"gs://{BUCKET}/in/a.csv"
    assert source.version == {"generation": str(generation)}
    assert (source.kind, source.bytes) == ("csv", 8)


def test_a_prefix_and_a_pattern_over_many_pages(bucket, get):
    for number in range(7):
        bucket.put(f"in/part-{number}.csv", f"a,y\n{number},1\n")
    bucket.put("in/notes.md", "no data")
    bucket.put("in/deep/x.csv", "a,y\n9,1\n")
    bucket.put("in/.hidden.csv", "a,y\n9,1\n")
    bucket.put("inner/other.csv", "a,y\n9,1\n")
    bucket.page = 2
    notes = []
    _, below = get(f"gs://{BUCKET}/in", notes)
    assert sorted(below) == ["deep/x.csv", *(f"part-{number}.csv" for number in range(7))]
    assert notes == ["files in the folder of no known kind are left out: 1 .md"]
    _, taken = get(f"gs://{BUCKET}/in/part-[1-3].csv")
    assert sorted(taken) == ["part-1.csv", "part-2.csv", "part-3.csv"]


def test_names_from_outside_are_never_paths_or_patterns(bucket, get, tmp_path):
    odd = ["../up.csv", "in//twice.csv", "a b#?%2F.csv", "é\n\x1b[2J.csv", "x[1].csv", "*.csv"]
    for number, name in enumerate(odd):
        bucket.put(f"odd/{name}", f"a,y\n{number},1\n")
    found, contents = get(f"gs://{BUCKET}/odd/")
    assert len(contents) == len(odd) - 1, "a part of a name that starts with a dot is hidden"
    assert all(source.name.isprintable() for source in found.sources)
    assert not (tmp_path / "up.csv").exists()
    for name in ("x[1].csv", "*.csv"):
        _, one = get(f"gs://{BUCKET}/odd/{name}")
        assert list(one) == [name]
    fetched = {path.name for path in (tmp_path / "scratch" / "fetched").iterdir()}
    assert all(name.isdigit() for name in fetched)


def test_an_object_of_many_chunks_is_taken_up_where_it_was_cut(bucket, get, monkeypatch):
    monkeypatch.setattr(gcs, "CHUNK_BYTES", 1000)
    content = os.urandom(4321).hex().encode()
    bucket.put("in/a.csv", content)
    bucket.faults += [
        Fault("bytes=2000-2999", cut=True),
        Fault("bytes=3000-3999", short=True),
        Fault("bytes=4000-4999", status=503, times=3),
        Fault("bytes=5000-5999", status=429),
    ]
    _, contents = get(f"gs://{BUCKET}/in/a.csv")
    assert contents == {"a.csv": content}
    assert bucket.asked("bytes=0-999") == bucket.asked("bytes=1000-1999") == 1
    assert bucket.asked("bytes=2000-2999") == bucket.asked("bytes=3000-3999") == 2
    assert bucket.asked("bytes=4000-4999") == 4


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 429}, {"cut": True}, {"short": True}]
)
def test_listing_and_reading_are_tried_again_but_not_for_ever(bucket, get, tmp_path, fault):
    bucket.put("in/a.csv", "a,y\n1,2\n")
    if "short" not in fault:
        bucket.faults.append(Fault("prefix=in", **fault, times=2))
        assert list(get(f"gs://{BUCKET}/in")[1]) == ["a.csv"]
        assert bucket.asked("prefix=in") == 3
    bucket.faults.append(Fault(DOWNLOAD, **fault, times=10**9))
    with pytest.raises(DataError, match=r"gs://line/in/a.csv cannot be reached") as caught:
        get(f"gs://{BUCKET}/in/a.csv")
    assert "tried again until the time was up; last: " in caught.value.cause
    assert not list((tmp_path / "scratch").rglob(".*")), "no part is left"


def test_what_does_not_pass_is_not_tried_again(bucket, get):
    bucket.put("in/a.csv", "a,y\n1,2\n")
    bucket.faults.append(Fault("GET", status=403, times=10**9))
    with pytest.raises(DataError, match="no permission to read gs://line/in") as caught:
        get(f"gs://{BUCKET}/in/a.csv")
    assert caught.value.cause == "reader@example.com does not have storage.objects.list access"
    # Newer clients ask once for the bucket itself, to name it in traces.
    assert len([asked for asked in bucket.requests if "/o" in asked]) == 1


def test_an_object_overwritten_after_the_listing_names_both_generations(bucket, get, tmp_path):
    old = bucket.put("in/a.csv", "a,y\n1,2\n")
    bucket.faults.append(Fault(DOWNLOAD, before=lambda: bucket.put("in/a.csv", "a,y\n3,4\n")))
    with pytest.raises(DataError, match=r"gs://line/in/a.csv was overwritten") as caught:
        get(f"gs://{BUCKET}/in")
    now = bucket.generation("in/a.csv")
    assert caught.value.cause == f"generation {old} was listed; its generation now is {now}"
    assert not list((tmp_path / "scratch" / "fetched").iterdir())


def test_an_object_overwritten_between_two_chunks_is_no_mixture(bucket, get, monkeypatch):
    monkeypatch.setattr(gcs, "CHUNK_BYTES", 10)
    bucket.put("in/a.csv", "a,y\n" + "1,2\n" * 9)
    bucket.faults.append(
        Fault("bytes=20-29", before=lambda: bucket.put("in/a.csv", "a,y\n" + "3,4\n" * 9))
    )
    with pytest.raises(DataError, match="was overwritten while it was read"):
        get(f"gs://{BUCKET}/in")


def test_an_object_deleted_after_the_listing_is_named(bucket, get):
    bucket.put("in/a.csv", "a,y\n1,2\n")
    old = bucket.put("in/b.csv", "a,y\n1,2\n")
    bucket.faults.append(Fault("b.csv?alt", before=lambda: bucket.delete("in/b.csv")))
    with pytest.raises(DataError, match=r"gs://line/in/b.csv was deleted") as caught:
        get(f"gs://{BUCKET}/in")
    assert caught.value.cause == f"generation {old} was listed; there is none any more"


def test_a_damaged_object_is_never_taken_for_whole(bucket, get, tmp_path):
    bucket.put("in/a.csv", "a,y\n1,2\n")
    bucket.faults.append(Fault(DOWNLOAD, damage=True))
    with pytest.raises(DataError, match=r"gs://line/in/a.csv arrived damaged") as caught:
        get(f"gs://{BUCKET}/in")
    assert "its checksum is" in caught.value.cause
    assert not list((tmp_path / "scratch" / "fetched").iterdir())


def test_more_than_fits_is_not_begun(bucket, get, monkeypatch):
    bucket.put("in/a.csv", "a,y\n1,2\n")
    usage = shutil.disk_usage("/")._replace(free=7)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="8 bytes do not fit where they are fetched to"):
        get("gs://line/in")
    assert bucket.asked(DOWNLOAD) == 0


def test_an_empty_object_and_one_packed_on_its_way(bucket, get):
    bucket.put("in/empty.csv", "")
    bucket.put("in/a.csv.gz", gzip.compress(b"a,y\n1,2\n"))
    found, contents = get(f"gs://{BUCKET}/in")
    assert contents["empty.csv"] == b""
    assert gzip.decompress(contents["a.csv.gz"]) == b"a,y\n1,2\n"
    assert [(source.kind, source.packed) for source in found.sources] == [
        ("csv", "gzip"),
        ("csv", ""),
    ]


@pytest.mark.parametrize(
    ("data", "message", "cause"),
    [
        ("gs://line/in/b.csv", "there is no object gs://line/in/b.csv", "did you mean 'in/a.csv'?"),
        ("gs://line/im/a.csv", "there is no object", "there are in"),
        ("gs://line/in/*.parquet", "there is no object", "there are in/a.csv"),
        ("gs://line/in/none/", "there is no object", "there are in/a.csv"),
        ("gs://other/in/a.csv", "there is no bucket other", ""),
    ],
)
def test_what_is_not_there_is_told_with_what_is_near(bucket, get, data, message, cause):
    bucket.put("in/a.csv", "a,y\n1,2\n")
    with pytest.raises(DataError, match=message) as caught:
        get(data)
    assert caught.value.cause == cause


def test_an_empty_bucket(bucket, get):
    with pytest.raises(DataError, match="there is no object gs://line/") as caught:
        get("gs://line/")
    assert caught.value.cause == "nothing lies in gs://line"


@pytest.mark.parametrize("data", ["gs://", "gs:/line/a.csv", "gs://Line/a.csv", "gs://../a.csv"])
def test_what_is_no_address(data, tmp_path):
    with pytest.raises(ConfigError, match="is no address of Cloud Storage"):
        resolve(data, tmp_path, [])


def test_without_credentials_it_is_told_how_to_get_some(tmp_path):
    code = (
        "from pathlib import Path; from plimsoll.ingest.sources.resolve import resolve\n"
        f"resolve('gs://line/a.csv', Path({str(tmp_path)!r}), [])"
    )
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": str(tmp_path),
        "NO_GCE_CHECK": "true",
    }
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "DataError: no credentials to read gs://" in ran.stderr
    assert "gcloud auth application-default login" in ran.stderr
    assert "FutureWarning" not in ran.stderr


def test_the_latest_span_and_a_window_of_a_bucket(bucket, get):
    for name in ("2013-01/a.csv", "2013-02/a.csv", "2013-02/notes.md", "2013-03/a.csv"):
        bucket.put(f"in/{name}", f"a,y\n{name[6]},1\n")
    data = "gs://line/in/{YYYY}-{MM}"
    found, contents = get(data)
    assert list(contents) == ["2013-03/a.csv"]
    assert found.lineage["spans"] == [{"span": 15765, "name": "2013-03"}]
    assert found.sources[0].version["span"] == "2013-03"
    window = IngestConfig(window=2, skip=1, retry_seconds=1.0)
    assert list(get(data, config=window)[1]) == ["2013-01/a.csv", "2013-02/a.csv"]
    assert list(get(f"{data}/*.csv")[1]) == ["2013-03/a.csv"]
    with pytest.raises(GateError, match=r"3 spans .* are too few; at least 4"):
        get(data, config=IngestConfig(window=4, min_spans=4, retry_seconds=1.0))
    with pytest.raises(DataError, match="no span matches") as caught:
        get("gs://line/in/{YYYY}_{MM}/*.csv")
    assert caught.value.cause == "there lie 2013-01, 2013-02, 2013-03; did you mean '2013-01'?"


def test_a_witness_holds_while_the_generations_do(bucket, get, monkeypatch):
    bucket.put("in/2013-01.csv", "a,y\n1,1\n")
    whole, _ = get("gs://line/in")
    series, _ = get("gs://line/in/{YYYY}-{MM}.csv")
    assert is_unchanged(whole.provenance)
    assert is_unchanged(series.provenance)
    bucket.put("in/2013-02.csv", "a,y\n1,1\n")
    assert not is_unchanged(whole.provenance)
    assert not is_unchanged(series.provenance), "there is a newer span"
    bucket.delete("in/2013-02.csv")
    assert is_unchanged(series.provenance)
    bucket.put("in/2013-01.csv", "a,y\n1,1\n")
    assert not is_unchanged(series.provenance), "the same content, but it was not read"


def test_a_witness_that_cannot_ask_does_not_hold(bucket, get, monkeypatch):
    bucket.put("in/a.csv", "a,y\n1,1\n")
    found, _ = get("gs://line/in")
    bucket.faults.append(Fault("GET", status=403, times=10**9))
    assert not is_unchanged(found.provenance)


def test_folders_go_both_ways_and_a_manifest_is_written_once(bucket, tmp_path):
    folder = tmp_path / "out"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "0.bin").write_bytes(b"0" * 100)
    (folder / "manifest.json").write_text("{}")
    assert gcs.write_folder(folder, "gs://line/kept/1", "manifest.json")
    written = [request for request in bucket.requests if "uploadType" in request]
    assert "manifest.json" in written[-1] or "ifGenerationMatch=0" in written[-1]
    items = gcs.fetch_folder("gs://line/kept/1", tmp_path / "back")
    assert [item.name for item in items] == ["kept/1/manifest.json", "kept/1/train/0.bin"]
    assert (tmp_path / "back" / "train" / "0.bin").read_bytes() == b"0" * 100
    assert not gcs.write_folder(folder, "gs://line/kept/1", "manifest.json")
    # Another writer that comes between looking and writing wins, and this one says so.
    bucket.faults.append(
        Fault("ifGenerationMatch=0", before=lambda: bucket.put("kept/2/manifest.json", "{}"))
    )
    assert not gcs.write_folder(folder, "gs://line/kept/2/", "manifest.json")


@pytest.mark.parametrize("name", ["../up.bin", "a/../../up.bin", "/etc/x", "a//b"])
def test_a_folder_with_names_that_lead_out_of_it_is_refused(bucket, tmp_path, name):
    bucket.put("kept/manifest.json", "{}")
    bucket.put(f"kept/{name}", "x")
    with pytest.raises(DataError, match="holds a name that is no path"):
        gcs.fetch_folder("gs://line/kept", tmp_path / "back" / "deep")
    assert not (tmp_path / "back" / "deep").exists()
    assert not (tmp_path / "up.bin").exists()


def test_a_folder_that_is_not_there(bucket, tmp_path):
    bucket.put("kept/manifest.json", "{}")
    with pytest.raises(DataError, match="nothing lies below gs://line/kep") as caught:
        gcs.fetch_folder("gs://line/kep", tmp_path / "back")
    assert caught.value.cause == "did you mean 'kept'?"


def test_one_object_is_fetched_to_a_file(bucket, tmp_path):
    bucket.put("kept/a.json", "{}")
    assert gcs.fetch("gs://line/kept/a.json", tmp_path / "a.json").object.bytes == 2
    with pytest.raises(DataError, match=r"there is no object gs://line/kept/b.json"):
        gcs.fetch("gs://line/kept/b.json", tmp_path / "b.json")
