import pyarrow as pa
import pytest
from google.protobuf import text_format

from plimsoll.errors import ConfigError
from plimsoll.formats.statistics import ENVIRONMENTS
from plimsoll.problem import Problem
from plimsoll.validate.schema import inference as schemas
from validate.made import hourly, label, made, ran


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ('feature {\n  name: "a"\n  typ: INT\n}', 3, 3, "did you mean 'type'?"),
        ('feature {\n  name: "a"\n  type: INTEGER\n}', 3, 9, "did you mean 'INT'?"),
        ('feature {\n  name: "a"', 2, 9, ""),
        ("my/schema.pbtxt", 1, 1, "not its path"),
        ("my own schema.pbtxt", 1, 1, "not its path"),
    ],
)
def test_an_unreadable_schema_is_told_by_line_and_column(text, line, column, hint):
    with pytest.raises(ConfigError) as caught:
        schemas.parse(text)
    assert f"line {line}, column {column}" in caught.value.headline
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# nothing yet", "names no columns"),
        ('feature { name: "a" } feature { name: "a" }', "'a' twice"),
        (
            'feature { name: "a" type: BYTES domain: "citys" } string_domain { name: "city" }',
            "domain 'citys'",
        ),
        ('feature { name: "a" } feature { type: INT }', "feature 2 has no name"),
        (
            'feature { name: "a" } string_domain { name: "b" } string_domain { name: "b" }',
            "the domain 'b' twice",
        ),
        ('feature { name: "a" } sparse_feature { name: "b" }', "sparse_feature"),
        ('feature { name: "a" int_domain { min: 5 max: 1 } }', "min in int_domain of column 'a'"),
        ('feature { name: "a" float_domain { max: nan } }', "max in float_domain of column 'a'"),
        ('feature { name: "a" presence { min_fraction: -1 } }', "min_fraction of column 'a'"),
        ('feature { name: "a" presence { min_count: -1 } }', "min_count of column 'a'"),
        ('feature { name: "a" value_count { min: 3 max: 1 } }', "min in value_count"),
        (
            'feature { name: "a" distribution_constraints { min_domain_mass: -1 } }',
            "min_domain_mass of column 'a'",
        ),
        (
            "dataset_constraints {min_examples_count: 2 max_examples_count: 1} feature {name: 'a'}",
            "min_examples_count in dataset_constraints of the data set",
        ),
        (
            'feature { name: "a" domain: "b" } float_domain { name: "b" min: 2 max: 1 }',
            "min in the domain 'b'",
        ),
        ('feature { name: "a" drift_comparator {} }', "drift_comparator of column 'a'"),
        (
            'feature { name: "a" skew_comparator { infinity_norm {} } }',
            "threshold of infinity_norm of column 'a'",
        ),
        (
            'feature { name: "a" in_environment: "TRAINING" not_in_environment: "TRAINING" }',
            "column 'a' is said to be in 'TRAINING'",
        ),
        ('feature { name: "a" in_environment: "TRAINING" }', "'a' is in the environment"),
    ],
)
def test_a_schema_that_does_not_hold_together_is_refused(text, says):
    with pytest.raises(ConfigError, match=says):
        schemas.parse(text)


def test_a_given_schema_loses_private_columns_and_their_values():
    text = """
    feature { name: "name" type: BYTES domain: "names" }
    feature { name: "y" type: INT }
    string_domain { name: "names" value: "Ada Lovelace" }
    string_domain { name: "kept" value: "x" }
    """
    problem = Problem(label="y", private=("name",))
    completed, notes = schemas.completed(schemas.parse(text), problem)
    written = schemas.to_text(completed)
    assert "Ada" not in written
    assert '"name"' not in written
    assert "kept" in written
    assert any("private" in note for note in notes)


def test_a_given_schema_gets_environments_without_the_label_in_serving():
    schema = schemas.parse('feature { name: "x" type: INT } feature { name: "y" type: INT }')
    completed, notes = schemas.completed(schema, Problem(label="y"))
    assert list(completed.default_environment) == list(ENVIRONMENTS)
    by_name = {feature.name: feature for feature in completed.feature}
    assert list(by_name["y"].not_in_environment) == ["SERVING"]
    assert not by_name["x"].not_in_environment
    assert notes


def test_environments_of_a_given_schema_are_left_alone():
    schema = schemas.parse('feature { name: "x" type: INT } default_environment: "PROD"')
    completed, notes = schemas.completed(schema, Problem(label="y"))
    assert completed == schema
    assert not notes
    assert schemas.environment_of(completed) == ""


