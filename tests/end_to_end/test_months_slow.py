"""The flights month by month: what drifted is told, a renamed column stops the run."""

import importlib.util
import json
from pathlib import Path

import pytest

from end_to_end import made_data
from local.commands import command

pytestmark = pytest.mark.slow
FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    """The folder of months, made of the flights that `make data` makes."""
    if not (FLIGHTS / "data" / "flights.csv").is_file():
        pytest.skip("examples/flights/data/flights.csv is not there: make data")
    spec = importlib.util.spec_from_file_location("make_months", FLIGHTS / "make_months.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("months")
    module.make(module.FLIGHTS, folder)
    return folder


def gate(data, out, *words):
    ran = command(
        *("run", "data", "--data", str(data), "--problem", str(FLIGHTS / "month.yaml")),
        *("--schema", str(FLIGHTS / "schema.pbtxt"), "--out", str(out), "--json", *words),
    )
    return ran, json.loads(ran.stdout.splitlines()[-1])


def test_a_month_that_drifted_warns_and_a_renamed_column_stops(months, tmp_path):
    pattern = months / "flights-{YYYY}-{MM}.csv"
    out = tmp_path / "runs"
    first, march = gate(
        *(pattern, out, "--ingest-config", '{"span": "2013-03"}'),
        *("--baseline", "last", "--gate-config", '{"first_run": true}'),
    )
    assert first.returncode == 0, first.stderr
    assert not [note for note in march["steps"]["validate"]["notes"] if "drifted" in note]

    second, july = gate(
        pattern, out, "--ingest-config", '{"span": "2013-07"}', "--baseline", "last"
    )
    assert second.returncode == 0, second.stderr
    notes = july["steps"]["validate"]["notes"]
    assert any("past the line" in note and "temp" in note for note in notes)
    assert any(note.startswith("column 'temp' drifted since the last span") for note in notes)

    third, august = gate(months / "renamed" / "flights-2013-08.csv", out, "--baseline", "last")
    assert third.returncode == 1
    assert august["status"] == "stopped"
    assert "did you mean 'temperature'?" in third.stderr

    listed = json.loads(command("data", "list", "--out", str(out), "--json").stdout)
    assert len(listed) == 3, "each month is kept once"


def test_in_mode_branch_a_model_is_trained_and_not_pushed(tmp_path):
    data = made_data.hires(tmp_path / "hires.csv")
    schema = tmp_path / "schema.pbtxt"
    schema.write_text('feature { name: "late" type: INT } feature { name: "gone" '
                      "presence { min_count: 1 } }")  # fmt: skip
    ran = command(
        *("run", "training", "--data", str(data), "--label", "late", "--gate", "branch"),
        *("--schema", str(schema), "--out", str(tmp_path / "runs"), "--json"),
    )
    record = json.loads(ran.stdout.splitlines()[-1])
    assert ran.returncode == 1
    assert record["status"] == "stopped"
    assert record["steps"]["validate"]["outputs"]["passed"] is False
    assert record["steps"]["evaluate"]["state"] == "succeeded"
    assert record["steps"]["push"]["outputs"]["pushed"] is False
    assert "the data gate did not let the data pass" in record["reason"]
