# ruff: noqa: DTZ001 - a dataset's timestamps are in UTC and carry no zone

import collections
import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.data import everything, forty, table, told
from plimsoll.errors import ConfigError, DataError
from plimsoll.ingest.rows.batch_store import BatchStore
from plimsoll.ingest.rows.row_hashes import hashes_of_keys, hashes_of_rows
from plimsoll.ingest.rows.rows import Rows
from plimsoll.ingest.split.by_hash import EVAL, REPEATED_SHARE, TEST, TRAIN, dealt, rehash_repeated
from plimsoll.ingest.split.by_time import boundaries, by_time
from plimsoll.problem import Problem, Split

START = datetime.datetime(2013, 1, 1)


def sizes(result):
    return tuple(result.dataset.rows(split) for split in ("train", "eval", "test"))


def timed(per_day, days=10, cell="{day:%Y-%m-%d}"):
    """Returns CSV text with some rows a day, the days in no order."""
    rows = [
        cell.format(day=START + datetime.timedelta(days=(7 * n) % days)) + f",{n / 9:.3f},{n % 2}"
        for n in range(per_day * days)
    ]
    return table("t,a,y", rows)


def kept(columns):
    """Returns rows of the columns, kept in memory."""
    store = BatchStore(Path("nowhere"))
    store.append(pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns)))
    store.finish()
    types = {name: column.type for name, column in columns.items()}
    read = len(next(iter(columns.values())))
    return Rows(store=store, types=types, conversions={}, starts=(("f", 0),), read=read)


def by_split(result, column):
    return {
        split: result.dataset.read(split)[column].to_pylist() for split in result.dataset.splits
    }


