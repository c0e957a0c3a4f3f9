"""Schemas inferred, checked and edited to accept: each anomaly, and no more than that."""

import numpy as np
import pyarrow as pa
import pytest

from plimsoll.commands import schema as commands
from plimsoll.errors import ConfigError, DataError
from plimsoll.formats.dataset import write_dataset
from plimsoll.problem import SPLITS, Problem
from plimsoll.validate.accept import checks_to_accept
from plimsoll.validate.checks.check import Check
from plimsoll.validate.schema import inference as schemas

ROWS = 400
HEAD = "# Kept by hand.\n"


def columns(seed=0, **others):
    random = np.random.default_rng(seed)
    return {
        "kind": pa.array(random.choice(["a", "b", "c"], ROWS)),
        "size": pa.array(random.normal(10, 1, ROWS)),
        "count": pa.array(random.integers(0, 100, ROWS)),
        "flag": pa.array(random.random(ROWS) < 0.5),
        "y": pa.array(random.integers(0, 2, ROWS)),
        **others,
    }


def made(folder, given, **problem):
    table = pa.table({name: values for name, values in given.items() if values is not None})
    ends = [0, 300, 350, ROWS]
    tables = {
        split: table.slice(ends[place], ends[place + 1] - ends[place])
        for place, split in enumerate(SPLITS)
    }
    asked = Problem(label="y", task="binary", positive="1", **problem)
    return {
        "path": str(write_dataset(folder, tables, asked, [], {}).folder),
        "is_dataset": True,
    }


@pytest.fixture(scope="module")
def inferred(tmp_path_factory):
    """The text of the schema that the honest data have."""
    folder = tmp_path_factory.mktemp("inferred")
    return commands.infer(made(folder / "data", columns()), str(folder))["text"]


@pytest.fixture
def given(tmp_path, inferred):
    """Writes a schema file: the inferred one, with edits to its text."""

    def write(*replaced):
        text = HEAD + inferred
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "schema.pbtxt"
        path.write_text(text)
        return str(path)

    return write


def accepted(data, schema, folder, *names):
    return commands.accept(data, schema, str(folder / "scratch"), list(names))


def said(found):
    return [(item["column"], item["said"]) for item in found["differences"]]


def test_a_schema_is_inferred_and_its_own_data_fit(tmp_path, inferred, given):
    data = made(tmp_path / "data", columns())

    found = commands.check(data, given(), str(tmp_path / "scratch"))

    assert found["anomalies"] == []
    assert found["checks"] > 10
    assert (tmp_path / "scratch" / "report").is_file()
    assert inferred.startswith("# Inferred from the train split of the data set ")
    assert accepted(data, given(), tmp_path)["differences"] == []


def test_raw_data_are_read_as_ingest_reads_them(tmp_path):
    file = tmp_path / "rows.csv"
    lines = [f"{'ab'[n % 2]},{n},{n % 3 % 2}" for n in range(200)]
    file.write_text("\n".join(["kind,count,y", *lines]))
    data = {"path": str(file), "is_dataset": False, "label": "y"}

    found = commands.infer(data, str(tmp_path / "scratch"))

    assert [column["name"] for column in found["columns"]] == ["kind", "count", "y"]
    assert sum(found["rows"].values()) == 200
    schemas.parse(found["text"])


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"kind": ["x"] * 100 + ["a"] * 300}, [("kind", "values added: 'x'")]),
        ({"extra": [1.5] * ROWS}, [("extra", "added, numbers (FLOAT)")]),
        ({"extra": ["p", "q"] * 200}, [("extra", "added, text (BYTES), one of 'p', 'q'")]),
        ({"count": None}, [("count", "stage: none -> DEPRECATED")]),
        (
            {"size": [None] * 200 + [1.0] * 200},
            [("size", "share of rows with a value, at least: 90% -> 33.3%")],
        ),
        (
            {"size": [float("inf")] * 5 + [1.0] * 395},
            [("size", "infinities refused: none -> false")],
        ),
    ],
    ids=["values", "new number", "new text", "gone", "missing", "infinite"],
)
def test_each_anomaly_is_accepted_and_nothing_else(tmp_path, given, others, expected):
    given_columns = {
        name: values if values is None else pa.array(values) for name, values in others.items()
    }
    data = made(tmp_path / "data", columns(**given_columns))
    path = given()
    before = commands.check(data, path, str(tmp_path / "before"))

    found = accepted(data, path, tmp_path)

    assert before["anomalies"]
    assert said(found) == expected
    assert found["left"] == []
    assert found["text"].startswith(HEAD)
    assert found["comments_lost"] == 0
    (tmp_path / "schema.pbtxt").write_text(found["text"])
    assert accepted(data, path, tmp_path / "again")["differences"] == []


def test_a_range_is_widened_to_what_there_is(tmp_path, given):
    path = given(
        ('name: "size"', 'name: "size" float_domain { min: 9.9 max: 10 }'),
        ('name: "count"', 'name: "count" int_domain { min: 5 max: 2000 }'),
    )
    values = columns()
    low, high = (end(values["size"].to_pylist()) for end in (min, max))
    data = made(tmp_path / "data", values)

    found = accepted(data, path, tmp_path)

    edited = {feature.name: feature for feature in schemas.parse(found["text"]).feature}
    assert found["left"] == []
    assert edited["count"].int_domain.min == min(values["count"].to_pylist())
    assert edited["count"].int_domain.max == 2000
    assert edited["size"].float_domain.min == pytest.approx(low, rel=1e-6)
    assert edited["size"].float_domain.max == pytest.approx(high, rel=1e-6)


