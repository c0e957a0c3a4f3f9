import bz2
import itertools
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.data import everything, forty, table, told
from plimsoll.errors import ConfigError, DataError
from plimsoll.ingest.core import ingest
from plimsoll.storage.files import digest_tree
from plimsoll.storage.provenance import is_unchanged

FIRST, SECOND = forty().splitlines()[:21], forty().splitlines()[21:]


def test_a_folder_is_one_table(write, run):
    write("\n".join(FIRST), "part/1.csv")
    folder = write("a,b,y\n" + "\n".join(SECOND), "part/2.csv").parent
    write("not data", "part/README.md")
    result = run(folder)
    whole = run(write(forty(), "whole/whole.csv"))
    assert result.dataset.id == whole.dataset.id
    assert told(result, "files in the folder of no known kind are left out: 1 .md")
    assert [item["name"] for item in result.dataset.lineage["sources"]] == ["1.csv", "2.csv"]


def test_a_relative_path_is_the_same_data(write, run, monkeypatch):
    write("\n".join(FIRST), "part/1.csv")
    folder = write("a,b,y\n" + "\n".join(SECOND), "part/2.csv").parent
    whole = run(folder)
    monkeypatch.chdir(folder.parent)
    for data in ("part", "./part/", "part/*.csv", "../in/part"):
        assert run(data).dataset == whole.dataset


def test_an_empty_path_is_not_the_working_folder(write, run, monkeypatch):
    monkeypatch.chdir(write(forty()).parent)
    with pytest.raises(ConfigError, match="the path of the data is empty"):
        run("")


def test_a_pattern_takes_only_what_it_matches(write, run):
    write("\n".join(FIRST), "part/a1.csv")
    write("a,b,y\n" + "\n".join(SECOND), "part/a2.csv")
    other = write("other,columns\n1,2\n", "part/b.csv")
    result = run(other.parent / "a*.csv")
    assert len(everything(result)["a"]) == 40


def test_names_in_lineage_tell_files_of_deeper_folders_apart(write, run):
    write("\n".join(FIRST), "in/x/1.csv")
    write("a,b,y\n" + "\n".join(SECOND), "in/z/1.csv")
    folder = write("", "in/.hidden.csv").parent
    result = run(folder)
    assert [item["name"] for item in result.dataset.lineage["sources"]] == ["x/1.csv", "z/1.csv"]
    assert run(folder / "*" / "1.csv").dataset.lineage == result.dataset.lineage


def test_columns_in_another_order_are_the_same_columns(write, run):
    write("\n".join(FIRST), "part/1.csv")
    turned = [",".join(reversed(line.split(","))) for line in ["a,b,y", *SECOND]]
    folder = write("\n".join(turned), "part/2.csv").parent
    assert run(folder).dataset.id == run(write(forty(), "whole/w.csv")).dataset.id


def test_other_columns_in_one_file_are_refused_by_name(write, run):
    write(forty(), "part/1.csv")
    folder = write(forty("a,c,y"), "part/2.csv").parent
    with pytest.raises(DataError, match=r"2.csv has other columns than 1.csv") as caught:
        run(folder)
    assert caught.value.cause == "it lacks b; it also has c"


def test_types_widen_and_clash_as_if_all_came_in_one_file(write, run):
    rows = [f"{n},{'' if n < 20 else n / 2},{n if n < 20 else 'k'},{n % 2}" for n in range(40)]
    write(table("i,f,t,y", rows[:20]), "part/1.csv")
    folder = write(table("i,f,t,y", rows[20:]), "part/2.csv").parent
    result = run(folder)
    assert told(result, "columns of different types in different files are text: t")
    whole = run(write(table("i,f,t,y", rows), "whole/w.csv"))
    assert result.dataset.id == whole.dataset.id
    assert [column.type for column in result.dataset.columns] == ["int", "float", "string", "int"]


def test_a_part_with_a_header_alone_adds_nothing(write, run):
    write(forty(), "part/1.csv")
    folder = write("a,b,y\n", "part/2.csv").parent
    assert run(folder).dataset.id == run(write(forty(), "whole/w.csv")).dataset.id