class TestTime:
    def test_train_is_before_eval_and_eval_before_test(self, write, run):
        result = run(write(timed(10)), problem="{label: y, time: t}")
        times = by_split(result, "t")
        assert max(times["train"]) < min(times["eval"])
        assert max(times["eval"]) < min(times["test"])
        assert sizes(result) == (80, 10, 10)
        split = result.dataset.problem.split
        assert (split.by, split.eval_from, split.test_from) == (
            "time",
            "2013-01-09T00:00:00",
            "2013-01-10T00:00:00",
        )
        assert told(result, "eval from 2013-01-09T00:00:00, test from 2013-01-10T00:00:00")

    def test_boundaries_given_are_the_first_moments(self, write, run):
        problem = "{label: y, time: t, split: {eval_from: 2013-01-04, test_from: 2013-01-09}}"
        assert sizes(run(write(timed(10)), problem=problem)) == (30, 50, 20)

    @given(
        st.lists(st.integers(0, 12), min_size=3, max_size=60),
        st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9)),
    )
    def test_no_moment_is_parted_and_no_split_is_empty(self, days, shares):
        if len(set(days)) < 3:
            days = [*days, 20, 21, 22]
        total = sum(shares) + 0.1
        fractions = (shares[0] / total, shares[1] / total, 1 - (shares[0] + shares[1]) / total)
        values = pa.array(days).cast(pa.timestamp("us"))
        rows = kept({"t": values})
        problem = Problem(label="y", time="t", split=Split(fractions=fractions))
        starts, _ = boundaries(rows, problem, len(days))
        assigned = by_time(values, starts)
        assert set(assigned.tolist()) == {0, 1, 2}
        of_moment = collections.defaultdict(set)
        for day, split in zip(days, assigned.tolist(), strict=True):
            of_moment[day].add(split)
        assert all(len(splits) == 1 for splits in of_moment.values())
        ordered = [split for _, split in sorted(zip(days, assigned.tolist(), strict=True))]
        assert ordered == sorted(ordered)

    @pytest.mark.parametrize(
        ("split", "empty"),
        [
            ("{eval_from: 2012-01-01, test_from: 2013-01-05}", "train"),
            ("{eval_from: 2013-01-05, test_from: 2013-01-05T12:00}", ""),
            ("{eval_from: 2013-01-05T06:00, test_from: 2013-01-05T12:00}", "eval"),
            ("{eval_from: 2013-01-05, test_from: 2014-01-01}", "test"),
            ("{eval_from: 2014-01-01, test_from: 2015-01-01}", "eval and test"),
        ],
    )
    def test_an_empty_side_is_named_with_what_there_is(self, write, run, tmp_path, split, empty):
        problem = f"{{label: y, time: t, split: {split}}}"
        if not empty:
            assert min(sizes(run(write(timed(10)), problem=problem))) == 10
            return
        with pytest.raises(DataError, match=f"the split leaves {empty} empty") as caught:
            run(write(timed(10)), problem=problem)
        assert "t goes from 2013-01-01 00:00:00 to 2013-01-10 00:00:00" in caught.value.cause
        assert not (tmp_path / "out").exists()

    def test_two_moments_are_too_few(self, write, run):
        with pytest.raises(DataError, match="has 2 different moments"):
            run(write(timed(20, days=2)), problem="{label: y, time: t}")

    @pytest.mark.parametrize(("cell", "row"), [("2013-02-30", 18), ("soon", 1), ("5.6.2013", 40)])
    def test_a_time_that_does_not_parse_is_named_with_its_row(self, write, run, cell, row):
        lines = timed(4).splitlines()
        lines[row] = cell + lines[row][10:]
        with pytest.raises(DataError, match="the time column 't' does not parse") as caught:
            run(write("\n".join(lines)), problem="{label: y, time: t}")
        assert f"data.csv row {row}: '{cell}'" in caught.value.cause
        assert "1 of 40 values" in caught.value.cause

    def test_the_row_is_counted_in_its_own_file(self, write, run):
        write(timed(4), "in/1.csv")
        bad = timed(4).splitlines()
        bad[3] = "never,1,1"
        folder = write("\n".join(bad), "in/2.csv").parent
        with pytest.raises(DataError) as caught:
            run(folder, problem="{label: y, time: t}")
        assert "2.csv row 3: 'never'" in caught.value.cause

    def test_rows_without_a_time_are_left_out_and_counted(self, write, run):
        lines = timed(10).splitlines()
        lines[4] = lines[4][10:]
        result = run(write("\n".join(lines)), problem="{label: y, time: t}")
        assert told(result, "1 of 100 rows have no t: left out")
        assert sum(sizes(result)) == 99
        with_hash = run(write("\n".join(lines)), problem="{label: y, time: t, split: {by: hash}}")
        assert sum(sizes(with_hash)) == 100

    def test_numbers_may_stand_for_times(self, write, run):
        path = write(timed(10, cell="{day:%Y%m%d}"))
        result = run(path, problem="{label: y, time: t}")
        assert sizes(result) == (80, 10, 10)
        problem = "{label: y, time: t, split: {eval_from: 2013-01-04, test_from: 2013-01-09}}"
        with pytest.raises(DataError, match="holds numbers, not times"):
            run(path, problem=problem)

    def test_true_and_false_are_no_times(self, write, run):
        rows = [f"{'true' if n % 3 else 'false'},{n},{n % 2}" for n in range(40)]
        with pytest.raises(DataError, match="true and false, not times"):
            run(write(table("t,a,y", rows)), problem="{label: y, time: t}")

    def test_a_split_by_time_needs_a_time_column(self, write, run):
        with pytest.raises(ConfigError, match="needs a time column"):
            run(write(forty()), problem="{label: y, split: {by: time}}")

    def test_keys_in_more_than_one_split_are_told(self, write, run):
        rows = [
            f"{START + datetime.timedelta(days=n % 10)},{n // 10},{n % 7},{n % 2}"
            for n in range(100)
        ]
        result = run(write(table("t,k,a,y", rows)), problem="{label: y, time: t, keys: [k]}")
        assert told(result, "10 of 10 keys stand in more than one split")

    def test_classes_that_train_never_saw_are_left_out_and_told(self, write, run):
        rows = [
            f"{START + datetime.timedelta(days=n)},{n % 7},{'uvw'[n % 3] if n < 97 else 'new'}"
            for n in range(100)
        ]
        result = run(write(table("t,a,y", rows)), problem="{label: y, time: t}")
        assert told(result, "3 rows of classes that are never in train are left out: new")
        assert sizes(result) == (80, 10, 7)

    def test_one_class_in_train_is_refused(self, write, run):
        rows = [f"{START + datetime.timedelta(days=n)},{n % 7},{int(n > 85)}" for n in range(100)]
        with pytest.raises(DataError, match="training split holds one class"):
            run(write(table("t,a,y", rows)), problem="{label: y, time: t}")


