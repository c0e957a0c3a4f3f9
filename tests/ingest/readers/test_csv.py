import codecs
import traceback

import pytest

from ingest.data import everything, forty, table, told
from plimsoll.errors import DataError

PLAIN = forty()
FINISHED = {
    "a": sorted(n / 2 for n in range(40)),
    "y": sorted(n % 2 for n in range(40)),
    "b": sorted("uvw"[n % 3] for n in range(40)),
}


def as_sets(result):
    return {name: sorted(values) for name, values in everything(result).items()}


def types(result):
    return {column.name: column.type for column in result.dataset.columns}


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (PLAIN.encode(), ""),
        (codecs.BOM_UTF8 + PLAIN.encode(), ""),
        (PLAIN.encode("utf-16"), "not UTF-8: read as UTF-16"),
        (PLAIN.encode("utf-32"), "not UTF-8: read as UTF-32"),
        (PLAIN.replace("\n", "\r\n").encode(), ""),
        (PLAIN.replace("\n", "\r").encode(), ""),
        (PLAIN.rstrip("\n").encode(), ""),
        (("\n\n" + PLAIN).encode(), ""),
        (PLAIN.replace("u\n", "u\n\n").encode(), ""),
        (PLAIN.replace(",", ";").encode(), "separated by semicolon"),
        (PLAIN.replace(",", "\t").encode(), "separated by tab"),
        (PLAIN.replace(",", "|").encode(), "separated by bar"),
        (PLAIN.replace("a,b,y", " a,\tb ,y").encode(), "spaces around column names are stripped"),
        (PLAIN.replace(",", ", ").encode(), "spaces around column names are stripped"),
        (PLAIN.replace("a,b,y", '"a","b","y"').encode(), ""),
    ],
)
def test_one_table_however_it_is_written(write, run, content, note):
    result = run(write(content))
    assert as_sets(result) == FINISHED
    assert types(result) == {"a": "float", "b": "string", "y": "int"}
    assert told(result, note)
    assert not note or sum("data.csv" in item for item in result.dataset.inferred) == 1


def test_bytes_that_are_no_utf8_are_read_as_windows_1252(write, run):
    result = run(write(PLAIN.replace("u", "é").replace("v", "€").encode("cp1252")))
    assert told(result, "data.csv: not UTF-8: read as Windows-1252")
    assert set(everything(result)["b"]) == {"é", "€", "w"}


def test_a_byte_that_windows_1252_lacks_is_read_as_latin_1(write, run):
    result = run(write(PLAIN.encode().replace(b"u", b"\xe9\x81")))
    assert told(result, "not UTF-8: read as Latin-1")
    assert "é\x81" in everything(result)["b"]


def test_utf8_cut_inside_a_character_is_not_utf8(write, run):
    content = forty(row="{half},é{letter},{bit}").encode().rstrip(b"\n") + b"\n1,\xc3"
    with pytest.raises(DataError, match="line 42: 3 fields expected, 2 found"):
        run(write(content))


def test_delimiters_inside_quotes_do_not_count(write, run):
    result = run(write(forty(row='{n},"p;q;r;s {letter}, {letter}",{bit}')))
    assert everything(result)["b"][0].startswith("p;q;r;s ")


def test_a_quoted_line_break_is_part_of_its_field(write, run):
    result = run(write(forty(row='{n},"{letter}\n{letter}",{bit}')))
    assert set(everything(result)["b"]) == {"u\nu", "v\nv", "w\nw"}


@pytest.mark.parametrize("bad", ["1,2", "1,2,3,4", "1"])
@pytest.mark.parametrize("place", [0, 1, 17, 39])
def test_a_row_of_another_length_is_named_by_its_line(write, run, bad, place):
    lines = PLAIN.splitlines()
    lines.insert(1 + place, bad)
    with pytest.raises(DataError) as caught:
        run(write("\n".join(lines)))
    found = bad.count(",") + 1
    assert str(caught.value).startswith(
        f"data.csv line {place + 2}: 3 fields expected, {found} found"
    )


def test_lines_count_through_quoted_line_breaks_and_blank_lines(write, run):
    rows = ['1,"two\nlines",0', "", "2,v,1", "3,w"]
    with pytest.raises(DataError, match=r"data.csv line 6: 3 fields expected, 2 found"):
        run(write(table("a,b,y", rows)))


def test_how_many_rows_are_wrong_is_told(write, run):
    with pytest.raises(DataError) as caught:
        run(write(PLAIN + "1\n2\n3\n"))
    assert "2 more rows are wrong too" in caught.value.cause


