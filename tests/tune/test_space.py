"""Search spaces: what is read, and what is refused with a hint."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import ConfigError
from plimsoll.train import config as configs
from plimsoll.train.config import MODELS, TrainConfig
from plimsoll.tune import space as spaces

FROM_THE_DOCS = """
{learning_rate: {low: 1e-4, high: 1e-2, log: true}, hidden: {choices: [[256,128],[512,256]]},
 model: {choices: [mlp, tabm, boosting]}, dropout: {low: 0, high: 0.6}}
"""


def test_yaml_and_json_say_the_same():
    space = spaces.read(FROM_THE_DOCS, TrainConfig())
    again = spaces.read(json.dumps(space.to_dict()), TrainConfig())

    assert again == space
    knobs = {knob.name: knob for knob in space.hyperparameters}
    assert next(iter(knobs)) == "model"
    rate = knobs["learning_rate"]
    assert (rate.low, rate.high, rate.log) == (0.0001, 0.01, True)
    assert knobs["hidden"].choices == ((256, 128), (512, 256))


def test_choices_may_stand_alone():
    short = spaces.read("{model: [mlp, dcn]}", TrainConfig())
    assert short == spaces.read("{model: {choices: [mlp, dcn]}}", TrainConfig())


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_space_of_its_own(model):
    base = TrainConfig(model=model)
    space = spaces.read("", base)

    names = [knob.name for knob in space.hyperparameters]
    assert ("model" in names) == (model == "auto")
    assert ("members" in names) == (model in ("tabm", "auto"))
    assert ("leaves" in names) == (model in ("boosting", "auto"))
    assert spaces.read(json.dumps(space.to_dict()), base) == space


def drawn(space, values):
    """Draws knob by knob, the first choice or the low end unless told otherwise."""
    found = {}
    for knob in space.applying(found):
        first = knob.choices[0] if knob.choices else knob.low
        found[knob.name] = values.get(knob.name, first)
    return found


def test_only_what_has_an_effect_on_a_model_is_drawn():
    space = spaces.read("", TrainConfig(model="auto"))

    boosting = drawn(space, {"model": "boosting"})
    periodic = drawn(space, {"model": "mlp", "numbers": "periodic"})
    bins = drawn(space, {"model": "dcn", "numbers": "bins"})
    embedded = drawn(space, {"model": "mlp", "numbers": "embedded"})

    assert set(boosting) == {"model", "tree_rate", "leaves"}
    assert "frequencies" in periodic
    assert "bins" not in periodic
    assert "members" not in periodic
    assert {"bins", "crosses"} <= set(bins)
    assert "frequencies" not in bins
    assert "bins" in embedded
    assert space.config(bins).model == "dcn"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "neither JSON nor YAML"),
        ("[1, 2]", "must name the knobs"),
        ("{}", "must name the knobs"),
        ("{lerning_rate: [1]}", "did you mean 'learning_rate'"),
        ("{seed: [1, 2]}", "luck"),
        ("{threads: [1, 2]}", "where a training runs"),
        ("{dropout: 0.5}", "a range or choices"),
        ("{dropout: {low: 0, hihg: 1}}", "did you mean 'high'"),
        ("{dropout: {low: 0}}", "dropout needs both a low and a high"),
        ("{dropout: {low: 0, high: 1}}", "below 1"),
        ("{dropout: {low: 0.5, high: 0.2}}", "not below"),
        ("{dropout: {low: 0, high: 0.5, log: true}}", "low above 0"),
        ("{dropout: {low: 0.1, high: 0.5, log: yes please}}", "dropout.log must be true or false"),
        ("{dropout: {low: 0.1, high: 0.5, log: true, step: 0.1}}", "do not go together"),
        ("{dropout: {low: .nan, high: 0.5}}", "dropout.low must be a number"),
        ("{dropout: {low: [1], high: 0.5}}", "dropout.low must be a number"),
        ("{dropout: {low: true, high: 0.5}}", "dropout.low must be a number"),
        ("{bins: {low: 1.5, high: 4}}", "a whole number"),
        ("{epochs: {low: 0, high: 9}}", "chosen for the rows"),
        ("{hidden: {low: 8, high: 64}}", "not a number"),
        ("{hidden: {choices: [[8], [0]]}}", "hidden[0] must be a whole number from 1"),
        ("{model: {choices: []}}", "model.choices must be a list of values"),
        ("{model: {choices: [mlp], low: 1}}", "model: there is no field 'low'"),
        ("{model: [mlpp]}", "did you mean 'mlp'"),
        ("{model: [mlp, mlp]}", "twice"),
        ("{model: [mlp, auto]}", "auto is not a model"),
        ("{members: [4, 8]}", "no effect on mlp"),
        ("{model: [boosting], dropout: [0.1]}", "no effect on boosting"),
        ("{numbers: [plain], bins: [4]}", "with numbers bins or embedded"),
    ],
)
def test_a_space_that_does_not_hold_is_refused(text, said):
    with pytest.raises(ConfigError) as raised:
        spaces.read(text, TrainConfig(model="mlp"))
    assert said in str(raised.value)
    assert raised.value.headline.startswith("search space")


def test_auto_means_a_perceptron_where_the_space_names_no_models():
    assert spaces.read("{dropout: [0.1, 0.2]}", TrainConfig(model="auto")).base.model == "mlp"
    assert spaces.read("{model: [dcn], dropout: [0.1]}", TrainConfig(model="auto"))


@given(st.one_of(st.integers(0, 99), st.floats(0, 1, exclude_max=True)))
def test_a_number_comes_back_from_its_text(value):
    name = "bins" if isinstance(value, int) else "dropout"
    assert spaces.value_of(name, spaces.text_of(value)) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model", "tabm", "tabm"),
        ("hidden", "[256, 128]", [256, 128]),
        ("bins", "8.0", 8),
        ("learning_rate", "1e-05", 1e-5),
    ],
)
def test_a_text_is_read_as_its_knob_wants_it(name, text, value):
    found = spaces.value_of(name, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("name", "text"), [("dropout", "much"), ("droput", "0.1"), ("seed", "1")])
def test_a_text_that_is_none_of_its_knob_is_refused(name, text):
    with pytest.raises(ConfigError, match="search space"):
        spaces.value_of(name, text)


def test_every_field_can_be_searched_or_is_said_not_to_be():
    for name in configs.TrainConfig().to_dict():
        try:
            spaces.value_of(name, "1")
        except ConfigError as error:
            assert error.cause, name
