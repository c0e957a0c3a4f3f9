"""What a schema that is given is held to."""

import pyarrow as pa
import pytest

from plimsoll.problem import Problem
from validate.made import hourly, label, made, ran

ROWS = 200
LABEL = 'feature { name: "y" type: INT }'


def mixed(tmp_path, **more):
    columns = {
        "city": [["Paris", "Rome", "Oslo"][row % 3] for row in range(ROWS)],
        "age": pa.array([None if row == 5 else row % 80 for row in range(ROWS)]),
        "price": pa.array([row / 10 for row in range(ROWS)]),
        "ok": pa.array([row % 3 == 0 for row in range(ROWS)]),
        "when": hourly(ROWS, 24),
        "y": label(ROWS),
    }
    return made(tmp_path / "data", {**columns, **more})


FITS = {
    "city": "type: BYTES presence { min_fraction: 1 }",
    "age": "type: INT int_domain { min: 0 max: 79 }",
    "price": "type: FLOAT float_domain { min: 0 max: 19.9 }",
    "ok": "type: BYTES bool_domain {}",
    "when": "type: INT time_domain { integer_format: UNIX_SECONDS }",
    "y": "type: INT",
}


def schema(tail="", **changed):
    features = {**FITS, **changed}
    return tail + "\n".join(
        f'feature {{ name: "{name}" {text} }}' for name, text in features.items() if text
    )


def test_data_that_fits_passes(tmp_path):
    result = ran(mixed(tmp_path), tmp_path, schema=schema())
    assert result.error is None
    assert result.found() == set()


DOMAIN = 'string_domain { name: "city" value: "Paris" value: "Rome" }'


@pytest.mark.parametrize(
    ("changed", "tail", "column", "kind", "says"),
    [
        ({"city": 'type: BYTES domain: "city"'}, DOMAIN, "city", "values", "'Oslo' (53 rows)"),
        ({"city": 'type: BYTES string_domain { value: "Oslo" value: "Rome" }'}, "", "city",
         "values", "'Paris' (54 rows)"),
        ({"city": "type: INT"}, "", "city", "type", "expected whole numbers (INT); found text"),
        ({"age": "type: INT int_domain { min: 0 max: 70 }"}, "", "age", "range", "'71' (2 rows)"),
        ({"age": "type: INT presence { min_fraction: 1 }"}, "", "age", "missing",
         "at least 100% of the rows; found 0.6% of 160 rows without one"),
        ({"age": "type: INT shape { dim { size: 1 } }"}, "", "age", "missing", "0.6% of 160 rows"),
        ({"price": "type: INT"}, "", "price", "type", "expected whole numbers (INT)"),
        ({"price": "type: FLOAT float_domain { min: 0.1 }"}, "", "price", "range",
         "at least 0.1; found values from 0 to 15.9, 1 row outside: '0.0' (1 row)"),
        ({"ok": "type: FLOAT"}, "", "ok", "type", "expected numbers (FLOAT); found true or false"),
        ({"when": "type: FLOAT"}, "", "when", "type", "found dates and times"),
        ({"city": "type: BYTES unique_constraints { min: 1 max: 2 }"}, "", "city", "schema",
         "no more than 2 unique values but found 3"),
        ({"price": ""}, "", "price", "column", "only the columns of the schema"),
        ({"prize": "type: FLOAT presence { min_count: 1 }"}, "", "prize", "column",
         "did you mean 'price'?"),
        ({}, "dataset_constraints { min_examples_count: 161 } ", "", "rows",
         "train: expected at least 161 rows; found 160"),
    ],
)  # fmt: skip
def test_data_that_does_not_fit_is_stopped(tmp_path, changed, tail, column, kind, says):
    result = ran(mixed(tmp_path), tmp_path, schema=schema(tail, **changed))
    assert result.error is not None
    assert says in result.error.cause
    assert ("train", column, kind, "error") in result.found()
    assert {(found[1], found[2]) for found in result.found()} == {(column, kind)}


