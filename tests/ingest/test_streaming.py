"""What streams: texts cut into blocks, rows on the disk between passes, splits of many rows."""

import csv
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.data import everything, forty, table, told
from plimsoll.errors import DataError
from plimsoll.ingest.core import ingest
from plimsoll.ingest.readers import csv_blocks, csv_files, text_streams
from plimsoll.ingest.rows import batch_store as store
from plimsoll.ingest.rows import sidecar
from plimsoll.ingest.split import by_content as content_split
from plimsoll.ingest.split import cut_points as moments
from plimsoll.ingest.split.key_overlap import KeySpread
from plimsoll.statistics.distinct import Distinct
from plimsoll.statistics.hashing import mixed
from plimsoll.storage.files import digest_tree

FIELD = st.text(st.sampled_from('ab",;\n é'), max_size=6)


def written(rows, quoting, end):
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=quoting, lineterminator=end).writerows(rows)
    return stream.getvalue()


def cut(text, size):
    """Returns what comes of a text's bytes in chunks of a size, as blocks."""
    data = text.encode()
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return list(csv_blocks.row_blocks(chunks, ",", "f.csv"))


class TestBlocks:
    @given(
        st.lists(st.lists(FIELD, min_size=2, max_size=3), min_size=1, max_size=12),
        st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        st.sampled_from(["\n", "\r\n"]),
        st.integers(1, 40),
    )
    def test_each_block_holds_whole_rows_and_no_byte_is_lost(self, rows, quoting, end, size):
        text = written(rows, quoting, end)
        found = cut(text, size)
        assert b"".join(found) == text.encode()
        read = [
            row for block in found for row in csv.reader(io.StringIO(block.decode(), newline=""))
        ]
        assert read == rows

    @pytest.mark.parametrize("size", [1, 3, 7, 50])
    @pytest.mark.parametrize(
        "rows",
        [
            ['5" pipe,b', "c,d"],
            ['a,5" or 6" pipe', '"x\n",y', "c,d"],
            ['a, "b', "c,d"],
            ['"a"b"c,d', "e,f"],
            ['"a ""quoted"" word\n",b', "c,d"],
            ['"","",', '"\n"'],
        ],
    )
    def test_quotes_inside_fields_are_letters(self, rows, size):
        text = "".join(row + "\n" for row in rows)
        ends = {len("".join(row + "\n" for row in rows[:n]).encode()) for n in range(len(rows) + 1)}
        place = 0
        for block in cut(text, size):
            place += len(block)
            assert place in ends
        assert place == len(text.encode())

    def test_rows_that_end_in_carriage_returns_are_cut_between_them(self):
        assert [len(block) for block in cut("a,b\rc,d\re,f\r", 6)] == [4, 4, 4]

    def test_a_row_longer_than_a_block_is_refused(self, monkeypatch):
        monkeypatch.setattr(text_streams, "BLOCK_BYTES", 100)
        with pytest.raises(DataError, match=r"f.csv cannot be read as CSV"):
            cut('"' + "x" * 300 + '",1\n', 50)


ODD = [
    f'{n if n < 30 else "x"},{n / 4},{"2013-02-1" + str(n % 9 + 1)},"q\n{n % 3}",{n % 2}'
    for n in range(60)
]


@pytest.mark.parametrize("size", [60, 200, 777])
def test_however_small_the_blocks_it_is_the_same_dataset(write, run, monkeypatch, size):
    data = write(table("t,f,d,q,y", ODD))
    whole = run(data).dataset
    monkeypatch.setattr(text_streams, "BLOCK_BYTES", size)
    again = run(data).dataset
    assert again == whole
    assert again.type_of("t") == "string"


