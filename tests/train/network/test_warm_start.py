"""Going on from a model's weights, for real."""

import shutil

import pytest
import torch

from plimsoll.errors import ArtifactError, ConfigError, DataError
from plimsoll.formats.package import Contents, write_package
from plimsoll.models.blend import Member, save_blend
from plimsoll.models.network import load_network, predict, save_network
from plimsoll.models.transform import Label, SourceColumn, Transform, write_transform
from plimsoll.models.transform_parts import Number
from plimsoll.models.transform_parts import Vocabulary as Words
from plimsoll.storage.files import read_json, write_json, write_text
from plimsoll.train import config as configs
from plimsoll.train import core
from plimsoll.train.network import warm_start
from plimsoll.train.network.spec import initial_network, network_spec_for
from train import made_examples

SMALL = '{"model": "mlp", "hidden": [16, 8], "bins": 8'


class Rows:
    def __init__(self, examples, split):
        self.numeric, self.categorical = examples.numeric(split), examples.categorical(split)


def model(tmp_path, text=SMALL + "}", task="binary", name="old", **made):
    """Writes a model as it might have been trained on examples, and returns both."""
    examples = made_examples.write(tmp_path / f"{name}-examples", task, **made)
    network = initial_network(network_spec_for(examples, configs.parse(text)), seed=3)
    folder = tmp_path / name
    folder.mkdir()
    save_network(folder, network)
    return examples, folder


def transform(names=("signal", "noise"), values=("x", "y"), place="place"):
    number = {"fill": 0.0, "low": -9.0, "high": 9.0, "scale": "standard", "spread": 1.0}
    columns = [
        SourceColumn(
            name=name, type="float", kind="numeric", why="", parts=(Number(output=name, **number),)
        )
        for name in names
    ]
    words = Words(output=place, values=values)
    columns.append(
        SourceColumn(name=place, type="string", kind="categorical", why="", parts=(words,))
    )
    label = Label(name="y", type="string", task="binary", classes=("no", "yes"), positive="yes")
    return Transform(columns=tuple(columns), label=label)


def package(tmp_path, folder, *, classes=("no", "yes"), **changed):
    parts = tmp_path / "parts"
    write_transform(parts / "transform", transform(**changed))
    for name in ("schema", "statistics"):
        (parts / name).mkdir()
    write_text(parts / "schema" / "schema.pbtxt", "# none\n")
    write_json(parts / "statistics" / "anomalies.json", {})
    contents = Contents(
        name="shop",
        task="binary",
        classes=classes,
        positive="yes",
        inputs=(),
        problem={"label": "y"},
        model=folder,
        transform=parts / "transform",
        schema=parts / "schema",
        statistics=parts / "statistics",
        instances=[],
        answers=[],
        metrics={},
        lineage={},
        model_card="",
    )
    return write_package(tmp_path / "package", contents)


def gone_on(folder, shape):
    network = initial_network(warm_start.spec_from_model(folder, shape), seed=0)
    warm_start.load_weights(network, folder)
    return network


@pytest.mark.parametrize("numbers", ["bins", "embedded", "periodic", "plain"])
@pytest.mark.parametrize("family", ["linear", "mlp", "tabm", "dcn"])
def test_it_answers_as_the_model_did_before_a_step_is_taken(tmp_path, family, numbers):
    text = f'{SMALL}, "model": "{family}", "numbers": "{numbers}", "members": 4}}'
    _, folder = model(tmp_path, text, rows=600)
    # Other rows: of other quantiles, and fewer of them, so that fresh bins would be others.
    now = made_examples.write(tmp_path / "now", seed=9, rows=300)
    config = warm_start.config_from_model(configs.parse(""), folder)
    warm_start.check_columns(now, folder)

    network = gone_on(folder, network_spec_for(now, config))
    network.eval()

    rows = Rows(now, "test")
    old = load_network(folder)
    assert (predict(network, network.config, rows) == predict(old, old.config, rows)).all()
    assert network.config.dropout == (0.0 if family == "linear" else config.dropout)


