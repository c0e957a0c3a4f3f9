"""What the texts of a CSV become: numbers, dates, missing values."""

# ruff: noqa: DTZ001, DTZ007 - a dataset's timestamps are in UTC and carry no zone

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.data import everything, forty, table, told
from plimsoll.errors import DataError
from plimsoll.ingest.types.dates import DATE_FORMATS, DateFormatInference, timestamps


def column(values, bits=None):
    """Returns CSV text with the values in column a, beside a number and a label."""
    return table("a,n,y", [f'"{value}",{n / 3:.2f},{n % 2}' for n, value in enumerate(values)])


def type_of(result, name):
    return result.dataset.type_of(name)


def test_infinities_are_missing_and_counted(write, run):
    values = ["inf", "-Infinity", "INF", *map(str, range(1, 30))]
    result = run(write(column(values)))
    assert told(result, "column a: 3 infinite values taken as missing")
    found = everything(result)["a"]
    assert found.count(None) == 3
    assert np.isfinite([value for value in found if value is not None]).all()


def test_numbers_too_large_for_integers_are_floats(write, run):
    result = run(write(column([2**64 + n for n in range(20)])))
    assert type_of(result, "a") == "float"


@pytest.mark.parametrize("word", ["?", "-", "None", "missing"])
def test_a_word_for_missing_among_numbers_is_missing(write, run, word):
    result = run(write(column([word, word, *range(30)])))
    assert told(result, f"column a: 2 words ({word}) taken as missing")
    assert type_of(result, "a") == "int"
    assert everything(result)["a"].count(None) == 2


def test_another_word_among_numbers_makes_them_text_and_is_told(write, run):
    result = run(write(column(["about 5", *(n % 9 for n in range(30))])))
    assert told(result, "column a: text, because 1 values are no numbers, such as 'about 5'")
    assert type_of(result, "a") == "string"


@pytest.mark.parametrize("form", ["1,{n:03}", "${n}", "{n} %", "({n}.50)", "1.{n:03},5"])
def test_numbers_with_signs_and_separators_stay_text(write, run, form):
    result = run(write(column([form.format(n=n % 9) for n in range(30)])))
    assert type_of(result, "a") == "string"
    assert told(result, "column a: text, though it looks like numbers")


@pytest.mark.parametrize(
    ("words", "kind"), [(("true", "false"), "bool"), (("yes", "no"), "string")]
)
def test_booleans_are_true_and_false_only(write, run, words, kind):
    assert type_of(run(write(column([words[n % 2] for n in range(20)]))), "a") == kind


def test_times_of_day_stay_the_text_they_are(write, run):
    result = run(write(column([f"{n % 3 + 9}:30".zfill(5) for n in range(30)])))
    assert set(everything(result)["a"]) == {"09:30", "10:30", "11:30"}


MOMENTS = {
    "2013-01-05": datetime.datetime(2013, 1, 5),
    "2013-01-05 06:07": datetime.datetime(2013, 1, 5, 6, 7),
    "2013-01-05T06:07:08": datetime.datetime(2013, 1, 5, 6, 7, 8),
    "2013-01-05T06:07:08.25": datetime.datetime(2013, 1, 5, 6, 7, 8, 250_000),
    "2013-01-05T06:07:08Z": datetime.datetime(2013, 1, 5, 6, 7, 8),
    "2013-01-05T06:07:08+02:00": datetime.datetime(2013, 1, 5, 4, 7, 8),
    "2013-1-5": datetime.datetime(2013, 1, 5),
    "2013/01/05": datetime.datetime(2013, 1, 5),
    "1/25/2013": datetime.datetime(2013, 1, 25),
    "25/1/2013": datetime.datetime(2013, 1, 25),
    "25.01.2013": datetime.datetime(2013, 1, 25),
    "25.01.2013 18:05": datetime.datetime(2013, 1, 25, 18, 5),
    "1/25/2013 12:05 AM": datetime.datetime(2013, 1, 25, 0, 5),
    "1/25/2013 12:05:09 p.m.": datetime.datetime(2013, 1, 25, 12, 5, 9),
    "Jan 25, 2013": datetime.datetime(2013, 1, 25),
    "January 25 2013": datetime.datetime(2013, 1, 25),
    "25-Jan-2013": datetime.datetime(2013, 1, 25),
    "25 SEPT 2013": datetime.datetime(2013, 9, 25),
}