MORE_CELLS = st.sampled_from(
    ["", "0", "1", "true", "False", "7", "007", "-2.5", "x", " 5", "12:30", "2013-02-14",
     "2013-02-14T06:00:00Z", "2013-02-14 06:00", "9" * 25, "?", '"a,\nb"', "inf"]
)  # fmt: skip


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(MORE_CELLS, MORE_CELLS), min_size=12, max_size=30), st.integers(90, 300))
def test_types_do_not_depend_on_where_blocks_end(tmp_path, rows, size):
    lines = [f"{a},{b},{n / 7:.3f},{'pqr'[n % 3]}" for n, (a, b) in enumerate(rows)]
    path = tmp_path / "data.csv"
    path.write_text(table("a,b,n,y", lines), "utf-8")
    whole = ingest(str(path), "y", "", tmp_path / "whole").dataset
    real, text_streams.BLOCK_BYTES = text_streams.BLOCK_BYTES, size
    try:
        parts = ingest(str(path), "y", "", tmp_path / "parts").dataset
    finally:
        text_streams.BLOCK_BYTES = real
    assert parts.columns == whole.columns
    assert parts.id == whole.id
    assert parts.inferred == whole.inferred


@pytest.mark.parametrize("first", ["", "3"])
def test_a_block_of_infinities_alone_is_of_numbers(write, run, monkeypatch, first):
    rows = [f"{first if n < 30 else 'inf'},{n / 7:.3f},{n % 2}" for n in range(60)]
    monkeypatch.setattr(text_streams, "BLOCK_BYTES", 100)
    result = run(write(table("a,n,y", rows)))
    assert result.dataset.type_of("a") == "float"
    assert told(result, "column a: 30 infinite values taken as missing")


def test_a_negative_zero_is_zero_in_whatever_block(write, run, monkeypatch):
    data = write(table("a,n,y", [f"{-0.5 if n > 50 else '-0'},{n / 7},{n % 2}" for n in range(60)]))
    whole = run(data).dataset
    monkeypatch.setattr(text_streams, "BLOCK_BYTES", 200)
    assert run(data).dataset == whole


@pytest.mark.parametrize("size", range(40, 50))
def test_a_quoted_line_break_is_kept_wherever_the_parsers_blocks_end(write, run, monkeypatch, size):
    rows = [f'"k\r\n{n % 3}",{n / 7:.3f},{n % 2}' for n in range(60)]
    monkeypatch.setattr(csv_files, "PARSED_AT_ONCE", size)
    found = everything(run(write(table("a,n,y", rows))))["a"]
    assert set(found) == {"k\r\n0", "k\r\n1", "k\r\n2"}


def test_where_texts_begin_among_numbers_is_told(write, run):
    rows = [f"{n if n != 45 else 'about 5'},{n / 4},{n % 2}" for n in range(60)]
    result = run(write(table("t,f,y", rows)))
    assert told(result, "such as 'about 5'; the first is at data.csv row 46")


def test_a_column_that_turns_to_text_in_shard_seven_is_text_in_all(write, run):
    for shard in range(1, 9):
        rows = [f"{n},00{n},{n % 2}" if shard < 7 or n < 3 else f"k{n},1,1" for n in range(9)]
        folder = write(table("t,z,y", rows), f"part/{shard}.csv").parent
    result = run(folder)
    assert result.dataset.type_of("t") == "string"
    assert told(
        result,
        "columns of different types in different files are text: t (first at 7.csv row 4)",
    ) or told(result, "the first is at 7.csv row 4")
    assert {"0", "8", "k8"} <= set(everything(result)["t"])


def test_rows_on_the_disk_make_the_same_dataset(write, run, monkeypatch):
    data = write(table("t,f,d,q,y", ODD))
    for problem in ("{label: y}", "{label: y, time: d}", "{label: y, keys: [t]}"):
        whole = run(data, problem=problem).dataset
        with monkeypatch.context() as small:
            small.setattr(store, "IN_MEMORY", 0)
            small.setattr(sidecar, "IN_MEMORY", 0)
            small.setattr(text_streams, "BLOCK_BYTES", 300)
            assert run(data, problem=problem).dataset == whole


