"""What a data set holds, and what differs between two."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.commands import data
from plimsoll.errors import ArtifactError
from plimsoll.formats.dataset import write_dataset
from plimsoll.problem import Problem

ROWS = 1000
PROBLEM = Problem(label="y", task="binary", positive="1", private=("secret",), drop=("key",))


def columns(rows=ROWS, seed=0):
    random = np.random.default_rng(seed)
    return {
        "carrier": pa.array(random.choice(["AA", "UA", "DL"], rows, p=[0.5, 0.3, 0.2])),
        "delay": pa.array(random.normal(10, 5, rows)),
        "seats": pa.array(random.integers(50, 300, rows)),
        "key": pa.array([f"row {number}" for number in range(rows)]),
        "secret": pa.array(["planted-secret"] * rows),
        "y": pa.array(random.integers(0, 2, rows)),
    }


def made(folder, given, cuts=(0.8, 0.9)):
    table = pa.table(given)
    ends = [0, *(int(table.num_rows * cut) for cut in cuts), table.num_rows]
    tables = {
        split: table.slice(ends[place], ends[place + 1] - ends[place])
        for place, split in enumerate(("train", "eval", "test"))
    }
    return str(write_dataset(folder, tables, PROBLEM, ["a note"], {"rows_read": 1}).folder)


def change(found, name):
    return next(item for item in found["columns"] if item["name"] == name)


def test_show_tells_rows_columns_and_roles(tmp_path):
    given = columns()
    given["delay"] = pa.array([None] * 100 + given["delay"].to_pylist()[100:])

    found = data.show(made(tmp_path / "a", given))

    told = {column["name"]: column for column in found["columns"]}
    assert found["rows"] == {"train": 800, "eval": 100, "test": 100}
    assert told["y"]["role"] == "label"
    assert told["key"]["role"] == "dropped"
    assert told["key"]["distinct"] == ROWS
    assert told["delay"]["missing"] == 0.1
    assert told["delay"]["mean"] == pytest.approx(np.mean(given["delay"].to_pylist()[100:]))
    assert [text for text, _ in told["carrier"]["top"]] == ["AA", "UA", "DL"]
    assert sum(share for _, share in told["carrier"]["top"]) == pytest.approx(1)
    assert found["notes"] == ["a note"]
    assert "planted-secret" not in json.dumps(found)


def test_moments_are_told_as_moments(tmp_path):
    given = columns()
    given["when"] = pa.array(range(ROWS), pa.timestamp("us"))

    found = data.show(made(tmp_path / "a", given))

    told = next(column for column in found["columns"] if column["name"] == "when")
    assert told["median"] == "1970-01-01 00:00:00"
    assert told["low"].startswith("1970-01-01")


def test_the_same_content_is_said(tmp_path):
    one, other = (made(tmp_path / name, columns()) for name in "ab")

    found = data.diff(one, other)

    assert found["same"]
    assert found["first"] == found["second"]


def test_the_same_rows_in_another_order_or_split_are_said(tmp_path):
    given = columns()
    order = pa.array(np.random.default_rng(5).permutation(ROWS))
    moved = {name: values.take(order) for name, values in given.items()}

    found = data.diff(made(tmp_path / "a", given), made(tmp_path / "b", moved, (0.5, 0.7)))

    assert not found["same"]
    assert found["same_rows"]
    assert found["rows"]["train"] == [800, 500]
    assert all(item["distance"] == 0 for item in found["columns"])


def test_one_changed_cell_is_not_the_same_rows(tmp_path):
    given = columns()
    changed = dict(given, seats=pa.array([51, *given["seats"].to_pylist()[1:]]))
    if changed["seats"].equals(given["seats"]):
        changed["seats"] = pa.array([52, *given["seats"].to_pylist()[1:]])

    assert not data.diff(made(tmp_path / "a", given), made(tmp_path / "b", changed))["same_rows"]


def test_the_column_that_changed_most_comes_first(tmp_path):
    after = columns(seed=1)
    after["delay"] = pa.array(np.random.default_rng(2).normal(30, 5, ROWS))

    found = data.diff(made(tmp_path / "a", columns()), made(tmp_path / "b", after))

    assert found["columns"][0]["name"] == "delay"
    assert found["columns"][0]["distance"] > 0.5
    assert change(found, "carrier")["distance"] < 0.05
    assert change(found, "delay")["second"]["mean"] == pytest.approx(30, abs=1)


def test_new_and_gone_texts_are_named(tmp_path):
    after = columns()
    renamed = ["WN" if text == "DL" else text for text in after["carrier"].to_pylist()]
    after["carrier"] = pa.array(renamed)

    found = change(
        data.diff(made(tmp_path / "a", columns()), made(tmp_path / "b", after)), "carrier"
    )

    assert [text for text, _ in found["new"]] == ["WN"]
    assert [text for text, _ in found["gone"]] == ["DL"]
    assert found["new"][0][1] == pytest.approx(0.2, abs=0.05)


def test_columns_added_removed_retyped_and_perhaps_renamed(tmp_path):
    after = columns()
    after["departure_delay"] = after.pop("delay")
    after["extra"] = pa.array(["x"] * ROWS)
    after["seats"] = after["seats"].cast(pa.float64())

    found = data.diff(made(tmp_path / "a", columns()), made(tmp_path / "b", after))

    assert [item["name"] for item in found["added"]] == ["departure_delay", "extra"]
    assert [item["name"] for item in found["removed"]] == ["delay"]
    assert found["retyped"] == [{"name": "seats", "first": "int", "second": "float"}]
    assert [(item["first"], item["second"]) for item in found["renamed"]] == [
        ("delay", "departure_delay")
    ]
    assert "seats" not in [item["name"] for item in found["columns"]]


def test_columns_in_another_order_are_said(tmp_path):
    after = columns()
    after["carrier"] = after.pop("carrier")

    found = data.diff(made(tmp_path / "a", columns()), made(tmp_path / "b", after))

    assert found["moved"]
    assert found["same_rows"]


def test_a_damaged_data_set_is_refused(tmp_path):
    folder = made(tmp_path / "a", columns())
    (Path(folder) / "test" / "part-00000.parquet").write_bytes(b"PAR1")

    with pytest.raises(ArtifactError, match="damaged"):
        data.show(folder)


def asked(place, command, **parameters):
    place.mkdir()
    (place / "request.json").write_text(json.dumps({"command": command, "parameters": parameters}))
    start = [sys.executable, "-m", "plimsoll.commands", str(place)]
    ended = subprocess.run(start, capture_output=True, text=True)
    return ended, json.loads((place / "answer.json").read_text())


def test_a_process_answers_with_a_result_or_an_error(tmp_path):
    dataset = made(tmp_path / "a", columns())

    ended, answer = asked(tmp_path / "1", "data show", folder=dataset)
    assert (ended.returncode, answer["result"]["rows"]["train"]) == (0, 800)

    ended, answer = asked(tmp_path / "2", "data show", folder=str(tmp_path / "none"))
    assert ended.returncode == answer["error"]["exit_code"] == 1
    assert "manifest.json is missing" in answer["error"]["headline"]

    ended, answer = asked(tmp_path / "3", "data list")
    assert ended.returncode == 2
    assert "no command" in answer["error"]["headline"]