def test_a_share_of_other_values_may_be_allowed(tmp_path):
    allowed = 'type: BYTES domain: "city" distribution_constraints { min_domain_mass: 0.6 }'
    result = ran(mixed(tmp_path), tmp_path, schema=schema(DOMAIN, city=allowed))
    assert result.error is None
    assert ("train", "city", "values", "warning") in result.found()


@pytest.mark.parametrize("stage", ["PLANNED", "ALPHA", "DEPRECATED", "DISABLED", "DEBUG_ONLY"])
def test_columns_of_other_stages_are_not_held_to_anything(tmp_path, stage):
    loose = f"type: INT presence {{ min_fraction: 1 }} lifecycle_stage: {stage}"
    result = ran(mixed(tmp_path), tmp_path, schema=schema(city=loose, gone=loose))
    assert result.error is None


def test_the_label_is_not_expected_where_the_schema_leaves_it_out(tmp_path):
    tail = 'default_environment: "TRAINING" default_environment: "SERVING" '
    elsewhere = 'type: INT presence { min_count: 1 } not_in_environment: "TRAINING"'
    assert ran(mixed(tmp_path), tmp_path, schema=schema(tail, gone=elsewhere)).error is None
    here = 'type: INT presence { min_count: 1 } not_in_environment: "SERVING"'
    assert ran(mixed(tmp_path), tmp_path, schema=schema(tail, gone=here)).error is not None


def test_a_column_that_may_be_absent_is_stopped_all_the_same_when_it_is_empty(tmp_path):
    empty = pa.array([None] * ROWS, pa.string())
    result = ran(mixed(tmp_path, empty=empty), tmp_path, schema=schema(empty="type: BYTES"))
    assert ("train", "empty", "missing", "error") in result.found()


def test_infinities_and_nan_are_held_to_what_the_schema_says(tmp_path):
    strange = pa.array([float("inf"), float("nan"), *([1.0, 2.0] * (ROWS // 2 - 1))])
    data = mixed(tmp_path, strange=strange)
    level = {}
    for text in ("", "disallow_inf: false", "disallow_nan: true disallow_inf: false"):
        given = schema(strange=f"type: FLOAT float_domain {{ {text} }}")
        result = ran(data, tmp_path, schema=given, mode="warn")
        (check,) = result.checks(split="train", column="strange", kind="finite")
        level[text] = check["level"]
    assert list(level.values()) == ["error", "warning", "error"]


def test_private_columns_are_in_no_output(tmp_path):
    secret = "Ada Lovelace"
    problem = Problem(label="y", task="binary", positive="1", private=("name",))
    columns = {"name": [secret] * ROWS, "x": list(range(ROWS)), "y": label(ROWS)}
    text = f"""
    feature {{ name: "name" type: BYTES domain: "names" presence {{ min_count: 1 }} }}
    feature {{ name: "x" type: INT }} {LABEL}
    string_domain {{ name: "names" value: "{secret}" }}
    """
    result = ran(made(tmp_path / "data", columns, problem), tmp_path / "out", schema=text)
    assert result.error is None
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def test_offending_values_are_counted_among_many(tmp_path):
    city = [f"city {row}" for row in range(3000)]
    city[-1] = city[-2] = "nowhere"
    named = " ".join(f'value: "city {row}"' for row in range(3000))
    given = f"""
    feature {{ name: "city" type: BYTES domain: "city" }} {LABEL}
    string_domain {{ name: "city" {named} }}
    """
    result = ran(made(tmp_path / "data", {"city": city, "y": label(3000)}), tmp_path, schema=given)
    assert result.found() == {("test", "city", "values", "error")}
    (check,) = result.checks(split="test", column="city", kind="values")
    assert check["values"] == [{"value": "nowhere", "rows": 2, "first": "test row 299"}]
