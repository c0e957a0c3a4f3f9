import itertools
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plimsoll.errors import ArtifactError, DataError
from plimsoll.formats import dataset as datasets
from plimsoll.formats import shards
from plimsoll.formats.dataset import open_dataset, write_batches, write_dataset
from plimsoll.problem import Problem
from plimsoll.storage.files import digest_tree

PROBLEM = Problem(label="y", drop=("d",), private=("p",), keys=("k",), time="t")


def rows(start, stop):
    numbers = range(start, stop)
    return pa.table(
        {
            "k": pa.array(numbers, pa.int64()),
            "f": pa.array([None if n % 5 == 0 else n / 2 for n in numbers], pa.float64()),
            "b": pa.array([None if n % 7 == 0 else n % 2 == 0 for n in numbers], pa.bool_()),
            "s": pa.array([None if n % 3 == 0 else f"é{n % 4}" for n in numbers], pa.string()),
            "t": pa.array([n * 10**9 for n in numbers], pa.timestamp("us")),
            "d": pa.array(["" for _ in numbers], pa.string()),
            "p": pa.array([f"SECRET{n}" for n in numbers], pa.string()),
            "y": pa.array([n % 2 for n in numbers], pa.int64()),
        }
    )


TABLES = {"train": rows(0, 100), "eval": rows(100, 120), "test": rows(120, 130)}
PUBLIC = ["k", "f", "b", "s", "t", "d", "y"]


@pytest.fixture
def written(tmp_path):
    return write_dataset(tmp_path / "dataset", TABLES, PROBLEM, ["told"], {"rows_read": 130})


def test_what_was_written_opens_as_it_was(written):
    opened = open_dataset(written.folder)
    assert opened == written
    assert opened.column_names() == tuple(PUBLIC)
    assert [column.type for column in opened.columns] == [
        "int", "float", "bool", "string", "timestamp", "string", "int",
    ]  # fmt: skip
    assert opened.problem == PROBLEM
    assert opened.inferred == ("told",)
    assert opened.lineage == {"rows_read": 130}
    for split, table in TABLES.items():
        assert opened.rows(split) == table.num_rows
        assert opened.read(split) == table.select(PUBLIC)


def test_private_columns_are_not_written(written):
    for path in written.folder.rglob("*"):
        assert path.is_dir() or b"SECRET" not in path.read_bytes()


def test_features_are_neither_label_nor_key_nor_dropped(written):
    assert [column.name for column in written.feature_columns()] == ["f", "b", "s", "t"]


def test_columns_are_read_in_the_order_asked_for(written):
    assert written.read("eval", ["y", "s"]) == TABLES["eval"].select(["y", "s"])
    batch = next(written.batches("eval", ["y", "s"]))
    assert batch.schema.names == ["y", "s"]


def test_reading_no_columns_still_knows_the_rows(written):
    assert written.read("eval", []).num_columns == 0


@pytest.mark.parametrize("batch_rows", [1, 7, 100, 1000])
def test_batches_are_the_rows_in_order(written, batch_rows):
    batches = list(written.batches("train", batch_rows=batch_rows))
    assert pa.Table.from_batches(batches) == TABLES["train"].select(PUBLIC)
    assert max(batch.num_rows for batch in batches) <= batch_rows


def test_many_shards_are_one_split(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "ROWS_PER_SHARD", 30)
    written = write_dataset(tmp_path / "sharded", TABLES, PROBLEM, [], {})
    assert [shard.rows for shard in written.splits["train"]] == [30, 30, 30, 10]
    assert [shard.path for shard in written.splits["test"]] == ["test/part-00000.parquet"]
    opened = open_dataset(written.folder)
    assert opened.read("train") == TABLES["train"].select(PUBLIC)
    assert pa.Table.from_batches(opened.batches("train")) == TABLES["train"].select(PUBLIC)