def test_an_error_for_a_row_does_not_quote_the_row(write, run):
    # Spelled otherwise in the source, which a traceback quotes too.
    secret = "7" * 9
    with pytest.raises(DataError) as caught:
        run(write(f"{PLAIN}{secret},1\n"), problem="{label: y, private: [a]}")
    assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("place", [1, 20, 40])
def test_a_quote_that_stays_open_is_named_by_its_line(write, run, place):
    lines = PLAIN.splitlines()
    lines[place] = lines[place].replace(",", ',"', 1)
    with pytest.raises(DataError, match=f"starts at line {place + 1} opens a quote"):
        run(write("\n".join(lines) + "\n"))


def test_a_lone_quote_inside_a_field_is_text(write, run):
    result = run(write(PLAIN.replace("u", '5" pipe', 1)))
    assert '5" pipe' in everything(result)["b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv is empty"),
        (b"\n \n\n", "data.csv is empty"),
        (codecs.BOM_UTF8, "data.csv is empty"),
        (b"a,b,y", "data.csv has a header but no rows"),
        (b"a,b,y\n", "data.csv has a header but no rows"),
        (b"a,b,y\n\n\n", "data.csv has a header but no rows"),
        (b"a,b\0,y\n1,2,3\n", "data.csv is not text: it holds NUL bytes"),
        (b"\x1f\x8b\x08\x00", "data.csv is not a whole gzip archive"),
        (b"PK\x03\x04" + b"x" * 50, "data.csv is not a whole zip archive"),
        (b"\xff\xfea", "header of data.csv cannot be read"),
    ],
)
def test_what_holds_no_rows_is_refused(write, run, tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        run(write(content))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("header", ["a,a,y", "a, a,y", '"a",a,y'])
def test_two_columns_of_one_name_are_refused(write, run, header):
    with pytest.raises(DataError, match="two columns of one name: 'a'") as caught:
        run(write(forty(header)))
    assert "columns 1, 2" in caught.value.cause


def test_a_column_without_a_name_gets_one_and_an_index_is_dropped(write, run):
    result = run(write(forty(",b,y", "{n},{letter},{bit}")))
    assert told(result, "columns without a name are called unnamed_1")
    assert result.dataset.problem.drop == ("unnamed_1",)


def test_a_delimiter_at_the_end_of_each_line_makes_no_feature(write, run):
    result = run(write(PLAIN.replace("\n", ",\n")))
    assert told(result, "dropped, no values: unnamed_4")
    assert [column.name for column in result.dataset.feature_columns()] == ["a", "b"]


def test_a_header_that_is_a_row_is_told(write, run):
    result = run(write(forty("1,2,3")), label="3")
    assert told(result, "the first line looks like data")


def test_missing_values_in_numbers_and_in_text(write, run):
    lines = PLAIN.splitlines()
    for place, word in enumerate(["", "NA", "N/A", "null", "NaN", "nan", '""', " NA "], start=1):
        fields = lines[place].split(",")
        lines[place] = f"{word},{word},{fields[2]}"
    found = everything(run(write("\n".join(lines))))
    assert found["a"].count(None) == 8
    assert found["b"].count(None) == 8
    assert {type(value) for value in found["a"]} == {float, type(None)}


def test_a_column_may_turn_to_text_a_long_way_down(write, run):
    rows = [f"{n if n < 500_000 else 'x'},{n % 7},{n % 2}" for n in range(500_010)]
    result = run(write(table("a,b,y", rows)))
    assert types(result)["a"] == "string"
    assert told(result, "column a: text, because 10 values are no numbers, such as 'x'")


@pytest.mark.parametrize("digits", ["123", "123456", "123456789"])
@pytest.mark.parametrize("zone", ["", "Z"])
@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_year_far_away_is_kept_beside_fractions_of_a_second(write, run, digits, zone, year):
    dates = [f"{year if n % 4 else 2013}-12-31 23:59:59.{digits}{zone}" for n in range(40)]
    found = everything(
        run(write(table("t,a,y", [f"{t},{n},{n % 2}" for n, t in enumerate(dates)])))
    )
    assert {str(moment) for moment in found["t"]} == {
        f"{each}-12-31 23:59:59.{digits[:6]:0<6}" for each in (year, 2013)
    }


def test_a_row_longer_than_a_block_is_refused_by_name(write, run):
    with pytest.raises(DataError, match=r"data.csv cannot be read as CSV"):
        run(write(forty() + '1,"' + "x" * 40_000_000 + '",0\n' + forty().partition("\n")[2]))
