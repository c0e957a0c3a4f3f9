# ruff: noqa: DTZ001 - a dataset's timestamps are in UTC and carry no zone

import datetime
import traceback
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.data import everything, forty, told
from plimsoll.errors import DataError

ROWS = 40
LABEL = pa.array([n % 2 for n in range(ROWS)])


def parquet(tmp_path, name="data.parquet", **columns):
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    feature = pa.array([n / 3 for n in range(ROWS)])
    pq.write_table(pa.table({"n": feature, **columns, "y": LABEL}), path)
    return path


def repeated(*values, of=None):
    return pa.array([values[n % len(values)] for n in range(ROWS)], of)


UTC = datetime.UTC
DAY = datetime.datetime(2013, 5, 6)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (repeated(1, 2, None, of=pa.int8()), "int", {1, 2, None}),
        (repeated(1, 2**32 - 1, of=pa.uint32()), "int", {1, 2**32 - 1}),
        (repeated(1, 2**62, of=pa.uint64()), "int", {1, 2**62}),
        (repeated(1, 2**63, of=pa.uint64()), "float", {1.0, 2.0**63}),
        (repeated(0.5, 2.0, None, of=pa.float32()), "float", {0.5, 2.0, None}),
        (repeated(Decimal("1.25"), Decimal("-7.50"), None), "float", {1.25, -7.5, None}),
        (repeated(True, False, None), "bool", {True, False, None}),
        (repeated("a", "b", None, of=pa.large_string()), "string", {"a", "b", None}),
        (repeated("a", "b", None).dictionary_encode(), "string", {"a", "b", None}),
        (repeated(3, 4).dictionary_encode(), "int", {3, 4}),
        (repeated(DAY.date(), None), "timestamp", {DAY, None}),
        (repeated(DAY, None, of=pa.timestamp("ns")), "timestamp", {DAY, None}),
        (
            repeated(DAY.replace(tzinfo=UTC), None, of=pa.timestamp("ms", "America/New_York")),
            "timestamp",
            {DAY, None},
        ),
        (
            repeated(datetime.time(6, 30), datetime.time(7)),
            "string",
            {"06:30:00.000000", "07:00:00.000000"},
        ),
        (repeated(datetime.timedelta(seconds=90), None), "float", {90.0, None}),
        (repeated("5/6/2013", None), "timestamp", {DAY, None}),
    ],
)
def test_types_come_to_the_five_of_a_dataset(tmp_path, run, values, kind, expected):
    result = run(parquet(tmp_path, x=values))
    assert result.dataset.type_of("x") == kind
    assert set(everything(result)["x"]) == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (repeated([1, 2], None), "list<"),
        (repeated({"k": 1}), "struct<k: int64>"),
        (repeated(b"x", b"yy"), "binary"),
        (repeated(b"xx", of=pa.binary(2)), "fixed_size_binary[2]"),
    ],
)
def test_columns_that_are_no_plain_values_are_left_out_and_told(tmp_path, run, values, kind):
    result = run(parquet(tmp_path, x=values))
    assert result.dataset.column_names() == ("n", "y")
    assert told(result, f"data.parquet: column x is left out: it is of type {kind}")
    # A problem that drops it has nothing to complain about, one that needs it has.
    run(parquet(tmp_path, x=values), problem="{label: y, drop: [x]}")
    with pytest.raises(DataError, match="column 'x', named as slices, cannot be used"):
        run(parquet(tmp_path, x=values), problem="{label: y, slices: [x]}")


def test_csv_and_parquet_twins_are_the_same_dataset(tmp_path, run, write):
    csv = run(write(forty("a,b,y"))).dataset
    table = pa.table(
        {
            "a": pa.array([n / 2 for n in range(ROWS)], pa.float32()),
            "b": pa.array(["uvw"[n % 3] for n in range(ROWS)]).dictionary_encode(),
            "y": pa.array([n % 2 for n in range(ROWS)], pa.int8()),
        }
    )
    path = tmp_path / "twin.parquet"
    pq.write_table(table.replace_schema_metadata({"pandas": "{}"}), path, row_group_size=7)
    assert run(path).dataset.id == csv.id


def test_a_date_out_of_range_is_refused_by_column(tmp_path, run):
    far = repeated(2**62, of=pa.int64()).cast(pa.timestamp("ms"))
    with pytest.raises(DataError, match="column 'x' of type timestamp") as caught:
        run(parquet(tmp_path, x=far))
    # What Arrow says quotes the value, which may be private.
    assert str(2**62) not in "".join(traceback.format_exception(caught.value))


def test_a_time_beyond_the_calendar_is_refused_by_column(tmp_path, run):
    far = repeated(2**62, of=pa.int64()).cast(pa.timestamp("us"))
    with pytest.raises(DataError, match="column 'x' of type timestamp"):
        run(parquet(tmp_path, x=far))


@pytest.mark.parametrize("packed", [False, True])
def test_text_that_is_no_utf8_is_refused(tmp_path, run, packed):
    texts = repeated(b"\xff1", b"\xff2").view(pa.string())
    with pytest.raises(DataError, match=r"data.parquet is not a whole Parquet file") as caught:
        run(parquet(tmp_path, x=texts.dictionary_encode() if packed else texts))
    assert "UTF8" in caught.value.cause


def test_keys_beyond_an_integers_range_are_refused_for_that(tmp_path, run):
    keys = pa.array([2**63 + n for n in range(ROWS)], pa.uint64())
    with pytest.raises(DataError, match="key column 'k' holds fractions, or numbers"):
        run(parquet(tmp_path, k=keys), problem="label: y\nkeys: [k]")


@pytest.mark.parametrize("keep", [0, 3, 100, -1, -9])
def test_a_cut_off_file_is_refused_by_name(tmp_path, run, keep):
    path = parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"data.parquet is not a whole Parquet file"):
        run(path)
    assert not (tmp_path / "out").exists()


def test_a_parquet_file_is_known_by_its_content(tmp_path, run):
    path = parquet(tmp_path)
    assert run(path.rename(path.with_name("data.bin"))).dataset.rows("train") == 32


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path, run):
    path = parquet(tmp_path, "year=2013/data.parquet")
    result = run(path.parent.parent)
    assert result.dataset.column_names() == ("n", "y")
    assert told(result, "names of folders such as year=2013 are not read as columns")


def test_two_columns_of_one_name_are_refused(tmp_path, run):
    path = tmp_path / "twice.parquet"
    pq.write_table(pa.Table.from_arrays([LABEL, LABEL, LABEL], ["a", "a", "y"]), path)
    with pytest.raises(DataError, match="two columns of one name: 'a'"):
        run(path)


def test_parquet_files_of_clashing_types_are_refused_by_name(tmp_path, run):
    parquet(tmp_path, "1.parquet", x=repeated(1, 2))
    folder = parquet(tmp_path, "2.parquet", x=repeated("a", "b")).parent
    with pytest.raises(DataError, match=r"column 'x' is string in 2.parquet and int in 1.parquet"):
        run(folder)
