"""Series of spans and versions in path patterns, on real files."""

import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plimsoll.errors import ConfigError, DataError, GateError
from plimsoll.ingest.config import IngestConfig, parse
from plimsoll.ingest.sources import spans
from plimsoll.ingest.sources.resolve import resolve
from plimsoll.storage.globs import regex_of
from plimsoll.storage.provenance import is_unchanged


@pytest.fixture
def taken(tmp_path, monkeypatch):
    """Returns a function that writes files, finds a pattern, and returns what is read."""
    monkeypatch.chdir(tmp_path)

    def found(names, data, **config):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"a,y\n{name},1\n")
        taken.found = resolve(data, tmp_path / "scratch", taken.notes, IngestConfig(**config))
        return [source.name for source in taken.found.sources]

    taken = found
    taken.notes = []
    return found


MONTHS = [f"in/flights-2013-{month:02}.csv" for month in range(1, 7)]
DATA = "in/flights-{YYYY}-{MM}.csv"


@pytest.mark.parametrize(
    ("config", "months"),
    [
        ({}, [6]),
        ({"span": "2013-02"}, [2]),
        ({"span": "15737"}, [2]),
        ({"window": 3}, [4, 5, 6]),
        ({"window": 3, "skip": 1}, [3, 4, 5]),
        ({"window": 3, "skip": 1, "exclude": ("2013-04",)}, [3, 5]),
        ({"window": 3, "exclude": ("15857",)}, [4, 5]),
        ({"window": 99}, [1, 2, 3, 4, 5, 6]),
        ({"window": 2, "span": "2013-03"}, [2, 3]),
        ({"skip": 5}, [1]),
        ({"window": 3, "min_spans": 3}, [4, 5, 6]),
    ],
)
def test_which_months_are_read(taken, config, months):
    if config.get("exclude") == ("15857",):
        config["exclude"] = (str((datetime.date(2013, 6, 1) - spans.EPOCH.date()).days),)
    names = taken(MONTHS, DATA, **config)
    assert names == [f"flights-2013-{month:02}.csv" for month in months]
    assert [item["name"] for item in taken.found.lineage["spans"]] == [
        f"2013-{month:02}" for month in months
    ]


@pytest.mark.parametrize(
    "config",
    [
        {"window": 6, "min_spans": 7},
        {"window": 2, "min_spans": 2, "exclude": ("2013-06",)},
        {"skip": 6},
        {"exclude": ("2013-06",)},
    ],
)
def test_too_few_spans_stop_the_run(taken, config):
    with pytest.raises(GateError, match="too few; at least") as caught:
        taken(MONTHS, DATA, **config)
    assert "there are 6: 2013-01, 2013-02" in caught.value.cause


def test_the_span_of_a_date_is_its_days_since_the_epoch(taken):
    taken(["d/2013/02/14.csv", "d/2013/02/13.csv"], "d/{YYYY}/{MM}/{DD}.csv")
    assert taken.found.lineage["spans"] == [{"span": 15750, "name": "2013-02-14"}]
    assert taken.found.sources[0].version["span"] == "2013-02-14"
    taken(["y/2012.csv"], "y/{YYYY}.csv")
    assert taken.found.lineage["spans"] == [{"span": 15340, "name": "2012"}]


def test_spans_are_numbers_and_their_highest_version_is_read(taken):
    names = [
        f"s/{span}/v{version}/{part}.csv"
        for span in (2, 10)
        for version in (1, 2, 10)
        for part in "ab"
    ]
    assert taken(names, "s/{SPAN}/v{VERSION}/*.csv", window=2) == [
        "2/v10/a.csv",
        "2/v10/b.csv",
        "10/v10/a.csv",
        "10/v10/b.csv",
    ]
    assert taken.found.lineage["spans"][1] == {"span": 10, "name": "10", "version": 10}
    assert taken([], "s/{SPAN}/v{VERSION}", span="2") == ["2/v10/a.csv", "2/v10/b.csv"]


def test_a_version_alone_is_the_latest(taken):
    assert taken(["v/1.csv", "v/12.csv", "v/3.csv"], "v/{VERSION}.csv") == ["12.csv"]


def test_a_width_takes_exactly_so_many_digits(taken):
    names = ["w/0009.csv", "w/0011.csv", "w/12.csv", "w/00013.csv"]
    assert taken(names, "w/{SPAN:4}.csv", window=9) == ["0009.csv", "0011.csv"]


def test_a_placeholder_that_stands_twice_is_the_same_both_times(taken):
    names = ["m/2013/2013-01.csv", "m/2012/2013-02.csv"]
    assert taken(names, "m/{YYYY}/{YYYY}-{MM}.csv", window=9) == ["2013/2013-01.csv"]


def test_a_span_in_two_spellings_is_refused(taken):
    with pytest.raises(DataError, match=r"span 1 of .* is there in 2 spellings") as caught:
        taken(["t/1.csv", "t/01.csv"], "t/{SPAN}.csv")
    assert caught.value.cause == "01, 1"