def test_equal_content_has_equal_bytes_however_it_lies_in_memory(tmp_path, written):
    cut = {
        split: pa.concat_tables([table.slice(0, 3), table.slice(3)]).replace_schema_metadata(
            {"pandas": "{}"}
        )
        for split, table in TABLES.items()
    }
    again = write_dataset(tmp_path / "again", cut, PROBLEM, ["told"], {"rows_read": 130})
    assert again.id == written.id
    assert digest_tree(again.folder) == digest_tree(written.folder)


@pytest.mark.parametrize("change", ["value", "split", "name"])
def test_other_content_has_another_id(tmp_path, written, change):
    tables = dict(TABLES)
    if change == "value":
        tables["test"] = rows(121, 131)
    elif change == "split":
        tables["eval"], tables["test"] = tables["test"], tables["eval"]
    else:
        tables = {
            split: table.rename_columns(
                [f"{name}_" if name == "f" else name for name in table.column_names]
            )
            for split, table in tables.items()
        }
    assert write_dataset(tmp_path / "other", tables, PROBLEM, [], {}).id != written.id


def test_a_dataset_that_is_written_again_replaces_the_old_one(tmp_path, written):
    stale = written.folder / "train" / "part-00007.parquet"
    stale.write_bytes(b"old")
    assert write_dataset(written.folder, TABLES, PROBLEM, [], {}).id == written.id
    assert not stale.exists()


@pytest.mark.parametrize("name", ["fares", "p"])
def test_a_column_that_is_not_there_is_refused(written, name):
    for attempt in (
        lambda: written.read("train", [name]),
        lambda: list(written.batches("train", [name])),
        lambda: written.type_of(name),
    ):
        with pytest.raises(DataError, match=f"no column '{name}' in the dataset"):
            attempt()


def test_a_split_that_is_not_there_is_refused(written):
    with pytest.raises(DataError, match="no split 'tests'") as caught:
        written.read("tests")
    assert caught.value.cause == "did you mean 'test'?"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-9] + b"?" + path.read_bytes()[-8:]),
        lambda path: path.write_bytes(path.read_bytes() + b"?"),
    ],
)
def test_a_shard_that_changed_is_refused_by_name(written, damage):
    damage(written.folder / "eval" / "part-00000.parquet")
    with pytest.raises(ArtifactError, match=r"eval/part-00000.parquet"):
        open_dataset(written.folder)


def change(folder, **values):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "plimsoll.dataset/2"}, "is not a plimsoll.dataset/1 artifact"),
        ({"id": "0" * 64}, "is not the one its manifest names"),
        ({"columns": [{"name": "a", "type": "list"}]}, "does not hold together"),
        ({"columns": None}, "does not hold together"),
        ({"splits": {}}, "does not hold together"),
        ({"problem": {"lable": "y"}}, "does not hold together"),
        ({"problem": {}}, "does not hold together"),
        ({"columns": [{"name": "a", "type": "int"}]}, "is not the one its manifest names"),
    ],
)
def test_a_manifest_that_does_not_hold_is_refused(written, values, message):
    change(written.folder, **values)
    with pytest.raises(ArtifactError, match=message):
        open_dataset(written.folder)


@pytest.mark.parametrize("path", ["../outside.parquet", "/etc/hostname", "train/../../outside"])
def test_a_shard_outside_the_artifact_is_refused(written, path):
    pq.write_table(rows(0, 1), written.folder.parent / "outside.parquet")
    splits = json.loads((written.folder / "manifest.json").read_text())["splits"]
    splits["train"][0]["path"] = path
    change(written.folder, splits=splits)
    with pytest.raises(ArtifactError, match="names a shard outside itself"):
        open_dataset(written.folder)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"manifest.json is missing"):
        open_dataset(tmp_path)


def test_columns_of_other_types_are_refused_and_nothing_is_left(tmp_path):
    odd = {split: pa.table({"y": [[1]], "x": [b"k"]}) for split in TABLES}
    with pytest.raises(DataError, match="cannot keep columns of these types") as caught:
        write_dataset(tmp_path / "odd", odd, Problem(label="y"), [], {})
    assert caught.value.cause == "y (list<item: int64>), x (binary)"
    assert list(tmp_path.iterdir()) == []


