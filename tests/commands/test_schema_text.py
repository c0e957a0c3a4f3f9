"""Edits of a schema's text: what is said changes, what people wrote stays."""

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from plimsoll.validate.schema.diff import differences
from plimsoll.validate.schema.pbtxt import edited

TEXT = """\
# Who keeps it.

feature { # inside a
  name: "a"   # its name
  type: BYTES
  domain: "a"
  presence {
    min_fraction: 0.9  # often
    min_count: 1
  }
}
# about b
feature { name: "b" type: INT presence { min_count: 1 } }
string_domain {
  name: "a"
  value: "x # no comment"  # x
  value: 'y } {'
}
default_environment: "TRAINING" # when training
default_environment: "SERVING"; # when serving
# the end
"""


def parsed(text):
    return text_format.Parse(text, schema_pb2.Schema())


def changed(*edits):
    schema = parsed(TEXT)
    for edit in edits:
        edit(schema)
    return schema


def add_column(schema):
    schema.feature.add(name="c", type=schema_pb2.FLOAT).presence.min_count = 1


def lower_presence(schema):
    schema.feature[0].presence.min_fraction = 0.5


def lift_presence(schema):
    schema.feature[0].ClearField("presence")


def retire(schema):
    schema.feature[1].lifecycle_stage = schema_pb2.DEPRECATED


def add_value(schema):
    schema.string_domain[0].value.append("z")


def other_values(schema):
    schema.string_domain[0].value[:] = ["q"]


def limit_rows(schema):
    schema.dataset_constraints.min_examples_count = 7


def remove_column(schema):
    del schema.feature[0]


def not_served(schema):
    schema.feature[1].not_in_environment.append("SERVING")


def inline_domain(schema):
    schema.feature[0].string_domain.value.append("only")


EDITS = [
    add_column, lower_presence, lift_presence, retire, add_value, other_values, limit_rows,
    remove_column, not_served, inline_domain,
]  # fmt: skip


@given(st.lists(st.sampled_from(EDITS), unique=True))
def test_the_text_says_what_the_schema_says(edits):
    schema = changed(*[edit for edit in edits if edit is not remove_column])
    if remove_column in edits:
        remove_column(schema)

    text, lost = edited(TEXT, parsed(TEXT), schema)

    assert parsed(text) == schema
    assert lost == TEXT.replace("x # no", "").count("#") - text.replace("x # no", "").count("#")
    assert edited(text, schema, schema) == (text, 0)


@pytest.mark.parametrize(
    "edit", [add_column, lower_presence, retire, add_value, limit_rows, not_served]
)
def test_lines_that_did_not_change_stay(edit):
    text, lost = edited(TEXT, parsed(TEXT), changed(edit))

    assert lost == 0
    gone = set(TEXT.splitlines()) - set(text.splitlines())
    assert len(gone) <= 1


def test_comments_that_go_are_counted():
    text, lost = edited(TEXT, parsed(TEXT), changed(lift_presence, other_values))

    assert lost == 1
    assert "# often" not in text
    assert "# about b" in text


@pytest.mark.parametrize(
    "text",
    [
        '# kept\nfeature: [ { name: "a" }, { name: "b" } ]\n',
        '# kept\nfeature < name: "a" type: 2 > feature { name: "b"\n}',
        '# kept\nfeature: { name: "a" "" }\nfeature: { name: "b" }',
    ],
    ids=["list", "angles", "joined"],
)
def test_other_ways_to_write_the_same_are_edited_too(text):
    schema = parsed(text)
    schema.feature[1].deprecated = True
    schema.feature.add(name="c")

    result, _ = edited(text, parsed(text), schema)

    assert parsed(result) == schema
    assert result.startswith("# kept\n")


def said(*edits):
    return [item.sentence() for item in differences(parsed(TEXT), changed(*edits))]


def test_differences_are_said_in_words():
    assert said() == []
    assert said(lower_presence) == [
        "column 'a': share of rows with a value, at least: 90% -> 50%",
    ]
    assert said(add_value) == ["column 'a': values added: 'z'"]
    assert said(other_values) == [
        "column 'a': values added: 'q'; values removed: 'x # no comment', 'y } {'"
    ]
    assert said(retire) == ["column 'b': stage: none -> DEPRECATED"]
    assert said(add_column) == ["column 'c': added, numbers (FLOAT)"]
    assert said(remove_column) == ["column 'a': removed"]
    assert said(limit_rows) == ["rows, at least: none -> 7"]
    assert said(not_served) == ["column 'b': not in: none -> SERVING"]


def test_the_order_of_columns_and_where_a_domain_stands_count_for_nothing():
    other = changed(inline_domain)
    other.feature[0].string_domain.value[:] = parsed(TEXT).string_domain[0].value
    del other.string_domain[:]
    moved = schema_pb2.Schema()
    moved.CopyFrom(other)
    del moved.feature[:]
    moved.feature.extend(reversed(other.feature))

    assert differences(parsed(TEXT), moved) == []


@given(st.lists(st.sampled_from(EDITS[:-1]), unique=True, min_size=1))
def test_every_edit_is_told_and_told_backwards(edits):
    schema = changed(*[edit for edit in edits if edit is not remove_column])
    if remove_column in edits:
        remove_column(schema)

    assert differences(parsed(TEXT), schema)
    assert len(differences(schema, parsed(TEXT))) == len(differences(parsed(TEXT), schema))