class TestKeys:
    ROWS = tuple(f"k{n // 4},{n % 5},{n / 9:.3f},{n % 2}" for n in range(2000))
    PROBLEM = "{label: y, keys: [k]}"

    def test_a_key_has_one_split_now_and_with_more_rows(self, write, run):
        first = by_split(run(write(table("k,l,a,y", self.ROWS[:1000])), problem=self.PROBLEM), "k")
        more = by_split(run(write(table("k,l,a,y", self.ROWS[::-1])), problem=self.PROBLEM), "k")
        home = {key: split for split, keys in more.items() for key in keys}
        assert sum(len(set(keys)) for keys in more.values()) == len(home) == 500
        assert all(home[key] == split for split, keys in first.items() for key in keys)
        assert [len(more[split]) for split in ("train", "eval", "test")] == pytest.approx(
            [1600, 200, 200], abs=80
        )

    def test_keys_are_no_features(self, write, run):
        result = run(write(table("k,l,a,y", self.ROWS)), problem=self.PROBLEM)
        assert [column.name for column in result.dataset.feature_columns()] == ["l", "a"]

    def test_several_columns_are_one_key(self, write, run):
        path = write(table("k,l,a,y", self.ROWS))
        result = run(path, problem="{label: y, keys: [k, l]}")
        pairs = collections.defaultdict(set)
        for split in result.dataset.splits:
            rows = result.dataset.read(split)
            for pair in zip(rows["k"].to_pylist(), rows["l"].to_pylist(), strict=True):
                pairs[pair].add(split)
        assert all(len(splits) == 1 for splits in pairs.values())
        alone = collections.defaultdict(set)
        for (key, _), splits in pairs.items():
            alone[key] |= splits
        assert any(len(splits) > 1 for splits in alone.values())

    @pytest.mark.parametrize("place", [0, 30])
    def test_a_missing_key_is_refused_with_its_row(self, write, run, place):
        rows = list(self.ROWS[:100])
        rows[place] = "," + rows[place].partition(",")[2]
        with pytest.raises(DataError, match="'k' is missing in 1 of 100 rows") as caught:
            run(write(table("k,l,a,y", rows)), problem=self.PROBLEM)
        assert f"data.csv row {place + 1}" in caught.value.cause

    def test_a_key_of_fractions_is_refused(self, write, run):
        with pytest.raises(DataError, match="the key column 'a' holds fractions"):
            run(write(table("k,l,a,y", self.ROWS)), problem="{label: y, keys: [a]}")

    def test_too_few_keys_leave_a_side_empty(self, write, run):
        with pytest.raises(DataError, match=r"the split leaves .* empty") as caught:
            run(write(forty("k,b,y", "{bit},{letter},{bit}")), problem=self.PROBLEM)
        assert "there are 2 different keys" in caught.value.cause

    def test_the_hash_is_sha256_of_the_text(self):
        import hashlib

        keys = pa.chunked_array([["a", "b"], ["a"]])
        expected = [int(hashlib.sha256(key).hexdigest()[:16], 16) for key in (b"a", b"b", b"a")]
        assert hashes_of_keys([keys]).tolist() == expected


