"""The plan of a feature service, and what a plan cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from features.written import DEFINITIONS, ON_DEMAND, SERVICE, SERVICES, write_repository
from plimsoll.errors import ConfigError
from plimsoll.feature_store.repository.plans import ServicePlan, check_columns, plan_of
from plimsoll.feature_store.repository.repository import open_repository
from plimsoll.formats.feature_plan import Feature, Key, OnDemand, View, open_plan, write_plan

COLUMNS = {
    "carrier": "string",
    "origin": "string",
    "dest": "string",
    "time": "timestamp",
    "distance": "float",
    "late": "int",
}
Plan = Callable[..., ServicePlan]


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    def made(service: str = SERVICE, *, more: str = "", **files: str) -> ServicePlan:
        where = write_repository(
            tmp_path / "repo", **{"definitions": DEFINITIONS + SERVICES + more, **files}
        )
        return plan_of(open_repository(str(where), tmp_path / "scratch"), service, "time")

    return made


def test_a_plan_says_what_a_server_looks_up(planned: Plan, tmp_path: Path) -> None:
    found = planned()
    plan = found.plan
    assert (plan.project, plan.service, plan.key_version, plan.time) == (
        "flights",
        SERVICE,
        3,
        "time",
    )
    assert plan.views == (
        View(
            name="delays",
            keys=(Key(column="carrier", join_key="carrier", type="STRING"),),
            features=(
                Feature(name="rate", column="rate", type="FLOAT"),
                Feature(name="flights", column="flights", type="INT64"),
            ),
            ttl_us=6 * 3_600_000_000,
        ),
        View(
            name="weather",
            keys=(Key(column="origin", join_key="faa", type="STRING"),),
            features=(
                Feature(name="temp", column="origin_weather__temp", type="DOUBLE"),
                Feature(name="icy", column="icy", type="BOOL"),
            ),
        ),
        View(
            name="weather",
            keys=(Key(column="dest", join_key="faa", type="STRING"),),
            features=(Feature(name="temp", column="dest_weather__temp", type="DOUBLE"),),
        ),
        View(
            name="everywhere",
            keys=(Key(column="", join_key="__dummy_id", type="STRING"),),
            features=(Feature(name="fuel", column="fuel", type="DOUBLE"),),
        ),
    )
    assert plan.on_demand == (
        OnDemand(
            name="on_demand",
            file="request_time.py",
            function="times",
            inputs=("distance", "time"),
            features=(
                Feature(name="hour", column="hour", type="INT64"),
                Feature(name="twice", column="twice", type="DOUBLE"),
            ),
        ),
    )
    assert plan.request_columns == ("carrier", "origin", "dest", "distance", "time")
    assert [join.name for join in found.joins] == [
        "delays",
        "origin_weather",
        "dest_weather",
        "everywhere",
    ]
    write_plan(tmp_path / "plan", plan, found.files)
    assert open_plan(tmp_path / "plan") == plan
    check_columns(found, COLUMNS, ())


def test_a_service_may_choose_features(planned: Plan) -> None:
    assert planned("plain").plan.columns == ("rate",)


NEW = 'extra = FeatureService(name="extra", features=[{}])\n'


@pytest.mark.parametrize(
    ("more", "said", "hint"),
    [
        (
            'many = FeatureView(name="many", entities=[carrier], source=delay_file, '
            'schema=[Field(name="rate", dtype=Array(Float32))])\n' + NEW.format("many"),
            "'rate' as FLOAT_LIST, which a dataset cannot keep",
            "leave it out",
        ),
        (
            'raw = FeatureView(name="raw", entities=[carrier], source=delay_file, '
            'schema=[Field(name="rate", dtype=Bytes)])\n' + NEW.format("raw"),
            "'rate' as BYTES",
            "leave it out",
        ),
        (
            'far = Entity(name="far", join_keys=["rate"], value_type=ValueType.DOUBLE)\n'
            'by_far = FeatureView(name="by_far", entities=[far], source=delay_file, '
            'schema=[Field(name="flights", dtype=Int64)])\n' + NEW.format("by_far"),
            "keyed by 'rate', a DOUBLE",
            "",
        ),
        (NEW.format("delays, delays"), "takes delays:flights, delays:rate twice", "with_name"),
        (
            NEW.format("delays")
            + 'panda = OnDemandFeatureView(name="panda", sources=[request], udf=times, '
            'mode="pandas", schema=[Field(name="twice", dtype=Float64)])\n',
            "do not hold together",
            "",
        ),
        (
            'panda = OnDemandFeatureView(name="panda", sources=[request], mode="pandas", '
            'udf=lambda frame: frame[["distance"]], schema=[Field(name="distance", '
            "dtype=Float64)])\n" + NEW.format("panda"),
            "has the mode 'pandas'",
            'mode="python"',
        ),
        (
            'kept = OnDemandFeatureView(name="kept", entities=[carrier], sources=[request], '
            'udf=times, mode="python", write_to_online_store=True, '
            'schema=[Field(name="twice", dtype=Float64)])\n' + NEW.format("kept"),
            "keeps values in the online store",
            "write_to_online_store",
        ),
        (
            'def sums(inputs):\n    return {"sum": [a for a in inputs["rate"]]}\n'
            'summed = OnDemandFeatureView(name="summed", sources=[delays], udf=sums, '
            'mode="python", schema=[Field(name="sum", dtype=Float64)])\n' + NEW.format("summed"),
            "its file views.py imports",
            "a file of its own",
        ),
    ],
)
def test_what_a_plan_cannot_hold_is_told(planned: Plan, more: str, said: str, hint: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        planned("extra", more=more)
    assert hint in caught.value.hint  # type: ignore[attr-defined]


def test_an_unknown_service_is_told(planned: Plan) -> None:
    with pytest.raises(ConfigError, match="no feature service 'flights_v2'") as caught:
        planned("flights_v2")
    assert "did you mean 'flights_v1'?" in caught.value.cause


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import pandas\n" + ON_DEMAND, "imports pandas"),
        ("from . import views\n" + ON_DEMAND, "imports .views|cannot be loaded"),
        (ON_DEMAND + "\n\ndef used():\n    import numpy.linalg\n", "imports numpy.linalg"),
        ("times = lambda inputs: inputs\n", "not defined at the top|do not hold together"),
        (
            ON_DEMAND.replace("far * 2", "far * 2 + extra").replace(
                "def times", "extra = []\nextra = len(__name__) * 1.0\n\n\ndef times"
            ),
            "is not the one that Feast runs",
        ),
    ],
)
def test_code_that_does_not_stand_alone_is_told(planned: Plan, code: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        planned(on_demand=code)


MORE = """
from rounding import rounded
sums = OnDemandFeatureView(
    name="sums", sources=[delays, request], udf=rounded, mode="python",
    schema=[Field(name="tenths", dtype=Float64)])
