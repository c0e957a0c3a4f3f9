import json

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.formats.dataset import ARROW_TYPES
from plimsoll.formats.rows import column_from_arrow, rows_from_table
from plimsoll.models.transform import Label, SourceColumn, Transform
from plimsoll.models.transform_parts import Missing
from plimsoll.transform.apply.apply import columns_from_rows

VALUES = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "bool": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    "timestamp": st.datetimes(),
}
TRANSFORM = Transform(
    columns=tuple(
        SourceColumn(name=kind, type=kind, kind="", why="", parts=(Missing(output=kind),))
        for kind in VALUES
    ),
    label=Label(name="y", type="int", task="regression"),
)


def table(records):
    return pa.table(
        {kind: pa.array([row[kind] for row in records], ARROW_TYPES[kind]) for kind in VALUES}
    )


@given(
    st.lists(st.fixed_dictionaries({name: st.none() | kind for name, kind in VALUES.items()})),
)
def test_rows_sent_as_json_are_the_columns_of_the_table(records):
    given_table = table(records)
    direct = {name: column_from_arrow(given_table[name]) for name in given_table.column_names}
    sent = json.loads(json.dumps(rows_from_table(given_table), allow_nan=False))
    for name, values in columns_from_rows(TRANSFORM, sent).items():
        assert values.dtype == direct[name].dtype
        if values.dtype == object:
            assert values.tolist() == direct[name].tolist()
        elif name == "float":
            finite = np.where(np.isinf(direct[name]), np.nan, direct[name])
            np.testing.assert_array_equal(values, finite)
        else:
            np.testing.assert_array_equal(values, direct[name])


def test_chunks_and_batches_are_alike():
    records = [{"int": 1, "float": 0.5, "bool": True, "string": "a", "timestamp": None}]
    one = table(records)
    many = pa.concat_tables([one, table([dict.fromkeys(VALUES)]), one.slice(0, 0)])
    assert column_from_arrow(many["string"]).tolist() == ["a", None]
    np.testing.assert_array_equal(column_from_arrow(many["int"]), [1.0, np.nan])
    assert column_from_arrow(one.to_batches()[0]["bool"]).tolist() == [1.0]
    assert {len(column_from_arrow(column)) for column in one.slice(0, 0).columns} == {0}


def test_times_are_written_in_iso():
    moments = pa.array(np.array(["2013-10-01T06:00", "2013-10-01T06:00:00.5", "NaT"], "M8[us]"))
    texts = [row["at"] for row in rows_from_table(pa.table({"at": moments}))]
    assert texts == ["2013-10-01T06:00:00", "2013-10-01T06:00:00.500000", None]