class TestContent:
    def test_each_class_has_its_share(self, write, run):
        rows = [f"{n / 7:.3f},{n},{'rare' if n % 20 == 0 else 'common'}" for n in range(1000)]
        result = run(write(table("a,b,y", rows)))
        assert sizes(result) == (800, 100, 100)
        assert [by_split(result, "y")[s].count("rare") for s in ("train", "eval", "test")] == [
            40,
            5,
            5,
        ]

    def test_the_order_of_rows_does_not_matter(self, write, run):
        lines = forty().splitlines()
        first = by_split(run(write(forty())), "a")
        turned = by_split(run(write("\n".join([lines[0], *lines[:0:-1]]))), "a")
        assert {name: set(values) for name, values in first.items()} == {
            name: set(values) for name, values in turned.items()
        }
        assert first["train"] == sorted(first["train"])

    def test_equal_rows_stay_together(self, write, run):
        rows = [f"{n // 2 / 7:.3f},{n // 2},{n // 2 % 2}" for n in range(1000)]
        values = by_split(run(write(table("a,b,y", rows))), "b")
        homes = [set(keys) for keys in values.values()]
        assert sum(map(len, homes)) == len(set().union(*homes)) == 500

    def test_where_most_rows_are_equal_they_are_dealt_out(self, write, run):
        rows = [f"{n % 3},{n % 2},{n % 2}" for n in range(600)]
        result = run(write(table("a,b,y", rows).replace(",0,0", ",0,1", 40)))
        assert told(result, "equal rows stand in more than one split")
        assert sizes(result) == (480, 60, 60)

    def test_fractions_are_kept(self, write, run):
        rows = [f"{n / 7:.3f},{n},{n % 2}" for n in range(1000)]
        problem = "{label: y, split: {fractions: {train: 0.5, eval: 0.2, test: 0.3}}}"
        assert sizes(run(write(table("a,b,y", rows)), problem=problem)) == (500, 200, 300)

    @given(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), min_size=10, max_size=120),
        st.tuples(st.floats(0.01, 0.98), st.floats(0.01, 0.98)),
    )
    def test_every_class_is_in_train_and_no_split_is_empty(self, rows, shares):
        total = sum(shares) + 0.01
        fractions = (shares[0] / total, shares[1] / total, 0.01 / total)
        features = pa.table({"a": [a for a, _ in rows], "y": [y for _, y in rows]})
        codes = np.unique([y for _, y in rows], return_inverse=True)[1]
        hashes = hashes_of_rows(features)
        together = len(set(rows)) >= REPEATED_SHARE * len(rows)
        assigned = dealt(hashes if together else rehash_repeated(hashes), codes, fractions)
        largest = np.bincount(codes).argmax()
        assert set(codes[assigned == TRAIN]) == set(codes)
        if (
            not together
            or len({a for a, y in rows if y == sorted({y for _, y in rows})[largest]}) > 2
        ):
            assert (assigned == EVAL).any()
            assert (assigned == TEST).any()
        if together:
            homes = collections.defaultdict(set)
            for row, split in zip(rows, assigned.tolist(), strict=True):
                homes[row].add(split)
            assert all(len(splits) == 1 for splits in homes.values())