with_sums = FeatureService(name="with_sums", features=[delays, sums])
without = FeatureService(name="without", features=[delays[["flights"]], sums])
"""
ROUNDED = '''
"""Features of features."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Rate:
    value: float


def rounded(inputs):
    rates = [None if rate is None else Rate(rate) for rate in inputs["rate"]]
    return {"tenths": [None if rate is None else rate.value * 10 for rate in rates]}
'''


def test_on_demand_features_of_features(tmp_path: Path) -> None:
    where = write_repository(tmp_path / "repo", definitions=DEFINITIONS + SERVICES + MORE)
    (where / "rounding.py").write_text(ROUNDED)
    repository = open_repository(str(where), tmp_path / "scratch")
    plan = plan_of(repository, "with_sums", "time").plan
    assert plan.on_demand[0].inputs == ("distance", "time", "rate", "flights")
    assert plan.request_columns == ("carrier", "distance", "time")
    with pytest.raises(ConfigError, match="takes delays:rate, which its service leaves out"):
        plan_of(repository, "without", "time")


@pytest.mark.parametrize(
    ("columns", "private", "said"),
    [
        ({"carrier": None}, (), "no column 'carrier', which is the key of the feature view"),
        ({"carrier": None, "carier": "string"}, (), "did you mean 'carier'"),
        ({"carrier": None}, ("carrier",), "and private"),
        ({"dest": "float"}, (), "keyed by 'dest' as STRING"),
        ({"time": "string"}, (), "the time column 'time' holds strings"),
        ({"time": None}, (), "no column 'time', which is the time of a row"),
        ({"distance": "string"}, (), "takes 'distance' as float"),
        ({"distance": None}, (), "no column 'distance', which is an on-demand feature"),
        ({"rate": "float"}, (), "named as columns of the data are: rate"),
        ({}, ("fuel",), "named as columns of the data are: fuel"),
    ],
)
def test_a_dataset_that_does_not_fit_is_told(
    planned: Plan, columns: Mapping[str, str | None], private: tuple[str, ...], said: str
) -> None:
    given = {name: kind for name, kind in {**COLUMNS, **columns}.items() if kind}
    with pytest.raises(ConfigError) as caught:
        check_columns(planned(), given, private)
    assert said in str(caught.value)


def test_whole_numbers_do_for_an_on_demand_float(planned: Plan) -> None:
    check_columns(planned(), {**COLUMNS, "distance": "int"}, ())