CELLS = st.sampled_from(
    [
        "",
        "NA",
        "0",
        "7",
        "-3",
        "2.5",
        "1e3",
        "inf",
        "x",
        " x ",
        '"q,""r"""',
        "2013-02-14",
        "é",
        "007",
        "?",
        "3/4/2013",
        "$5",
    ]
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=12, max_size=30),
    st.lists(st.integers(0, 30), max_size=3),
)
def test_however_a_csv_is_cut_into_files_it_is_the_same_dataset(tmp_path, rows, cuts):
    # One more column, so that there is always something to predict from.
    lines = [f"{a},{b},{n / 7:.3f},{'pqr'[n % 3]}" for n, (a, b) in enumerate(rows)]
    places = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    for folder in ("whole", "parts"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
        (tmp_path / folder).mkdir()
    (tmp_path / "whole" / "w.csv").write_text(table("a,b,n,y", lines), "utf-8")
    for number, (start, stop) in enumerate(itertools.pairwise(places)):
        part = table("a,b,n,y", lines[start:stop])
        (tmp_path / "parts" / f"{number}.csv").write_text(part, "utf-8")
    whole = ingest(str(tmp_path / "whole"), "y", "", tmp_path / "out1").dataset
    parts = ingest(str(tmp_path / "parts"), "y", "", tmp_path / "out2").dataset
    assert whole.columns == parts.columns
    assert whole.id == parts.id


def test_the_same_files_elsewhere_make_the_same_bytes(write, tmp_path):
    here = write(forty(), "here/data.csv")
    there = write(forty(), "a/b/c/data.csv")
    first = ingest(str(here), "y", "", tmp_path / "first")
    second = ingest(str(there), "y", "", tmp_path / "elsewhere" / "second")
    assert digest_tree(tmp_path / "first") == digest_tree(tmp_path / "elsewhere" / "second")
    assert str(tmp_path) not in (tmp_path / "first" / "manifest.json").read_text()
    assert first.dataset.id == second.dataset.id


def test_the_witness_holds_until_a_file_changes(write, run):
    path = write(forty())
    metadata = run(path).metadata()
    (witness,) = metadata["witnesses"]
    assert is_unchanged(witness)
    assert metadata["rows_train"] + metadata["rows_eval"] + metadata["rows_test"] == 40
    write(forty().replace("u", "k"))
    assert not is_unchanged(witness)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dta.csv", "there is no file"),
        ("nowhere/data.csv", "there is no file"),
        ("*.parquet", "no file matches"),
        ("s3://bucket/data.csv", "is an address of a kind that cannot be read"),
    ],
)
def test_files_that_are_not_there(write, run, name, message):
    base = write(forty()).parent
    with pytest.raises(DataError, match=message):
        run(name if "://" in name else base / name)


@pytest.mark.parametrize("out", [".", "data.csv"])
def test_an_output_never_replaces_the_data_it_is_made_of(write, out):
    path = write(forty())
    with pytest.raises(ConfigError, match="would replace the data that it is made of"):
        ingest(str(path), "y", "", path.parent / out)
    assert path.read_text() == forty()


def test_what_an_earlier_run_wrote_into_the_folder_is_no_data(write):
    folder = write(forty()).parent
    write("{}", "manifest.json")
    ingest(str(folder), "y", "", folder / "runs/1/dataset")
    with pytest.raises(DataError, match="holds data sets that were made by ingest") as caught:
        ingest(str(folder), "y", "", folder / "runs/2/dataset")
    assert caught.value.cause == "runs/1/dataset"
    again = ingest(str(folder / "runs/1/dataset/train"), "y", "", folder / "again").dataset
    assert again.rows("train") + again.rows("eval") + again.rows("test") == 32


@pytest.mark.parametrize("name", ["pipe.csv", "device.csv"])
def test_what_has_no_end_is_refused(write, run, name):
    folder = write(forty()).parent
    os.mkfifo(folder / "pipe.csv")
    (folder / "device.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError, match=f"{name} is a pipe or a device"):
        run(folder / name)
    assert run(folder).dataset.rows("train") == 32


def test_a_name_nearby_is_suggested(write, run):
    path = write(forty())
    with pytest.raises(DataError) as caught:
        run(path.with_name("dat.csv"))
    assert caught.value.cause == "did you mean 'data.csv'?"


def test_a_folder_without_data_is_refused(write, run):
    folder = write("text", "docs/notes.md").parent
    with pytest.raises(DataError, match="no CSV, JSON lines, Parquet, Arrow or TFRecord") as caught:
        run(folder)
    assert ".md" in caught.value.cause


def test_a_packed_file_is_refused_with_what_to_do(write, run):
    path = write(bz2.compress(forty().encode()), "data.csv.bz2")
    with pytest.raises(DataError, match="bzip2 archive") as caught:
        run(path)
    assert "unpack" in caught.value.hint
