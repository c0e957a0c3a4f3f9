"""TFRecord files of tf.Example: each checksum checked, features as columns."""

import gzip
import struct
import zipfile

import google_crc32c
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.errors import DataError
from plimsoll.ingest.readers import tfrecord_files
from plimsoll.ingest.sources.file_kinds import masked
from plimsoll.ingest.sources.resolve import resolve


def varint(number):
    signs = []
    while number > 127:
        signs.append(number & 127 | 128)
        number >>= 7
    return bytes([*signs, number])


def part(field, content):
    """Returns a length-delimited field of a protocol buffer."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def example(**features):
    """Returns a serialised tf.train.Example; each feature is a list of one kind of values."""
    made = b""
    for name, values in features.items():
        if not values:
            held = b""
        elif isinstance(values[0], bytes):
            held = part(1, b"".join(part(1, value) for value in values))
        elif isinstance(values[0], float):
            held = part(2, part(1, struct.pack(f"<{len(values)}f", *values)))
        else:
            held = part(3, part(1, b"".join(varint(value % (1 << 64)) for value in values)))
        made += part(1, part(1, name.encode()) + part(2, held))
    return part(1, made)


def frame(content):
    length = struct.pack("<Q", len(content))
    sums = [masked(google_crc32c.value(data)) for data in (length, content)]
    return length + struct.pack("<I", sums[0]) + content + struct.pack("<I", sums[1])


@pytest.fixture
def source(tmp_path):
    """Returns a function that writes a file and finds it."""

    def written(content, name="data.tfrecord"):
        data = content if isinstance(content, bytes) else b"".join(map(frame, content))
        path = tmp_path / name
        path.write_bytes(data)
        return resolve(str(path), tmp_path / "scratch", []).sources[0]

    return written


def read(source):
    return pa.Table.from_batches(list(tfrecord_files.batches(source))).to_pydict()


def test_the_encoder_here_is_the_one_of_the_format():
    # What tf.io.TFRecordWriter writes for one empty record.
    assert frame(b"").hex() == "000000000000000029039807d8ea82a2"


def test_features_become_columns_and_absent_ones_are_null(source):
    found = source(
        [
            example(n=[1], f=[0.5], t=["é".encode()]),
            example(n=[-(2**63)], f=[], t=[b""]),
            example(),
            example(n=[2**63 - 1], f=[-2.0]),
        ]
    )
    assert found.kind == "tfrecord"
    layout = tfrecord_files.read_schema(found)
    assert layout.schema == pa.schema([("f", pa.float64()), ("n", pa.int64()), ("t", pa.string())])
    assert (layout.rows, layout.left_out) == (4, {})
    assert read(found) == {
        "f": [0.5, None, None, -2.0],
        "n": [1, -(2**63), None, 2**63 - 1],
        "t": ["é", "", None, None],
    }
    (batch,) = tfrecord_files.batches(found, layout, skip={"f", "t"})
    assert batch.schema.names == ["n"]


def test_what_has_no_place_in_a_table_is_left_out_over_the_whole_file(source, monkeypatch):
    monkeypatch.setattr(tfrecord_files, "BATCH_RECORDS", 2)
    rows = [example(a=[1], b=[b"x"], y=[n]) for n in range(5)]
    rows += [example(a=[1, 2], b=[b"\xff"], y=[5]), example(late=[b"z"], y=[6])]
    found = source(rows)
    layout = tfrecord_files.read_schema(found)
    assert layout.left_out == {
        "a": "several values in a row",
        "b": "bytes that are no UTF-8 text",
    }
    assert read(found) == {"late": [None] * 6 + ["z"], "y": list(range(7))}


@pytest.mark.parametrize("packing", ["gzip", "zip"])
def test_packed_files_are_the_same(source, tmp_path, packing):
    content = b"".join(frame(example(y=[n])) for n in range(3))
    if packing == "gzip":
        found = source(gzip.compress(content), "data.tfrecord.gz")
    else:
        with zipfile.ZipFile(tmp_path / "made", "w") as archive:
            archive.writestr("data.tfrecord", content)
        found = source((tmp_path / "made").read_bytes(), "data.zip")
    assert (found.kind, found.packed) == ("tfrecord", packing)
    assert read(found) == {"y": [0, 1, 2]}


def test_a_broken_checksum_is_told_by_number_and_byte(source):
    frames = [frame(example(y=[n])) for n in range(3)]
    start = len(frames[0])
    content = bytearray(b"".join(frames))
    content[start + 14] ^= 1
    message = rf"data.tfrecord record 2 \(byte {start}\) is damaged"
    with pytest.raises(DataError, match=message) as caught:
        read(source(bytes(content)))
    assert caught.value.cause == "the checksum (CRC-32C) of its content does not match"
    content = bytearray(b"".join(frames))
    content[start] ^= 1
    with pytest.raises(DataError, match=message) as caught:
        read(source(bytes(content)))
    assert "of its length" in caught.value.cause


FRAMES = b"".join(frame(example(y=[n], t=[b"text"])) for n in range(3))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(FRAMES) - 1), st.integers(1, 255))
def test_no_changed_byte_passes(tmp_path_factory, place, flip):
    path = tmp_path_factory.mktemp("in") / "data.tfrecord"
    content = bytearray(FRAMES)
    content[place] ^= flip
    path.write_bytes(bytes(content))
    (found,) = resolve(str(path), path.parent, []).sources
    with pytest.raises(DataError, match=r"data\.tfrecord (record [123]|is cut off within)"):
        list(tfrecord_files.batches(found))


@pytest.mark.parametrize("kept", [1, 11, 13, 30])
def test_a_file_that_is_cut_off_is_told_by_record(source, kept):
    frames = [frame(example(y=[n], t=[b"text"])) for n in range(2)]
    message = rf"is cut off within record 2 \(byte {len(frames[0])}\)"
    with pytest.raises(DataError, match=message):
        read(source(frames[0] + frames[1][:kept]))


def test_a_packed_file_that_is_cut_off(source):
    packed = gzip.compress(b"".join(frame(example(y=[n * n])) for n in range(3000)))
    found = source(packed[: len(packed) // 2], "data.tfrecord.gz")
    with pytest.raises(DataError, match="is not a whole gzip archive"):
        read(found)


def test_a_record_that_is_no_example_is_told(source):
    with pytest.raises(DataError, match=r"record 2 \(byte \d+\) is no tf.Example"):
        read(source([example(y=[1]), b"\xff\xff garbage"]))


def test_kinds_that_differ_are_told_within_a_batch_and_across(source, monkeypatch):
    rows = [example(y=[1]), example(y=[1.5])]
    with pytest.raises(DataError, match="a feature is of different kinds") as caught:
        read(source(rows))
    assert '"y"' in caught.value.cause
    monkeypatch.setattr(tfrecord_files, "BATCH_RECORDS", 1)
    with pytest.raises(DataError, match="feature 'y' is of different kinds") as caught:
        read(source(rows))
    assert "int64 before, float here" in caught.value.cause


def test_a_length_beyond_all_measure_is_not_allocated(source):
    length = struct.pack("<Q", 1 << 62)
    content = length + struct.pack("<I", masked(google_crc32c.value(length))) + b"rest"
    with pytest.raises(DataError, match="record 1 "):
        read(source(content))


def test_an_empty_file_has_no_rows(source):
    layout = tfrecord_files.read_schema(source(b""))
    assert (layout.rows, layout.schema.names) == (0, [])


def test_tensorflow_is_not_imported():
    import subprocess
    import sys

    code = (
        "import sys, plimsoll.ingest.readers.tfrecord_files, tfx_bsl.coders.example_coder\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