class TestManyRows:
    """The bounds lowered, so that few rows are many."""

    def test_rows_beyond_count_go_by_their_hash_and_equal_ones_together(
        self, write, run, monkeypatch
    ):
        monkeypatch.setattr(content_split, "MOST_DEALT", 100)
        monkeypatch.setattr(content_split, "AT_ONCE", 999)
        rows = [f"{n // 2 / 7:.3f},{n // 2},{n // 2 % 2}" for n in range(8000)]
        result = run(write(table("a,b,y", rows)))
        values = {s: result.dataset.read(s)["b"].to_pylist() for s in result.dataset.splits}
        assert [len(values[split]) for split in ("train", "eval", "test")] == pytest.approx(
            [6400, 800, 800], abs=150
        )
        homes = [set(found) for found in values.values()]
        assert sum(map(len, homes)) == len(set().union(*homes)) == 4000

    def test_equal_rows_beyond_count_are_dealt_out(self, write, run, monkeypatch):
        monkeypatch.setattr(content_split, "MOST_DEALT", 100)
        rows = [f"{n % 3},{n % 2},{n % 5 % 2}" for n in range(3000)]
        result = run(write(table("a,b,y", rows)))
        assert told(result, "equal rows stand in more than one split")
        sizes = [result.dataset.rows(split) for split in ("train", "eval", "test")]
        assert sizes == pytest.approx([2400, 300, 300], abs=100)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 9), min_size=3, max_size=200),
        st.floats(0.05, 0.9),
        st.floats(0.01, 0.99),
    )
    def test_the_moments_that_part_are_those_of_an_exact_count(self, numbers, low, rest):
        values = np.asarray(numbers, dtype=np.int64)
        targets = [low * len(values), (low + (1 - low) * rest) * len(values)]
        exact, before = moments.candidates(lambda: [values], targets)
        most, moments.MOST = moments.MOST, 64
        try:
            parts = [values[start : start + 7] for start in range(0, len(values), 7)]
            found, counted = moments.candidates(lambda: parts, targets)
        finally:
            moments.MOST = most
        of = dict(zip(exact.tolist(), before.tolist(), strict=True))
        assert {place: of[place] for place in found.tolist()} == dict(
            zip(found.tolist(), counted.tolist(), strict=True)
        )
        for target in targets:
            nearest = np.abs(before - target).min()
            assert np.abs(counted - target).min() == nearest
        assert found[-1] == exact[-1]

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
    def test_places_stand_in_the_order_of_the_numbers(self, numbers):
        found = moments.ordinals(pa.array(numbers, pa.float64()))
        order = np.argsort(found, kind="stable")
        assert (np.diff(np.asarray(numbers)[order]) >= 0).all()
        assert len(np.unique(found)) == len(set(numbers))

    @given(st.lists(st.integers(0, 50), max_size=200))
    def test_different_values_are_counted_exactly_while_few(self, numbers):
        distinct = Distinct(64)
        for start in range(0, len(numbers), 9):
            distinct.add(mixed(np.asarray(numbers[start : start + 9], dtype=np.uint64)))
        assert distinct.count == len(set(numbers))
        assert distinct.share == (len(set(numbers)) / len(numbers) if numbers else 0)

    @pytest.mark.parametrize("times", [1, 4])
    def test_different_values_are_estimated_when_many(self, times):
        distinct = Distinct(4096)
        numbers = np.repeat(np.arange(300_000, dtype=np.uint64), times)
        for part in np.array_split(np.random.default_rng(0).permutation(numbers), 20):
            distinct.add(mixed(part))
        assert distinct.count == pytest.approx(300_000, rel=0.08)
        assert distinct.share == pytest.approx(1 / times)

    def test_keys_in_several_splits_are_counted_on_a_sample(self):
        spread = KeySpread(100)
        keys = mixed(np.arange(1000, dtype=np.uint64))
        spread.add(keys, np.zeros(1000, dtype=np.int8))
        spread.add(keys[::2], np.full(500, 2, dtype=np.int8))
        assert 30 <= spread.shared <= 70
        assert spread.text.endswith("of 100 sampled")