def test_the_edges_of_the_bins_are_found_again_to_the_bit(tmp_path):
    _, folder = model(tmp_path, SMALL + "}", rows=999, seed=4)
    now = made_examples.write(tmp_path / "now", rows=77)
    shape = warm_start.spec_from_model(folder, network_spec_for(now, configs.parse(SMALL + "}")))

    fresh, old = initial_network(shape, seed=0).state_dict(), load_network(folder).state_dict()

    for name in ("numbers.low", "numbers.scale"):
        assert torch.equal(fresh[name], old[name])


def test_regression_keeps_the_unit_that_it_learnt_its_label_in(tmp_path):
    _, folder = model(tmp_path, task="regression")
    now = made_examples.write(tmp_path / "now", "regression", seed=5)
    config = warm_start.config_from_model(configs.parse(""), folder)

    network = gone_on(folder, network_spec_for(now, config))

    assert network.config.target_mean == load_network(folder).config.target_mean
    assert network_spec_for(now, config).network.target_mean != network.config.target_mean


def test_what_is_left_open_is_the_models_and_the_learning_rate_is_gentle(tmp_path):
    _, folder = model(tmp_path, SMALL + ', "model": "tabm", "members": 4}')

    config = warm_start.config_from_model(configs.parse('{"epochs": 3}'), folder)

    assert (config.model, config.hidden, config.members) == ("tabm", (16, 8), 4)
    assert config.epochs == 3
    assert config.learning_rate == configs.TrainConfig().learning_rate / 10
    asked = warm_start.config_from_model(
        configs.parse('{"learning_rate": 0.005, "model": "auto"}'), folder
    )
    assert asked.learning_rate == 0.005
    assert asked.model == "tabm"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"hidden": [32]}', "hidden: train_config says 32, the model has 16, 8"),
        ('{"model": "dcn"}', "model: train_config says dcn, the model has mlp"),
        ('{"model": "boosting"}', "model: train_config says boosting"),
        ('{"numbers": "periodic"}', "numbers: train_config says periodic, the model has embedded"),
    ],
)
def test_another_network_than_the_models_is_refused(tmp_path, text, said):
    _, folder = model(tmp_path)
    with pytest.raises(ConfigError, match="another network") as raised:
        warm_start.config_from_model(configs.parse(text), folder)
    assert said in raised.value.cause


def test_how_many_numbers_are_made_of_a_column_is_the_models(tmp_path):
    _, folder = model(tmp_path, SMALL + ', "number_width": 3}')
    assert warm_start.config_from_model(configs.parse(""), folder).number_width == 3
    with pytest.raises(ConfigError, match="another network") as raised:
        warm_start.config_from_model(configs.parse('{"number_width": 5}'), folder)
    assert "number_width: train_config says 5, the model has 3" in raised.value.cause


def test_knobs_of_other_families_are_not_looked_at(tmp_path):
    _, folder = model(tmp_path)
    config = warm_start.config_from_model(configs.parse('{"members": 7, "crosses": 5}'), folder)
    assert (config.members, config.crosses) == (7, 5)


def test_a_package_is_found_by_its_own_folder_and_by_its_champion(tmp_path):
    examples, folder = model(tmp_path)
    found = package(tmp_path, folder)
    shop = tmp_path / "pushed" / "shop"
    shop.mkdir(parents=True)
    (tmp_path / "package").rename(shop / found.version)
    write_json(shop / "champion.json", {"version": found.version})

    for place in (shop, shop / found.version):
        assert warm_start.find_model(place).model == shop / found.version / "model"
        warm_start.check_columns(examples, place)

    write_json(shop / "champion.json", {"version": "../../etc"})
    with pytest.raises(ArtifactError, match="names no version"):
        warm_start.find_model(shop)


