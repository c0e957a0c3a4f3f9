"""Entity keys, hash fields and values against Feast's own."""

import struct

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.errors import ArtifactError
from plimsoll.formats.feature_plan import Key
from plimsoll.serving.online import keys as online_keys
from plimsoll.serving.online import values as online_values

feast_keys = pytest.importorskip("feast.infra.key_encoding_utils")
from feast.infra.online_stores.helpers import _mmh3  # noqa: E402
from feast.protos.feast.types.EntityKey_pb2 import EntityKey  # noqa: E402
from feast.protos.feast.types.Value_pb2 import Value  # noqa: E402

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PARTS = st.one_of(
    st.tuples(st.just("STRING"), TEXT),
    st.tuples(st.just("INT32"), INT32),
    st.tuples(st.just("INT64"), INT64),
    st.tuples(st.just("UNIX_TIMESTAMP"), INT64),
)
FIELDS = {
    "STRING": "string_val",
    "INT32": "int32_val",
    "INT64": "int64_val",
    "FLOAT": "float_val",
    "DOUBLE": "double_val",
    "BOOL": "bool_val",
    "UNIX_TIMESTAMP": "unix_timestamp_val",
}
VALUES = {
    "STRING": TEXT,
    "INT32": INT32,
    "INT64": INT64,
    "FLOAT": st.floats(width=32),
    "DOUBLE": st.floats(),
    "BOOL": st.booleans(),
    "UNIX_TIMESTAMP": st.integers(-62135596800, 253402300799),
}


def message(kind, value):
    return Value(**{FIELDS[kind]: value})


@given(st.dictionaries(TEXT.filter(bool), PARTS, min_size=1, max_size=4), st.randoms())
def test_keys_are_feasts(parts, random):
    names = list(parts)
    random.shuffle(names)
    keys = [Key(column=name, join_key=name, type=parts[name][0]) for name in names]
    theirs = feast_keys.serialize_entity_key(
        EntityKey(join_keys=names, entity_values=[message(*parts[name]) for name in names]),
        entity_key_serialization_version=3,
    )
    ours = online_keys.KeyWriter(keys).write([parts[name][1] for name in names])
    assert ours == theirs


@given(TEXT, TEXT)
@example("v", "")
@example("", "abc")
def test_hash_fields_are_feasts(view, feature):
    assert online_keys.hash_field(view, feature) == _mmh3(f"{view}:{feature}")


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "BOOL"])
def test_keys_that_feast_does_not_write_are_refused(kind):
    with pytest.raises(ArtifactError, match="cannot be looked up"):
        online_keys.KeyWriter([Key(column="a", join_key="a", type=kind)])


@given(st.data())
def test_values_are_feasts(data):
    kind = data.draw(st.sampled_from(sorted(VALUES)))
    value = data.draw(VALUES[kind])
    kept = message(kind, value).SerializeToString()
    found = online_values.decoder(kind)(kept)
    parsed = Value.FromString(kept)
    theirs = getattr(parsed, FIELDS[kind])
    if kind == "UNIX_TIMESTAMP":
        assert online_keys.microseconds(found) == theirs * 1_000_000
    elif theirs != theirs:
        assert found is None
    else:
        assert (found, type(found)) == (theirs, type(theirs))


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_no_value_is_none(kind):
    for kept in (None, b"", Value().SerializeToString(), Value(null_val=0).SerializeToString()):
        assert online_values.decoder(kind)(kept) is None


def test_the_time_that_is_none_is_none():
    kept = Value(unix_timestamp_val=-(2**63)).SerializeToString()
    assert online_values.decoder("UNIX_TIMESTAMP")(kept) is None


@given(st.data())
def test_damaged_bytes_are_an_error_or_what_feast_reads(data):
    """Cut, changed, prolonged and random bytes never give another value than protobuf does."""
    kind = data.draw(st.sampled_from(sorted(VALUES)))
    kept = bytearray(message(kind, data.draw(VALUES[kind])).SerializeToString())
    way = data.draw(st.sampled_from(["cut", "change", "prolong", "random"]))
    if way == "cut":
        del kept[data.draw(st.integers(0, len(kept))) :]
    elif way == "change" and kept:
        kept[data.draw(st.integers(0, len(kept) - 1))] = data.draw(st.integers(0, 255))
    elif way == "prolong":
        kept += data.draw(st.binary(min_size=1, max_size=12))
    else:
        kept = bytearray(data.draw(st.binary(max_size=14)))
    try:
        found = online_values.decoder(kind)(bytes(kept))
    except online_values.DamagedValueError:
        return
    try:
        parsed = Value.FromString(bytes(kept))
    except DecodeError:
        pytest.fail(f"{bytes(kept)!r} is damaged, and was read as {found!r}")
    field = parsed.WhichOneof("val")
    if found is None:
        empty = field in (None, "null_val")
        theirs = None if empty else getattr(parsed, field)
        assert empty or theirs != theirs or theirs == -(2**63)
    else:
        assert field == FIELDS[kind]
        theirs = getattr(parsed, field)
        if kind == "UNIX_TIMESTAMP":
            found = online_keys.microseconds(found) // 1_000_000
        assert found == theirs


@pytest.mark.parametrize("other", sorted(VALUES))
@pytest.mark.parametrize("kind", sorted(VALUES))
def test_a_value_of_another_type_is_an_error(kind, other):
    kept = message(other, "1" if other == "STRING" else 1).SerializeToString()
    if kind == other:
        assert online_values.decoder(kind)(kept) is not None
    else:
        with pytest.raises(online_values.DamagedValueError):
            online_values.decoder(kind)(kept)


@pytest.mark.parametrize("field", ["float_list_val", "int64_list_val", "string_list_val"])
def test_lists_are_refused(field):
    value = Value()
    getattr(value, field).val.append("a" if field.startswith("string") else 1)
    for kind in VALUES:
        with pytest.raises(online_values.DamagedValueError):
            online_values.decoder(kind)(value.SerializeToString())


@given(st.integers(-62135596800, 253402300799), st.integers(0, 999_999_999))
def test_event_timestamps_are_protobufs(seconds, nanos):
    kept = Timestamp(seconds=seconds, nanos=nanos).SerializeToString()
    assert online_values.event_microseconds(kept) == seconds * 1_000_000 + nanos // 1000


@given(st.binary(max_size=14))
def test_damaged_event_timestamps_are_an_error_or_what_protobuf_reads(kept):
    try:
        found = online_values.event_microseconds(kept)
    except online_values.DamagedValueError:
        return
    parsed = Timestamp.FromString(kept)
    assert found == parsed.seconds * 1_000_000 + parsed.nanos // 1000


@given(st.floats(allow_nan=False))
def test_a_float_settles_as_32_bits_do(value):
    try:
        wanted = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        with pytest.raises(online_values.DamagedValueError):
            online_values.settled("FLOAT", value)
    else:
        assert online_values.settled("FLOAT", value) == wanted