class TestDisk:
    def test_nothing_is_left_beside_the_dataset(self, write, tmp_path):
        ingest(str(write(forty())), "y", "", tmp_path / "made" / "out")
        assert [path.name for path in (tmp_path / "made").iterdir()] == ["out"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, DataError("no")])
    def test_nothing_is_left_when_it_is_stopped(self, write, tmp_path, monkeypatch, error):
        def stop(*_):
            raise error

        monkeypatch.setattr("plimsoll.ingest.core.check_unchanged", stop)
        with pytest.raises((KeyboardInterrupt, DataError)):
            ingest(str(write(forty())), "y", "", tmp_path / "made" / "out")
        assert list((tmp_path / "made").iterdir()) == []

    def test_what_a_killed_run_left_goes_with_the_next(self, write, tmp_path):
        data = write(forty())
        made = tmp_path / "made"
        program = """
            import sys, time
            from pathlib import Path
            from plimsoll.ingest import core
            core.check_unchanged = lambda found: (print("here", flush=True), time.sleep(60))
            core.ingest(sys.argv[1], "y", "", Path(sys.argv[2]))
        """
        running = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), str(data), str(made / "out")],
            stdout=subprocess.PIPE,
        )
        assert running.stdout.readline() == b"here\n"
        (left,) = made.iterdir()
        # A run beside it leaves its scratch alone.
        ingest(str(data), "y", "", made / "out")
        assert left.is_dir()
        running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdout.close()
        ingest(str(data), "y", "", made / "out")
        assert [path.name for path in made.iterdir()] == ["out"]

    def test_a_full_disk_is_told_and_nothing_is_left(self, write, tmp_path):
        data = write(table("a,b,y", [f"{n * 7919 % 100003},{n},{n % 2}" for n in range(30_000)]))
        program = """
            import resource, sys
            from pathlib import Path
            from plimsoll.ingest.rows import batch_store as store
            from plimsoll.ingest.core import ingest
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            store.IN_MEMORY = int(sys.argv[3])
            ingest(sys.argv[1], "y", "", Path(sys.argv[2]))
        """
        for in_memory in ("0", "1000000000"):
            out = tmp_path / "made" / "out"
            arguments = [sys.executable, "-c", textwrap.dedent(program), str(data), str(out)]
            ended = subprocess.run(
                [*arguments, in_memory], capture_output=True, text=True, check=False
            )
            assert "DataError: there is no room on the disk for out" in ended.stderr
            assert list(out.parent.iterdir()) == []

    @pytest.mark.parametrize("change", ["grow", "shrink", "replace"])
    def test_a_file_that_changes_while_it_is_read_is_refused(self, write, run, monkeypatch, change):
        path = write(forty())
        real = store.BatchStore.append

        def meanwhile(self, batch):
            content = forty()
            path.write_text(
                {"grow": content + "1,u,0\n", "shrink": content[:-60]}.get(
                    change, content.replace("u", "k")
                )
            )
            os.utime(path, ns=(time.time_ns(), time.time_ns()))
            real(self, batch)

        monkeypatch.setattr(store.BatchStore, "append", meanwhile)
        with pytest.raises(DataError, match=r"data.csv changed while it was read"):
            run(path)

    def test_an_older_dataset_stays_until_the_new_one_is_whole(self, write, run, tmp_path):
        run(write(forty()))
        before = digest_tree(tmp_path / "out")
        with pytest.raises(DataError):
            run(write(forty().replace("\n", ",9\n", 5)))
        assert digest_tree(tmp_path / "out") == before
        assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["in", "out"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path):
    line = "2013-{:02}-{:02} 06:00:00,{},{:.4f},{:.4f},city{},N{},{}\n".format
    peaks = []
    for rows in (400_000, 2_000_000):
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as file:
            file.write("t,i,f,g,city,tail,y\n")
            for n in range(rows):
                day = n * 7919
                file.write(
                    line(day % 12 + 1, day % 28 + 1, n, n / 7, day / 3, n % 90, day % 5000, n % 2)
                )
        program = """
            import resource, sys
            from pathlib import Path
            from plimsoll.ingest.split import by_content as content_split
            from plimsoll.ingest.rows import sidecar
            from plimsoll.ingest.rows import batch_store as store
            from plimsoll.ingest.readers import text_streams
            from plimsoll.ingest.core import ingest
            # Small beside the smaller file too, which else is not yet as much as is read ahead.
            text_streams.BLOCK_BYTES = 1 << 22
            content_split.MOST_DEALT = store.IN_MEMORY = sidecar.IN_MEMORY = 1 << 18
            ingest(sys.argv[1], "y", "", Path(sys.argv[2]))
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        """
        arguments = [sys.executable, "-c", textwrap.dedent(program), str(path)]
        ended = subprocess.run(
            [*arguments, str(tmp_path / "out")], capture_output=True, text=True, check=True
        )
        peaks.append(int(ended.stdout))
    assert peaks[1] < 1.2 * peaks[0]
