import json

import pytest

from plimsoll.errors import ArtifactError
from plimsoll.formats.feature_plan import (
    COLUMN_TYPES,
    Feature,
    FeaturePlan,
    Key,
    OnDemand,
    View,
    open_plan,
    write_plan,
)

CODE = "def moment(columns):\n    return {'hour': [t.hour for t in columns['at']]}\n"
PLACE = View(
    name="place",
    keys=(Key(column="origin", join_key="airport", type="STRING"),),
    features=(
        Feature(name="wind", column="wind", type="FLOAT"),
        Feature(name="seen", column="wind_seen", type="UNIX_TIMESTAMP"),
    ),
    ttl_us=7_200_000_000,
)
WORLD = View(
    name="world",
    keys=(Key(column="", join_key="__dummy_id", type="STRING"),),
    features=(Feature(name="strike", column="strike", type="BOOL"),),
)
MOMENT = OnDemand(
    name="moment",
    file="request_time.py",
    function="moment",
    inputs=("at", "wind"),
    features=(Feature(name="hour", column="hour", type="INT64"),),
)


def plan(**changed):
    values = {
        "project": "flights",
        "service": "late_v1",
        "registry_sha256": "ab" * 32,
        "key_version": 3,
        "time": "when",
        "views": (PLACE, WORLD),
        "on_demand": (MOMENT,),
    }
    return FeaturePlan(**{**values, **changed})


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "somewhere.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def written(tmp_path, code):
    write_plan(tmp_path / "plan", plan(), {"request_time.py": code})
    return tmp_path / "plan"


def test_what_was_written_opens_as_it_was(written):
    assert open_plan(written) == plan()
    assert (written / "request_time.py").read_text() == CODE


def test_the_same_plan_is_the_same_bytes(tmp_path, code, written):
    write_plan(tmp_path / "again", plan(), {"request_time.py": code})

    for path in written.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_columns_come_view_by_view_and_what_is_computed_last():
    assert plan().columns == ("wind", "wind_seen", "strike", "hour")


def test_a_request_gives_keys_inputs_and_the_time_and_not_what_is_looked_up():
    assert plan().request_columns == ("origin", "at", "when")


@pytest.mark.parametrize("kind", COLUMN_TYPES)
def test_each_value_type_has_a_column_type(kind):
    assert Feature(name="f", column="f", type=kind).column_type == COLUMN_TYPES[kind]


def test_a_type_that_a_dataset_cannot_keep_is_refused():
    with pytest.raises(ArtifactError, match="'f' has the value type 'FLOAT_LIST'"):
        Feature(name="f", column="f", type="FLOAT_LIST")
    with pytest.raises(ArtifactError, match="'k' has the value type 'BYTES'"):
        Key(column="k", join_key="k", type="BYTES")


def test_two_features_of_one_column_are_refused():
    twice = View(name="other", keys=PLACE.keys, features=PLACE.features[:1])

    with pytest.raises(ArtifactError, match="makes wind twice"):
        plan(views=(PLACE, twice))


@pytest.mark.parametrize(
    "changed", [{"keys": ()}, {"features": ()}, {"ttl_us": -1}], ids=["keys", "features", "ttl"]
)
def test_a_view_needs_keys_features_and_an_age(changed):
    whole = {"name": "v", "keys": PLACE.keys, "features": PLACE.features, "ttl_us": 0}

    with pytest.raises(ArtifactError, match="'v' does not hold"):
        View(**{**whole, **changed})


@pytest.mark.parametrize("file", ["../x.py", "/x.py", "a/x.py", "x.so", ""])
def test_a_file_outside_the_plan_is_refused(file):
    with pytest.raises(ArtifactError, match="does not hold"):
        OnDemand(name="o", file=file, function="f", inputs=(), features=MOMENT.features)


@pytest.mark.parametrize("function", ["os.system", "f()", ""])
def test_a_function_is_a_name(function):
    with pytest.raises(ArtifactError, match="does not hold"):
        OnDemand(name="o", file="x.py", function=function, inputs=(), features=MOMENT.features)


@pytest.mark.parametrize("files", [{}, {"request_time.py", "other.py"}])
def test_the_files_are_those_that_are_named(tmp_path, code, files):
    with pytest.raises(ArtifactError, match="needs the files"):
        write_plan(tmp_path / "plan", plan(), dict.fromkeys(files, code))
    assert not (tmp_path / "plan").exists()


def test_changed_code_is_refused(written):
    (written / "request_time.py").write_text(CODE + "\n")

    with pytest.raises(ArtifactError, match=r"request_time\.py was changed"):
        open_plan(written)


def test_missing_code_is_refused(written):
    (written / "request_time.py").unlink()

    with pytest.raises(ArtifactError, match="does not hold together"):
        open_plan(written)


def test_another_format_is_refused(written):
    manifest = json.loads((written / "plan.json").read_text())
    (written / "plan.json").write_text(json.dumps({**manifest, "format": "plimsoll.other/1"}))

    with pytest.raises(ArtifactError, match=r"plimsoll\.other/1"):
        open_plan(written)


@pytest.mark.parametrize("field", ["views", "on_demand", "time", "key_version", "files"])
def test_a_manifest_without_a_field_is_refused(written, field):
    manifest = json.loads((written / "plan.json").read_text())
    del manifest[field]
    (written / "plan.json").write_text(json.dumps(manifest))

    with pytest.raises(ArtifactError, match="does not hold together"):
        open_plan(written)