def test_folders_of_a_span_are_read_like_folders(taken):
    names = ["f/1/a.csv", "f/1/deep/b.csv", "f/1/.hidden.csv", "f/1/_SUCCESS", "f/x/c.csv"]
    assert taken(names, "f/{SPAN}") == ["1/a.csv", "1/deep/b.csv"]
    assert taken.notes == ["files in the folder of no known kind are left out: 1 _SUCCESS"]


def test_dates_that_do_not_exist_are_left_out_and_told(taken):
    assert taken(["in/2013-02.csv", "in/2013-13.csv"], "in/{YYYY}-{MM}.csv") == ["2013-02.csv"]
    assert taken.notes == ["1 files whose names hold no date that exists are left out"]


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ("in/flight-{YYYY}-{MM}.csv", "did you mean 'flights-2013-01.csv'?"),
        ("in/{SPAN}/*.csv", "there lie flights-2013-01.csv, "),
        ("inn/{SPAN}.csv", "did you mean 'in'?"),
        ("in/none/deeper/{SPAN}.csv", "the folder deeper does not exist"),
    ],
)
def test_no_span_tells_what_lies_there(taken, data, cause):
    with pytest.raises(DataError, match="no span matches") as caught:
        taken(MONTHS, data)
    assert cause in caught.value.cause


def test_a_named_span_that_is_not_there(taken):
    with pytest.raises(DataError, match="there is no span 2013-07 of") as caught:
        taken(MONTHS, DATA, span="2013-07")
    assert "did you mean '2013-0" in caught.value.cause
    assert caught.value.choices[0] == "2013-06"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{SPAN}-{YYYY}.csv", "cannot both tell the span"),
        ("{MM}-{DD}.csv", "a date needs {YYYY}"),
        ("{YYYY}-{DD}.csv", "{DD} needs {MM}"),
        ("{SPAN}{VERSION}.csv", "where the span ends"),
        ("{YYYY:4}.csv", "only SPAN and VERSION have a width"),
        ("{SPAN:0}.csv", "only SPAN and VERSION have a width"),
        ("{SPAN:x}.csv", "only SPAN and VERSION have a width"),
        ("{SPANS}.csv", "did you mean 'SPAN'?"),
        ("{yyyy}-{mm}.csv", "did you mean 'YYYY'?"),
    ],
)
def test_patterns_that_do_not_hold_together(taken, data, message):
    with pytest.raises(ConfigError) as caught:
        taken([], data)
    assert message in caught.value.cause


@given(st.text(max_size=12), st.text(max_size=12), st.integers(0, 10**17))
def test_all_else_in_a_pattern_stands_for_itself(before, after, span):
    clean = [text.translate({ord(sign): None for sign in "*?[{}"}) for text in (before, after)]
    if clean[1][:1].isdigit() or clean[0][-1:].isdigit():
        return
    pattern = spans.parse(f"{clean[0]}{{SPAN}}{clean[1]}")
    place = pattern.match(f"{clean[0]}{span}{clean[1]}")
    assert place is not None
    assert place.span == span
    assert pattern.match(f"x{clean[0]}{span}{clean[1]}y") is None


@settings(max_examples=1000, deadline=None)
@given(st.text("ab/[]!-*?^\\.", max_size=10), st.text("ab/[]!-*?^\\.\n", max_size=10))
@example(pattern="[a-[]", name="a")
@example(pattern="[b-a!]", name="!")
def test_a_glob_is_always_an_expression_and_never_crosses_a_slash(pattern, name):
    import fnmatch
    import re

    found = re.fullmatch(regex_of(pattern), name, re.DOTALL) is not None
    if "/" not in pattern:
        assert not (found and "/" in name)
        if "/" not in name:
            assert found == fnmatch.fnmatchcase(name, pattern)


def test_a_witness_of_a_series_holds_until_a_span_or_what_was_read_changes(taken, tmp_path):
    taken(MONTHS[:3], DATA)
    witness = taken.found.provenance
    assert list(witness["files"]) == [str(tmp_path / MONTHS[2])]
    assert is_unchanged(witness)
    (tmp_path / MONTHS[0]).write_text("not read")
    assert is_unchanged(witness)
    (tmp_path / MONTHS[3]).write_text("a newer span")
    assert not is_unchanged(witness)
    (tmp_path / MONTHS[3]).unlink()
    assert is_unchanged(witness)
    (tmp_path / MONTHS[2]).write_text("other content")
    assert not is_unchanged(witness)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"window": -1}', "window must be a whole number from 0"),
        ('{"exclude": "2013-01"}', "exclude must be a list of spans"),
        ('{"exclude": [1.5]}', r"exclude\[0\] must be a span's number or date"),
        ('{"span": true}', "span must be a span's number or date"),
        ('{"retry_seconds": 0}', "retry_seconds must be a number above 0"),
        ('{"retry_seconds": Infinity}', "retry_seconds must be a number above 0"),
        ('{"threads": 0}', "threads must be a whole number from 1"),
        ('{"project": 3}', "project must be text"),
        ('{"windo": 1}', "there is no field 'windo'"),
    ],
)
def test_configs_that_do_not_hold(text, message):
    with pytest.raises(ConfigError, match=message):
        parse(text)


def test_a_config_takes_spans_as_numbers():
    config = parse('{"span": 12, "exclude": [3, "2013-02"]}')
    assert (config.span, config.exclude) == ("12", ("3", "2013-02"))