def test_a_changed_type_is_accepted_only_where_it_is_named(tmp_path, given):
    data = made(tmp_path / "data", columns(count=pa.array(["many"] * 200 + ["few"] * 200)))
    path = given()

    refused = accepted(data, path, tmp_path)
    named = accepted(data, path, tmp_path / "named", "count")

    assert refused["differences"] == []
    assert refused["retyped"] == ["count"]
    assert "whole numbers" in refused["left"][0]
    assert said(named) == [("count", "type: whole numbers (INT) -> text (BYTES)")]
    assert named["left"] == []


def test_a_column_that_is_named_is_accepted_alone(tmp_path, given):
    others = {"kind": pa.array(["x"] * 100 + ["a"] * 300), "extra": pa.array([1.5] * ROWS)}
    data = made(tmp_path / "data", columns(**others))

    found = accepted(data, given(), tmp_path, "extra")

    assert [column for column, _ in said(found)] == ["extra"]
    assert [line for line in found["left"] if "'kind'" in line]


def test_a_warning_is_accepted_where_the_column_is_named(tmp_path, given):
    data = made(tmp_path / "data", columns(kind=pa.array(["x"] * 4 + ["a", "b"] * 198)))
    path = given()

    assert accepted(data, path, tmp_path)["differences"] == []
    assert said(accepted(data, path, tmp_path / "named", "kind")) == [
        ("kind", "values added: 'x'"),
    ]


def test_what_is_held_against_other_data_is_no_schemas():
    own = Check(split="train", column="a", kind="column", level="error")
    theirs = Check(split="train", column="a", kind="column", level="error", against="baseline")

    assert checks_to_accept([own, theirs]) == [own]
    assert checks_to_accept([own, theirs], ["a"]) == [own]


def test_what_no_schema_accepts_is_left(tmp_path, given):
    data = made(tmp_path / "data", columns(size=pa.array([None] * ROWS, pa.float64())))

    found = accepted(data, given(), tmp_path)

    assert found["left"]
    assert "'size'" in found["left"][0]


def test_a_domain_shared_by_columns_is_loosened_for_one(tmp_path, given):
    path = given(
        ('domain: "kind"', 'domain: "shared"'),
        ('string_domain {\n  name: "kind"', 'string_domain {\n  name: "shared"'),
        ("feature {", 'feature { name: "other" type: BYTES domain: "shared" }\nfeature {'),
    )
    others = {
        "kind": pa.array(["x"] * 100 + ["a"] * 300),
        "other": pa.array(["a", "b"] * 200),
    }
    data = made(tmp_path / "data", columns(**others))

    found = accepted(data, path, tmp_path)

    assert found["left"] == []
    edited = schemas.parse(found["text"])
    features = {feature.name: feature for feature in edited.feature}
    assert schemas.domain_values(edited, features["kind"]) == ("a", "b", "c", "x")
    assert schemas.domain_values(edited, features["other"]) == ("a", "b", "c")


def test_too_many_new_values_are_no_domain(tmp_path, given, monkeypatch):
    monkeypatch.setattr("plimsoll.validate.accept.MOST_NEW_VALUES", 50)
    data = made(tmp_path / "data", columns(kind=pa.array([f"v{n}" for n in range(ROWS)])))

    found = accepted(data, given(), tmp_path)

    assert found["differences"] == []
    assert found["left"]


def test_rows_that_a_schema_asks_for(tmp_path, given):
    path = given((HEAD, HEAD + "dataset_constraints { min_examples_count: 1000 }\n"))
    data = made(tmp_path / "data", columns())

    found = accepted(data, path, tmp_path)

    assert found["left"] == []
    assert said(found) == [("", "rows, at least: 1000 -> 50")]


def test_two_schemas_are_compared(tmp_path, given, inferred):
    path = given(('domain: "kind"', 'domain: "kind" # as it was'))
    other = tmp_path / "other.pbtxt"
    other.write_text(inferred.replace('value: "c"', 'value: "d"'))

    assert commands.diff(path, path) == {"differences": []}
    (found,) = commands.diff(path, str(other))["differences"]
    assert found["said"] == "values added: 'd'; values removed: 'c'"


def test_what_is_no_schema_is_refused_by_name(tmp_path):
    broken = tmp_path / "broken.pbtxt"
    broken.write_text('feature { name: "a" tipe: INT }')
    data = made(tmp_path / "data", columns())

    marked = tmp_path / "marked.pbtxt"
    marked.write_text('feature { name: "a" }', "utf-8-sig")
    assert commands.diff(str(marked), str(marked)) == {"differences": []}
    with pytest.raises(ConfigError, match=r"broken\.pbtxt.*line 1"):
        commands.diff(str(broken), str(broken))
    with pytest.raises(DataError, match=r"none\.pbtxt cannot be read"):
        commands.check(data, str(tmp_path / "none.pbtxt"), str(tmp_path))


def test_a_column_that_there_is_not_is_refused(tmp_path, given):
    with pytest.raises(ConfigError, match="no column 'kinds'") as refused:
        accepted(made(tmp_path / "data", columns()), given(), tmp_path, "kinds")

    assert "did you mean 'kind'?" in refused.value.cause


def test_private_columns_stay_private(tmp_path, given):
    secret = {"secret": pa.array(["planted-secret"] * ROWS)}
    data = made(tmp_path / "data", columns(**secret), private=("secret",))
    path = given(("feature {", 'feature { name: "secret" type: BYTES }\nfeature {'))

    found = accepted(data, path, tmp_path)

    assert "planted-secret" not in str(found)
    assert all(
        b"planted-secret" not in file.read_bytes()
        for file in (tmp_path / "scratch").rglob("*")
        if file.is_file()
    )
