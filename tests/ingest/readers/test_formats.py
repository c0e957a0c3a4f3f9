"""Files of other kinds, packed ones, and files that do not go together."""

import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from ingest.data import everything, forty, told
from ingest.readers.test_tfrecord import example, frame
from plimsoll.errors import DataError

TABLE = pa.table(
    {
        "a": pa.array([n / 2 for n in range(40)], pa.float32()),
        "b": pa.array(["uvw"[n % 3] for n in range(40)]).dictionary_encode(),
        "y": pa.array([n % 2 for n in range(40)], pa.int8()),
    }
)


def as_file(table):
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return sink.getvalue()


def as_stream(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return sink.getvalue()


def as_feather(table):
    sink = io.BytesIO()
    pyarrow.feather.write_feather(table, sink, compression="lz4")
    return sink.getvalue()


def zipped(**members):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return sink.getvalue()


class TestArrow:
    @pytest.mark.parametrize("packed", [as_file, as_stream, as_feather])
    def test_arrow_and_csv_twins_are_the_same_dataset(self, write, run, packed):
        twin = run(write(packed(TABLE), "data.arrow")).dataset
        assert twin.id == run(write(forty())).dataset.id

    @pytest.mark.parametrize("packed", [as_file, as_stream, as_feather])
    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
    def test_a_file_that_is_cut_off_is_refused_by_name(self, write, run, packed, kept):
        content = packed(TABLE)
        with pytest.raises(DataError, match=r"data.arrow is not a whole Arrow file"):
            run(write(content[: int(len(content) * kept)], "data.arrow"))

    def test_what_is_no_plain_value_is_left_out_and_told(self, write, run):
        listed = TABLE.append_column("x", pa.array([[n] for n in range(40)]))
        result = run(write(as_file(listed), "data.arrow"))
        assert result.dataset.column_names() == ("a", "b", "y")
        assert told(result, "data.arrow: column x is left out: it is of type list<item: int64>")


class TestPacked:
    @pytest.mark.parametrize("name", ["data.csv.gz", "data.gz", "data.csv"])
    def test_a_gzip_of_a_csv_is_the_csv(self, write, run, name):
        plain = run(write(forty())).dataset.id
        assert run(write(gzip.compress(forty().encode()), name)).dataset.id == plain

    def test_a_zip_of_a_csv_is_the_csv(self, write, run):
        plain = run(write(forty(), "plain/data.csv")).dataset.id
        assert run(write(zipped(data_csv=forty()), "data.zip")).dataset.id == plain

    def test_json_lines_may_be_packed(self, write, run):
        lines = "".join(
            f'{{"a": {n / 2}, "b": "{"uvw"[n % 3]}", "y": {n % 2}}}\n' for n in range(40)
        )
        packed = write(gzip.compress(lines.encode()), "data.jsonl.gz")
        assert run(packed).dataset.id == run(write(forty())).dataset.id

    @pytest.mark.parametrize("lost", [1, 8, 30])
    def test_a_gzip_that_is_cut_off_is_no_shorter_data_set(self, write, run, tmp_path, lost):
        content = gzip.compress(forty().encode())[:-lost]
        with pytest.raises(DataError, match=r"data.csv.gz is not a whole gzip archive"):
            run(write(content, "data.csv.gz"))
        assert not (tmp_path / "out").exists()

    def test_a_gzip_whose_content_is_damaged_is_refused(self, write, run):
        content = bytearray(gzip.compress(forty().encode()))
        content[-6] ^= 1
        with pytest.raises(DataError, match=r"data.csv.gz is not a whole gzip archive"):
            run(write(bytes(content), "data.csv.gz"))

    def test_a_zip_whose_content_is_damaged_is_refused(self, write, run):
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as archive:
            archive.writestr("data.csv", forty() + forty().partition("\n")[2] * 500)
        content = sink.getvalue().replace(b"0.5,v,1", b"0.5,u,1")
        with pytest.raises(DataError, match=r"data.zip is not a whole zip archive"):
            run(write(content, "data.zip"))

    def test_a_zip_of_several_files_is_refused_with_their_names(self, write, run):
        with pytest.raises(DataError, match=r"data.zip is a zip archive of 2 files") as caught:
            run(write(zipped(a_csv=forty(), b_csv=forty()), "data.zip"))
        assert "a.csv, b.csv" in caught.value.cause

    def test_a_member_is_not_written_under_its_name(self, write, run, tmp_path):
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as archive:
            archive.writestr("/tmp/plimsoll/evil.csv", forty())
        run(write(sink.getvalue(), "data.zip"))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
        assert not Path("/tmp/plimsoll/evil.csv").exists()


class TestFilesTogether:
    def folder(self, tmp_path, *tables):
        folder = tmp_path / "in" / "parts"
        folder.mkdir(parents=True)
        for number, table in enumerate(tables, start=1):
            pq.write_table(table, folder / f"{number}.parquet")
        return folder

    def test_parquet_files_of_other_columns_are_refused_with_both_names(self, tmp_path, run):
        other = TABLE.rename_columns(["a", "c", "y"])
        with pytest.raises(
            DataError, match=r"3.parquet has other columns than 1.parquet"
        ) as caught:
            run(self.folder(tmp_path, TABLE, TABLE, other))
        assert caught.value.cause == "it lacks b; it also has c"

    def test_parquet_that_turns_to_text_in_file_seven_is_refused_with_both_names(
        self, tmp_path, run
    ):
        texts = TABLE.set_column(0, "a", pa.array([f"k{n}" for n in range(40)]))
        message = "column 'a' is string in 7.parquet and float in 1.parquet"
        with pytest.raises(DataError, match=message):
            run(self.folder(tmp_path, *[TABLE] * 6, texts, TABLE))

    def test_files_of_several_kinds_are_one_table(self, write, run):
        lines = forty().splitlines(keepends=True)
        write("".join(lines[:21]), "part/1.csv")
        folder = write(as_file(TABLE.slice(20)), "part/2.arrow").parent
        assert run(folder).dataset.id == run(write(forty(), "whole/w.csv")).dataset.id

    def test_a_csv_that_is_not_what_a_parquet_file_says_is_refused(self, write, run, tmp_path):
        write(forty(row="k{n},{letter},{bit}"), "parts/1.csv")
        folder = tmp_path / "in" / "parts"
        pq.write_table(TABLE, folder / "2.parquet")
        with pytest.raises(
            DataError, match=r"column 'a' is float in 2.parquet and string in 1.csv"
        ):
            run(folder)

    def test_a_cut_off_parquet_file_among_others_is_named(self, tmp_path, run):
        folder = self.folder(tmp_path, TABLE, TABLE)
        path = folder / "2.parquet"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(DataError, match=r"2.parquet is not a whole Parquet file"):
            run(folder)


def test_a_tfrecord_and_csv_twins_are_the_same_dataset(write, run):
    records = [
        example(b=["uvw"[n % 3].encode()], y=[n % 2], z=[1, 2], **({"a": [n / 2]} if n else {}))
        for n in range(40)
    ]
    result = run(write(b"".join(map(frame, records)), "data.tfrecord"))
    assert told(result, "data.tfrecord: column z is left out: it is of type list of values")
    twin = run(write(forty().replace("0.0,", ",", 1))).dataset
    assert result.dataset.id == twin.id
    assert everything(result)["a"].count(None) == 1