def test_a_package_of_other_columns_is_told_apart_by_their_names(tmp_path):
    examples, folder = model(tmp_path)
    found = package(
        tmp_path,
        folder,
        classes=("yes", "no"),
        names=("signal", "price"),
        values=("x", "y", "z"),
    )

    with pytest.raises(DataError, match="not those of the model") as raised:
        warm_start.check_columns(examples, found.folder)

    assert raised.value.cause.splitlines() == [
        "classes: the model answers yes, no, the examples have no, yes",
        "numeric columns: the examples lack price; the model does not know noise",
        "place: the model knows 5 values, the examples have 4",
    ]
    assert "start_from" in raised.value.hint
    assert str(found.folder) in raised.value.hint


def test_a_model_of_another_task_or_with_other_counts_is_refused(tmp_path):
    _, folder = model(tmp_path, task="multiclass")
    examples = made_examples.write(tmp_path / "now")

    with pytest.raises(DataError, match="not those of the model") as raised:
        warm_start.check_columns(examples, folder)
    assert raised.value.cause.splitlines() == [
        "task: the model has multiclass, the examples have binary",
        "classes: the model has 3, the examples have 2",
    ]


def test_weights_of_another_shape_are_refused_with_what_differs(tmp_path):
    examples, folder = model(tmp_path)
    other = initial_network(
        network_spec_for(examples, configs.parse('{"model": "mlp", "hidden": [9]}')), seed=0
    )
    before = {name: value.clone() for name, value in other.state_dict().items()}

    with pytest.raises(ConfigError, match="another network") as raised:
        warm_start.load_weights(other, folder)

    assert "hidden: 16, 8 in the model, 9 here" in raised.value.cause
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_a_folder_without_a_model_says_what_would_be_one(tmp_path):
    with pytest.raises(ArtifactError, match="no model to start from"):
        warm_start.find_model(tmp_path)


def test_boosting_is_refused_clearly(tmp_path):
    write_json(tmp_path / "boosting.json", {})
    with pytest.raises(ConfigError, match="boosting cannot be gone on with"):
        warm_start.find_model(tmp_path)


def blend_of(folder, *members):
    """A blend of folders of models, with a weight each."""
    save_blend(folder, [Member(folder=model, weight=weight) for model, weight in members])
    return folder


def trees(folder):
    folder.mkdir()
    (folder / "boosting.json").write_text("{}")
    (folder / "trees.txt").write_text("tree")
    return folder


def test_of_a_blend_the_network_that_weighs_most_is_gone_on_with(tmp_path):
    examples, light = model(tmp_path)
    heavy = shutil.copytree(light, tmp_path / "heavy")
    blend = blend_of(
        tmp_path / "blend", (trees(tmp_path / "trees"), 0.5), (light, 0.2), (heavy, 0.3)
    )

    assert warm_start.find_model(blend).model == blend / "member-2"
    warm_start.check_columns(examples, blend)
    assert warm_start.user_module_source(blend) == ""


def test_a_blend_of_trees_is_refused(tmp_path):
    blend = blend_of(tmp_path / "blend", (trees(tmp_path / "trees"), 1.0))
    with pytest.raises(ConfigError, match="without a network cannot be gone on with"):
        warm_start.find_model(blend)


def test_a_network_of_ones_own_is_gone_on_with_as_it_is(tmp_path):
    _, folder = model(tmp_path)
    (folder / "module.py").write_text("def build(inputs): ...")
    with core.open_request("", "local", "", "", str(folder)) as asked:
        assert asked.module == "def build(inputs): ..."
    with core.open_request("x = 1", "local", "", "", str(folder)) as asked:
        assert asked.module == "x = 1"


def test_a_damaged_model_is_refused(tmp_path):
    examples, folder = model(tmp_path)
    content = read_json(folder / "network.json")
    write_json(folder / "network.json", {**content, "hidden": [16, 9]})
    config = configs.parse('{"model": "mlp", "hidden": [16, 9], "bins": 8}')

    with pytest.raises(ArtifactError, match="does not fit"):
        gone_on(folder, network_spec_for(examples, config))
