import json

import pyarrow as pa
import pytest

from ingest.data import everything, forty, told
from plimsoll.errors import DataError
from plimsoll.ingest.readers import json_lines

ROWS = [{"a": n / 2, "b": "uvw"[n % 3], "y": n % 2} for n in range(40)]


def lines(rows):
    """Returns JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def types(result):
    return {column.name: column.type for column in result.dataset.columns}


def test_json_lines_and_csv_twins_are_the_same_dataset(write, run):
    assert run(write(lines(ROWS), "data.jsonl")).dataset.id == run(write(forty())).dataset.id


def test_a_key_that_a_line_lacks_is_missing_in_its_row(write, run):
    rows = [{"a": n, "y": n % 2} | ({"b": "xz"[n % 2]} if n > 20 else {}) for n in range(40)]
    found = everything(run(write(lines(rows), "data.jsonl")))
    assert found["b"].count(None) == 21


def test_what_is_nested_is_left_out_and_told(write, run):
    rows = [{**row, "where": {"x": 1}, "tags": ["k"]} for row in ROWS]
    rows[3]["late"] = [1]
    result = run(write(lines(rows), "data.jsonl"))
    assert result.dataset.column_names() == ("a", "b", "y")
    for name, kind in {"where": "object", "tags": "list", "late": "list"}.items():
        assert told(result, f"data.jsonl: column {name} is left out: it is of type {kind}")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a": 1, "b"', "Expecting ':' delimiter at column 13"),
        ('{"a": tru}', "Expecting value"),
        ("PQR", "Expecting value"),
        ('{"a": 1, "a": 2}', "two values under one key: a"),
        ('{"a": "\udcff"}', "not UTF-8"),
        (r'{"a": "PQR\ud800"}', "half of a surrogate pair"),
        (r'{"\udc00": 1}', "half of a surrogate pair"),
    ],
)
@pytest.mark.parametrize("place", [1, 17, 41])
def test_a_broken_line_is_named_by_its_number(write, run, line, why, place):
    written = lines(ROWS).splitlines()
    written.insert(place - 1, line)
    content = "\n".join(written).encode("utf-8", "surrogateescape")
    with pytest.raises(DataError, match=f"data.jsonl line {place} is not JSON") as caught:
        run(write(content, "data.jsonl"))
    assert why in caught.value.cause
    assert "PQR" not in str(caught.value)


def test_keys_inside_a_value_are_not_told(write, run):
    twice = '{"a": 1, "b": {"k1": 1, "k1": 2}, "y": 1}'
    result = run(write(lines(ROWS) + twice, "data.jsonl"))
    assert result.dataset.column_names() == ("a", "y")


@pytest.mark.parametrize("line", ["5", "[1]", '"x"'])
def test_a_line_that_is_no_object_is_named_by_its_number(write, run, line):
    with pytest.raises(DataError, match=r"data.jsonl line 41 is JSON, but no object"):
        run(write(lines(ROWS) + line, "data.jsonl"))


def test_blank_lines_and_a_byte_order_mark_are_nothing(write, run):
    content = b"\xef\xbb\xbf" + lines(ROWS).replace("\n", "\n\n").encode()
    assert run(write(content, "data.jsonl")).dataset.id == run(write(forty())).dataset.id


def test_numbers_and_texts_under_one_key_are_text(write, run):
    rows = [{**row, "a": row["a"] if n % 10 else "about 5"} for n, row in enumerate(ROWS)]
    result = run(write(lines(rows), "data.jsonl"))
    assert types(result)["a"] == "string"
    assert told(result, "column a: text, because 4 values are no numbers, such as 'about 5'")
    assert "0.5" in everything(result)["a"]


def test_a_column_that_turns_to_text_blocks_later_is_text_from_its_start(write, run, monkeypatch):
    rows = [{**row, "a": n if n < 30 else "about 5"} for n, row in enumerate(ROWS)]
    whole = run(write(lines(rows), "data.jsonl")).dataset
    monkeypatch.setattr("plimsoll.ingest.readers.text_streams.BLOCK_BYTES", 200)
    assert run(write(lines(rows), "data.jsonl")).dataset.id == whole.id


@pytest.mark.parametrize("size", [100, 333])
def test_however_the_text_is_cut_into_blocks_the_rows_are_the_same(write, run, monkeypatch, size):
    days = ["2013-02-14", "2013-02-15T06:07:08"]
    odd = [{"t": days[n % 2], "é": "ü", **row} for n, row in enumerate(ROWS)]
    whole = run(write(lines(odd), "data.jsonl")).dataset
    assert whole.type_of("t") == "timestamp"
    monkeypatch.setattr("plimsoll.ingest.readers.text_streams.BLOCK_BYTES", size)
    assert run(write(lines(odd), "data.jsonl")).dataset.id == whole.id


def test_a_line_longer_than_a_block_is_refused(write, run, monkeypatch):
    monkeypatch.setattr("plimsoll.ingest.readers.text_streams.BLOCK_BYTES", 1000)
    monkeypatch.setattr(json_lines, "BLOCK_BYTES", 1000)
    content = lines(ROWS) + json.dumps({"a": "x" * 5000}) + "\n"
    with pytest.raises(DataError, match=r"data.jsonl cannot be read as JSON lines"):
        run(write(content, "data.jsonl"))


def test_files_may_lack_keys_that_others_have(write, run):
    write(lines({k: v for k, v in row.items() if k != "b"} for row in ROWS[:20]), "part/1.jsonl")
    folder = write(lines(ROWS[20:]), "part/2.jsonl").parent
    result = run(folder)
    assert told(result, "1.jsonl has no values of b")
    assert everything(result)["b"].count(None) == 20


def test_python_and_arrow_read_the_same(write, run, monkeypatch):
    rows = [
        {"i": n, "f": n / 3, "b": n % 3 == 0, "s": "" if n % 5 else "NA", "n": None, "y": n % 2}
        for n in range(40)
    ]
    whole = run(write(lines(rows), "data.jsonl")).dataset
    monkeypatch.setattr(json_lines.JsonLines, "_by_arrow", lambda *_: None)
    again = run(write(lines(rows), "data.jsonl")).dataset
    assert again.id == whole.id
    assert whole.read("train").schema.field("b").type == pa.bool_()