def test_splits_of_different_columns_are_refused(tmp_path):
    tables = {**TABLES, "test": TABLES["test"].drop(["f"])}
    with pytest.raises(DataError, match="train and test differ in their columns"):
        write_dataset(tmp_path / "odd", tables, PROBLEM, [], {})


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path):
    written = write_dataset(tmp_path / "year=2013" / "dataset", TABLES, PROBLEM, [], {})
    assert open_dataset(written.folder).read("eval").column_names == PUBLIC


def texts(lengths):
    """Returns a table with a text of each length, beside its number."""
    return pa.table(
        {"y": pa.array(range(len(lengths)), pa.int64()), "s": ["x" * n for n in lengths]}
    )


@pytest.mark.parametrize("cuts", [[], [1], [3, 4, 9], list(range(1, 40))])
def test_row_groups_follow_from_the_rows_alone(tmp_path, monkeypatch, cuts):
    monkeypatch.setattr(shards, "BYTES_PER_GROUP", 300)
    monkeypatch.setattr(shards, "BYTES_PER_SHARD", 2000)
    monkeypatch.setattr(shards, "ROWS_PER_GROUP", 8)
    table = texts([n * 37 % 101 if n != 17 else 5000 for n in range(40)])
    empty = table.slice(0, 0)
    whole = {"train": table, "eval": empty, "test": empty}
    first = write_dataset(tmp_path / "first", whole, Problem(label="y"), [], {})
    places = [0, *cuts, 40]
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(places)]
    pieces = [("train", batch) for part in parts for batch in part.to_batches()]
    again = write_batches(tmp_path / "again", table.schema, pieces, Problem(label="y"), [], {})
    assert again.id == first.id
    assert open_dataset(tmp_path / "again").read("train") == table
    groups = []
    for shard in first.splits["train"]:
        metadata = pq.ParquetFile(first.folder / shard.path).metadata
        groups += [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert max(groups) <= 8
    assert 1 in groups
    assert len(first.splits["train"]) > 1
    start = 0
    for rows_of_group in groups:
        part = table.slice(start, rows_of_group)
        size = sum(16 + len(text) for text in part["s"].to_pylist())
        assert size <= 300 or rows_of_group == 1
        start += rows_of_group


def test_private_columns_in_batches_are_refused(tmp_path):
    schema = TABLES["train"].schema
    with pytest.raises(DataError, match="cannot keep private columns: p"):
        write_batches(tmp_path / "odd", schema, [], PROBLEM, [], {})
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_while_rows_come_leaves_nothing(tmp_path):
    def pieces():
        yield "train", TABLES["train"].select(PUBLIC).to_batches()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_batches(
            tmp_path / "d", TABLES["train"].select(PUBLIC).schema, pieces(), PROBLEM, [], {}
        )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def with_plan(tmp_path):
    plan = tmp_path / "plan"
    plan.mkdir()
    (plan / "plan.json").write_text("{}")
    batches = [("train", batch) for batch in rows(0, 10).select(PUBLIC).to_batches()]
    schema = batches[0][1].schema
    return write_batches(tmp_path / "dataset", schema, batches, PROBLEM, [], {}, plan)


def test_a_plan_of_features_travels_with_the_rows(with_plan):
    opened = open_dataset(with_plan.folder)

    assert opened == with_plan
    assert opened.feature_plan == with_plan.folder / "features"
    assert (opened.feature_plan / "plan.json").read_text() == "{}"


def test_without_features_there_is_no_plan(written):
    assert open_dataset(written.folder).feature_plan is None


def test_a_changed_plan_is_refused(with_plan):
    (with_plan.folder / "features" / "plan.json").write_text("{ }")

    with pytest.raises(ArtifactError, match="feature plan of the dataset"):
        open_dataset(with_plan.folder)


def test_a_dataset_of_before_there_were_plans_opens(written):
    manifest = json.loads((written.folder / "manifest.json").read_text())
    del manifest["features_sha256"]
    (written.folder / "manifest.json").write_text(json.dumps(manifest))

    assert open_dataset(written.folder) == written
