import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plimsoll import problem
from plimsoll.accelerators import Machine
from plimsoll.configuration.fields import (
    Count,
    FieldError,
    Holds,
    Listed,
    Matches,
    Number,
    OneOf,
    Reads,
    Says,
    Share,
)
from plimsoll.configuration.validation import from_json, json_schema, read_as, validated
from plimsoll.errors import ConfigError
from plimsoll.features.config import FeaturesConfig
from plimsoll.ingest.config import IngestConfig
from plimsoll.materialize.config import MaterializeConfig
from plimsoll.push_features.config import PushConfig
from plimsoll.serving.config import ServerConfig
from plimsoll.serving.lookup_config import LookupConfig
from plimsoll.train.config import TrainConfig
from plimsoll.train.launch.config import LauncherConfig
from plimsoll.transform.config import TransformConfig
from plimsoll.tune.config import TuneConfig
from plimsoll.validate.config import ValidateConfig

CONFIGS = (
    *(FeaturesConfig, IngestConfig, LauncherConfig, LookupConfig, Machine, MaterializeConfig),
    *(PushConfig, ServerConfig, TrainConfig, TransformConfig, TuneConfig, ValidateConfig),
)


def _once(names):
    if len(set(names)) < len(names):
        raise FieldError("has a name twice", cause="each counts once", hint="leave one out")
    return True


@validated("wheel config")
@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel."""

    spokes: Annotated[int, Number(ge=3, le=40)] = 8
    """How many it has."""
    grip: Share = 0.5


@validated("car config")
@dataclass(frozen=True, kw_only=True)
class Car:
    """A car."""

    name: str
    """What it is called."""
    kind: Annotated[str, OneOf(("sedan", "estate"), empty=True)] = ""
    fast: bool = False
    seats: Annotated[tuple[Count, ...], Listed(), Says("a list of rows", hint="[2, 3]")] = ()
    tags: Annotated[tuple[str, ...], Listed(one=True), Holds(_once)] = ()
    wheels: Mapping[Annotated[str, OneOf(("front", "rear"), what="axle")], Wheel] = field(
        default_factory=dict
    )
    weight: Annotated[float, Number(gt=0), Reads(lambda x: float(x) if x == "1e3" else x)] = 1.0
    key: Annotated[str, Matches("[a-z]+"), Says("letters", cause="it is not told")] = ""
    spare: Wheel | None = None

    def __post_init__(self):
        if self.fast and self.kind == "estate":
            raise ConfigError("car config: an estate is not fast")


def test_values_are_kept_as_they_are_meant():
    car = Car(
        name="a", seats=[2, 3], tags="old", wheels={"front": {"spokes": 9, "grip": 1}}, weight="1e3"
    )
    assert car == Car(
        name="a", seats=(2, 3), tags=("old",), wheels={"front": Wheel(spokes=9, grip=1)}, weight=1e3
    )
    assert type(car.wheels["front"].grip) is int
    assert dataclasses.replace(car, name="b").wheels == car.wheels


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"nam": "x"}, "car config: there is no field 'nam'\n  did you mean 'name'?\n  choices: "),
        ({"name": 3}, "car config: name must be text\n  it is 3"),
        ({"name": None}, "car config: name must be text\n  it is None"),
        ({"fast": 1}, "car config: fast must be true or false\n  it is 1"),
        (
            {"kind": "sedn"},
            "car config: kind is 'sedn'\n  did you mean 'sedan'?\n  choices: sedan, estate",
        ),
        ({"seats": 3}, "car config: seats must be a list of rows\n  it is 3\n  next: [2, 3]"),
        ({"seats": [2, -1]}, "seats[1] must be a whole number from 0 upwards\n  it is -1"),
        ({"seats": [True]}, "seats[0] must be a whole number from 0 upwards\n  it is True"),
        ({"tags": ["a", "a"]}, "tags has a name twice\n  each counts once\n  next: leave one out"),
        ({"wheels": 3}, "car config: wheels must be a mapping\n  it is 3"),
        (
            {"wheels": {"frnt": {}}},
            "wheels: there is no axle 'frnt'\n  did you mean 'front'?\n  choices: front, rear",
        ),
        ({"wheels": {"front": {"spokes": 41}}}, "wheels.front.spokes must be at most 40"),
        ({"wheels": {"front": {"spokes": 2}}}, "spokes must be a whole number from 3 to 40"),
        ({"wheels": {"front": {"grip": 1.5}}}, "front.grip must be a number from 0 to 1\n  it is"),
        (
            {"wheels": {"front": {"spoke": 2}}},
            "car config: wheels.front: there is no field 'spoke'\n  did you mean 'spokes'?",
        ),
        ({"weight": float("nan")}, "weight must be a number above 0\n  it is nan"),
        ({"weight": "2"}, "weight must be a number above 0\n  it is '2'"),
        ({"key": "hunter2"}, "car config: key must be letters\n  it is not told"),
        ({"spare": {"grip": "x"}}, "car config: spare.grip must be a number from 0 to 1"),
        ({"fast": True, "kind": "estate"}, "car config: an estate is not fast"),
    ],
)
def test_what_does_not_hold_is_said_with_its_path(values, text):
    with pytest.raises(ConfigError) as caught:
        Car(**{"name": "a", **values})
    assert text in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_field_that_is_missing():
    with pytest.raises(ConfigError, match="car config needs name"):
        from_json(Car, '{"fast": true}')


@pytest.mark.parametrize(("text", "said"), [("{", "it is not JSON"), ("[1]", "a JSON object")])
def test_a_text_that_is_no_object(text, said):
    with pytest.raises(ConfigError, match=f"wheel config: .*{said}"):
        from_json(Wheel, text)


def test_a_value_within_another_is_said_with_where_it_stands():
    assert read_as(Wheel, {"spokes": 3}, "shop") == Wheel(spokes=3)
    with pytest.raises(ConfigError, match=r"^shop: wheels\.left\.spokes must be a whole number"):
        read_as(Wheel, {"spokes": "3"}, "shop", ("wheels", "left"))
    with pytest.raises(ConfigError, match=r"^shop: wheels must be a mapping"):
        read_as(Wheel, 3, "shop", ("wheels",))


def test_the_schema_has_bounds_and_docstrings():
    schema = json_schema(Wheel)
    assert schema["description"] == "A wheel."
    spokes = {"type": "integer", "minimum": 3, "maximum": 40, "default": 8}
    assert {name: schema["properties"]["spokes"][name] for name in spokes} == spokes
    assert schema["properties"]["spokes"]["description"] == "How many it has."
    assert schema["additionalProperties"] is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=5), items),
    max_leaves=6,
)


@st.composite
def configs_and_values(draw):
    kind = draw(st.sampled_from(CONFIGS))
    names = st.sampled_from([item.name for item in dataclasses.fields(kind)])
    return kind, draw(st.dictionaries(names, JSON, min_size=1, max_size=3))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(configs_and_values())
def test_any_json_is_taken_or_refused_in_our_words(drawn):
    kind, values = drawn
    try:
        config = kind(**values)
    except ConfigError as error:
        assert error.headline
        return
    assert kind(**{item.name: getattr(config, item.name) for item in dataclasses.fields(kind)})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*vars(problem.Problem(label="y"))]), JSON, max_size=4))
def test_any_problem_is_taken_or_refused_in_our_words(values):
    try:
        taken = problem.from_dict({"label": "y", **values})
    except ConfigError as error:
        assert error.headline
        return
    # Settings of columns are for the transform to read.
    taken = dataclasses.replace(taken, columns={})
    assert problem.from_dict(json.loads(json.dumps(taken.to_dict()))) == taken