class TestStratified:
    def test_each_stratum_has_its_share(self, write, run):
        rows = [
            f"{n / 7:.3f},{'small' if n % 25 == 0 else 'large'},{'uv'[n % 3 == 0]},{n % 2}"
            for n in range(2000)
        ]
        problem = "{label: y, split: {by: stratified, stratify: [size, b]}}"
        result = run(write(table("a,size,b,y", rows)), problem=problem)
        assert told(result, "split by strata of size and b: train 1,600, eval 200, test 200")
        strata = collections.Counter()
        for split in result.dataset.splits:
            found = result.dataset.read(split)
            strata.update(
                (split, *pair)
                for pair in zip(found["size"].to_pylist(), found["b"].to_pylist(), strict=True)
            )
        for size, letter in (("small", "u"), ("small", "v"), ("large", "u"), ("large", "v")):
            train, evaluated, test = (
                strata[split, size, letter] for split in ("train", "eval", "test")
            )
            total = train + evaluated + test
            assert (train, evaluated, test) == pytest.approx(
                (0.8 * total, 0.1 * total, 0.1 * total), abs=1
            )
        assert result.dataset.problem.split.stratify == ("size", "b")

    def test_a_numeric_label_is_cut_into_ranges(self, write, run):
        rows = [f"{n % 11},{'uvw'[n % 3]},{n * n / 7:.2f}" for n in range(1000)]
        result = run(write(table("a,b,y", rows)), problem="{label: y, split: {by: stratified}}")
        assert told(result, "split by strata of y")
        bounds = np.quantile([n * n / 7 for n in range(1000)], np.arange(1, 10) / 10)
        for split, rows_of_range in (("eval", 10), ("test", 10)):
            values = by_split(result, "y")[split]
            counts = np.bincount(np.searchsorted(bounds, values), minlength=10)
            assert counts.tolist() == pytest.approx([rows_of_range] * 10, abs=1)

    def test_a_missing_value_is_a_stratum(self, write, run):
        rows = [f"{n / 7:.3f},{'' if n % 2 else 'k'},{n % 3 % 2}" for n in range(200)]
        problem = "{label: y, split: {by: stratified, stratify: [s]}}"
        values = by_split(run(write(table("a,s,y", rows)), problem=problem), "s")
        assert [values[split].count(None) for split in ("train", "eval", "test")] == [80, 10, 10]

    def test_no_key_is_in_two_splits(self, write, run):
        rows = [f"k{n // 4},{n / 9:.3f},{'uv'[n // 4 % 10 == 0]},{n % 2}" for n in range(2000)]
        problem = "{label: y, keys: [k], split: {by: stratified, stratify: [b]}}"
        result = run(write(table("k,a,b,y", rows)), problem=problem)
        assert told(result, "split by strata of b, no k in two: train 1,600, eval 200, test 200")
        homes = [set(keys) for keys in by_split(result, "k").values()]
        assert sum(map(len, homes)) == len(set().union(*homes)) == 500
        rare = by_split(result, "b")
        assert [rare[split].count("v") for split in ("train", "eval", "test")] == [160, 20, 20]

    def test_a_key_of_several_strata_stays_whole(self, write, run):
        rows = [f"k{n // 4},{n / 9:.3f},{'uvw'[n % 3]},{n % 2}" for n in range(2000)]
        problem = "{label: y, keys: [k], split: {by: stratified, stratify: [b]}}"
        values = by_split(run(write(table("k,a,b,y", rows)), problem=problem), "k")
        homes = [set(keys) for keys in values.values()]
        assert sum(map(len, homes)) == len(set().union(*homes)) == 500

    def test_too_many_texts_are_no_strata(self, write, run):
        rows = [f"{n / 7:.3f},k{n},{n % 2}" for n in range(1100)]
        with pytest.raises(DataError, match="has 1,100 different values, which is too many"):
            run(
                write(table("a,s,y", rows)),
                problem="{label: y, split: {by: stratified, stratify: [s]}}",
            )

    def test_a_column_that_is_not_there_is_refused(self, write, run):
        with pytest.raises(DataError, match=r"column 'c', named as split.stratify, is not in"):
            run(write(forty()), problem="{label: y, split: {by: stratified, stratify: [c]}}")

    @pytest.mark.parametrize(
        "split",
        ["{by: hash, stratify: [b]}", "{stratify: [b]}", "{by: stratify}",
         "{by: stratified, eval_from: 2013-01-01, test_from: 2013-02-01}"],
    )  # fmt: skip
    def test_what_does_not_hold_is_refused(self, write, run, split):
        with pytest.raises(ConfigError, match=r"split\.(stratify|by|eval_from)"):
            run(write(forty()), problem=f"{{label: y, split: {split}}}")

    def test_private_strata_divide_and_are_not_kept(self, write, run):
        rows = [f"{n / 7:.3f},XYZZY{n % 2},{n % 3 % 2}" for n in range(200)]
        problem = "{label: y, private: [s], split: {by: stratified, stratify: [s]}}"
        result = run(write(table("a,s,y", rows)), problem=problem)
        assert result.dataset.column_names() == ("a", "y")
        assert "XYZZY" not in str(result.metadata())


VALUES = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "string": st.text(max_size=5),
    "timestamp": st.datetimes(),
}


@given(st.data())
def test_equal_rows_have_equal_hashes_and_others_do_not(data):
    from plimsoll.formats.dataset import ARROW_TYPES

    kinds = data.draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=3))
    cell = [st.none() | VALUES[kind] for kind in kinds]
    rows = data.draw(st.lists(st.tuples(*cell), min_size=2, max_size=20))
    columns = [
        pa.array([row[place] for row in rows], ARROW_TYPES[kind])
        for place, kind in enumerate(kinds)
    ]
    whole = pa.Table.from_arrays(columns, [str(n) for n in range(len(kinds))])
    cut = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    hashes = hashes_of_rows(whole)
    assert hashes.tolist() == hashes_of_rows(cut).tolist()
    assert len(set(hashes.tolist())) == len(set(rows))


def test_hashes_do_not_change_between_versions():
    rows = pa.table({"a": [1, None], "b": [0.5, -0.0], "c": ["x", None], "d": [True, None]})
    assert hashes_of_rows(rows).tolist() == [12857495604815621171, 6973517504557014309]


def test_a_split_is_the_same_through_any_file_format(write, run, tmp_path):
    import pyarrow.parquet as pq

    csv = run(write(forty()))
    values = {name: everything(csv)[name] for name in ("a", "b", "y")}
    homes = by_split(csv, "a")
    pq.write_table(pa.table(values), tmp_path / "again.parquet")
    again = by_split(run(tmp_path / "again.parquet"), "a")
    assert {name: set(rows) for name, rows in homes.items()} == {
        name: set(rows) for name, rows in again.items()
    }
