"""The months of the flights, and the one with a fault."""

import importlib.util
from pathlib import Path

import pytest

from plimsoll.errors import DataError

FOLDER = Path(__file__).parents[2] / "examples" / "flights"
FLIGHTS = "year,month,temp,late\n2013,1,39.0,0\n2013,8,80.1,1\n2013,1,38.5,\n2013,8,81.0,0\n"


def _module():
    spec = importlib.util.spec_from_file_location("make_months", FOLDER / "make_months.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_months = _module()


def test_each_month_is_a_file_and_one_has_a_column_renamed(tmp_path):
    flights = tmp_path / "flights.csv"
    flights.write_text(FLIGHTS)
    said = make_months.make(flights, tmp_path / "months")
    assert "2 months" in said
    made = {
        path.relative_to(tmp_path / "months").as_posix(): path.read_text()
        for path in (tmp_path / "months").rglob("*.csv")
    }
    assert made == {
        "flights-2013-01.csv": "year,month,temp,late\n2013,1,39.0,0\n2013,1,38.5,\n",
        "flights-2013-08.csv": "year,month,temp,late\n2013,8,80.1,1\n2013,8,81.0,0\n",
        "renamed/flights-2013-08.csv": (
            "year,month,temperature,late\n2013,8,80.1,1\n2013,8,81.0,0\n"
        ),
    }


def test_a_column_that_is_not_there_cannot_be_renamed():
    with pytest.raises(DataError, match="no column 'temp'"):
        make_months.renamed("year,month\n", {"temp": "temperature"})


def test_without_flights_it_says_what_to_type(tmp_path):
    with pytest.raises(DataError) as error:
        make_months.make(tmp_path / "flights.csv", tmp_path / "months")
    assert error.value.hint == "make data"