@pytest.mark.parametrize("text", MOMENTS)
def test_dates_in_common_spellings_become_timestamps(write, run, text):
    result = run(write(column([text if n % 3 else "" for n in range(30)])))
    assert type_of(result, "a") == "timestamp"
    assert set(everything(result)["a"]) == {MOMENTS[text], None}


def inferred(batches):
    inference = DateFormatInference()
    for texts in batches:
        inference.add(pa.array(texts).dictionary_encode().dictionary)
    return inference


@pytest.mark.parametrize(
    "texts",
    [
        ["31/12/2013", "12/31/2013"],
        ["2/30/2013", "2/3/2013"],
        ["1/2/2013", "soon"],
        ["1/2/2013 25:00", "1/2/2013 05:00"],
        ["1/2/2013 13:00 PM", "1/2/2013 05:00 PM"],
        ["2013-01-05T06:07Z", "2013-01-05T06:07"],
        ["1.2.2013", "1/2/2013"],
        ["1/2/13", "1/3/13"],
        ["0000-01-01", "2013-1-1"],
    ],
)
def test_texts_that_are_not_all_dates_of_one_spelling_stay_text(texts):
    assert inferred([texts]).date_format is None


def test_a_day_that_could_be_a_month_is_told(write, run):
    result = run(write(column([f"{n % 12 + 1}/{n % 11 + 1}/2013" for n in range(30)])))
    assert told(result, "form %m/%d/%Y; day and month could be the other way round")
    assert everything(result)["a"].count(datetime.datetime(2013, 12, 1)) >= 1


def test_one_day_beyond_twelve_settles_it(write, run):
    texts = [f"{n % 12 + 1}/{n % 11 + 1}/2013" for n in range(30)] + ["13/1/2013"]
    result = run(write(column(texts)))
    assert told(result, "column a: read as dates of the form %d/%m/%Y")
    assert not told(result, "the other way round")


@given(
    st.lists(
        st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(9998, 12, 31)),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([spelling.name for spelling in DATE_FORMATS if "%b" not in spelling.name]),
    st.sampled_from(["", " %H:%M:%S", "T%H:%M:%S.%f", " %I:%M:%S %p"]),
)
def test_what_strftime_writes_is_read_back(moments, date, time):
    # The last one tells day and month apart.
    moments = [*moments, datetime.datetime(2013, 1, 31)]
    texts = [moment.strftime(date + time) for moment in moments]
    formats = inferred([texts[:1], texts[1:]])
    expected = [datetime.datetime.strptime(text, date + time) for text in texts]
    assert formats.date_format is not None
    assert timestamps(pa.array(texts), formats.date_format).to_pylist() == expected
    assert not formats.ambiguous


def test_a_dated_column_is_recognised_in_a_table_of_others(write, run):
    result = run(write(forty("d,b,y", "2013-02-{bit}{bit},{letter},{bit}")))
    assert type_of(result, "d") == "string"
    result = run(write(forty("d,b,y", "2013-02-1{bit},{letter},{bit}")))
    assert type_of(result, "d") == "timestamp"


def test_a_wide_table_does_not_drown_its_notes(write, run):
    header = ",".join(f"c{n}" for n in range(300)) + ",y"
    rows = [
        ",".join([f"{n % 28 + 1}.2.2013"] * 150 + ["inf" if n else "1"] * 150) for n in range(20)
    ]
    result = run(write(table(header, [f"{row},{n % 2}" for n, row in enumerate(rows)])))
    assert len(result.dataset.inferred) < 20
    assert told(result, "288 more columns were read in such ways")


@pytest.mark.parametrize(("row", "name"), [("-1.7e308,{n}.5", "a"), ("{half},1e300", "y")])
def test_numbers_whose_squares_overflow_are_refused(write, run, tmp_path, row, name):
    data = forty("a,y", "{half},{n}.5") + row.format(half=1.5, n=1) + "\n"
    with pytest.raises(DataError, match=f"column '{name}' holds numbers too large") as caught:
        run(write(data))
    assert ("drop: [a]" in caught.value.hint) == (name == "a")
    assert not (tmp_path / "out").exists()


def test_numbers_of_any_size_stand_in_a_column_that_is_dropped(write, run):
    result = run(write(forty("a,b,y", "{n}e200,{letter},{bit}")), problem="{label: y, drop: [a]}")
    assert max(everything(result)["a"]) == 39e200