ROWS = 400


@pytest.fixture(scope="module")
def inferred(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inferred")
    columns = {
        "id": [f"customer {row}" for row in range(ROWS)],
        "when": hourly(ROWS, 24),
        "city": [["Paris", "Köln", "Rome"][row % 3] for row in range(ROWS)],
        "review": [f"I liked it {row} times" for row in range(ROWS)],
        "seen": pa.array([None if row % 4 == 0 else row % 3 == 0 for row in range(ROWS)]),
        "zero_or_one": pa.array([row // 2 % 2 for row in range(ROWS)]),
        "leak": pa.array(range(ROWS)),
        "y": label(ROWS),
    }
    problem = Problem(
        label="y", task="binary", time="when", keys=("id",), drop=("leak",), positive="1"
    )
    return ran(made(folder / "data", columns, problem), folder)


def feature(ran_once, name):
    return next(item for item in ran_once.schema.feature if item.name == name)


def test_inferred_columns_keep_their_order(inferred):
    assert [item.name for item in inferred.schema.feature] == [
        "id", "when", "city", "review", "seen", "zero_or_one", "leak", "y",
    ]  # fmt: skip


def test_only_the_label_and_dropped_columns_are_not_in_serving(inferred):
    absent = [item.name for item in inferred.schema.feature if item.not_in_environment]
    assert absent == ["leak", "y"]
    assert list(inferred.schema.default_environment) == list(ENVIRONMENTS)


def test_a_column_of_kinds_and_a_text_too_long_for_tfdv_to_name_gets_no_domain(tmp_path):
    texts = [("x" * 5000) if row == 7 else "ab"[row % 2] for row in range(200)]
    found = ran(made(tmp_path / "data", {"text": texts, "y": label(200)}), tmp_path)
    assert not found.schema.string_domain
    assert not found.checks(column="text", kind="values")


def test_kinds_get_a_domain_and_names_of_single_things_do_not(inferred):
    assert [domain.name for domain in inferred.schema.string_domain] == ["city"]
    assert list(inferred.schema.string_domain[0].value) == ["Köln", "Paris", "Rome"]
    assert feature(inferred, "city").distribution_constraints.min_domain_mass < 1


def test_times_and_booleans_are_kept_as_what_they_are(inferred):
    when, seen = feature(inferred, "when"), feature(inferred, "seen")
    assert when.time_domain.integer_format == when.time_domain.UNIX_MICROSECONDS
    assert (seen.bool_domain.true_value, seen.bool_domain.false_value) == ("true", "false")
    assert feature(inferred, "zero_or_one").WhichOneof("domain_info") is None


def test_a_class_of_whole_numbers_is_categorical(inferred):
    assert feature(inferred, "y").int_domain.is_categorical


def test_presence_leaves_room_except_for_the_label(inferred):
    assert feature(inferred, "city").presence.min_fraction == pytest.approx(0.9)
    assert feature(inferred, "seen").presence.min_fraction == pytest.approx(0.65)
    assert feature(inferred, "y").presence.min_fraction == 1
    assert not feature(inferred, "leak").HasField("presence")


def test_the_written_text_says_how_to_enforce_it_and_reads_back(inferred):
    text = (inferred.outputs.schema / "schema.pbtxt").read_text("utf-8")
    assert text.startswith("# Inferred")
    assert "Köln" in text
    assert schemas.parse(text) == inferred.schema
    assert text_format.MessageToString(inferred.schema, as_utf8=True) in text


def test_an_inferred_schema_given_back_passes_on_the_same_data(inferred, tmp_path):
    text = (inferred.outputs.schema / "schema.pbtxt").read_text("utf-8")
    data = inferred.outputs.schema.parent / "data"
    from plimsoll.formats.dataset import open_dataset

    again = ran(open_dataset(data), tmp_path, schema=text)
    assert again.error is None
    assert (again.outputs.schema / "schema.pbtxt").read_text("utf-8") == text


def test_a_schema_of_other_environments_is_enforced_without_one(tmp_path):
    data = made(tmp_path / "data", {"x": [float(row) for row in range(100)], "y": label(100)})
    given = """
    default_environment: "NIGHTLY"
    feature { name: "x" type: FLOAT not_in_environment: "TRAINING" not_in_environment: "SERVING" }
    feature { name: "y" type: INT }
    """
    assert ran(data, tmp_path, schema=given).error is None
    with pytest.raises(ConfigError, match="no environment SERVING"):
        ran(data, tmp_path, schema=given, serving=data.folder)
