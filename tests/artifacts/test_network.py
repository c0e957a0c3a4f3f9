"""Networks on disk: what is read back answers the same; what is damaged is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.artifacts import network, network_layers
from plimsoll.artifacts.files import read_json, write_json
from plimsoll.errors import ArtifactError, ConfigError


class Rows:
    def __init__(self, rows, seed=0):
        random = np.random.default_rng(seed)
        self.numeric = random.normal(size=(rows, 2)).astype(np.float32)
        self.categorical = random.integers(0, 3, (rows, 1)).astype(np.int32)


def saved(folder, **fields):
    torch.manual_seed(0)
    shape = {"task": "binary", "outputs": 2, "numeric": 2, "categories": (3,), "embeddings": (2,)}
    config = network.NetworkConfig(**{**shape, "hidden": (4,), **fields})
    module = network.build(config).eval()
    folder.mkdir()
    network.save_network(folder, module)
    return module


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"task": "multiclass", "outputs": 5},
        {"task": "regression", "outputs": 1, "target_mean": 5.0, "target_std": 2.0},
        {"hidden": ()},
    ],
    ids=["binary", "multiclass", "regression", "linear"],
)
def test_what_is_read_back_answers_the_same(tmp_path, fields):
    module = saved(tmp_path / "model", **fields)
    again = network.load_network(tmp_path / "model")

    first = network.predict(module, module.config, Rows(9))
    second = network.predict(again, again.config, Rows(9))

    assert again.config == module.config
    assert (first == second).all()
    if module.config.task != "regression":
        assert first.sum(axis=1) == pytest.approx(1)


def test_a_batch_answers_as_its_rows_do(tmp_path):
    module = saved(tmp_path / "model")
    rows, one = Rows(5), Rows(1)
    whole = network.predict(module, module.config, rows)
    one.numeric, one.categorical = rows.numeric[3:4], rows.categorical[3:4]
    assert network.predict(module, module.config, one) == pytest.approx(whole[3:4], abs=1e-6)


def test_no_rows_give_no_answers(tmp_path):
    module = saved(tmp_path / "model")
    assert network.predict(module, module.config, Rows(0)).shape == (0, 2)


def test_weights_are_no_pickle(tmp_path):
    saved(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "network.json",
        "weights.safetensors",
    ]
    assert (tmp_path / "model" / "weights.safetensors").read_bytes()[8:9] == b"{"


def test_damage_is_refused(tmp_path):
    saved(tmp_path / "cut")
    weights = tmp_path / "cut" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ArtifactError, match="cannot be read as weights"):
        network.load_network(tmp_path / "cut")

    saved(tmp_path / "other")
    content = read_json(tmp_path / "other" / "network.json")
    write_json(tmp_path / "other" / "network.json", {**content, "hidden": [5]})
    with pytest.raises(ArtifactError, match="does not fit"):
        network.load_network(tmp_path / "other")

    module = saved(tmp_path / "nan")
    with torch.no_grad():
        next(module.parameters()).fill_(float("nan"))
    network.save_network(tmp_path / "nan", module)
    with pytest.raises(ArtifactError, match="not finite"):
        network.load_network(tmp_path / "nan")


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "ranking"},
        {"task": "regression"},
        {"outputs": 1},
        {"numeric": 0, "categories": (), "embeddings": ()},
        {"embeddings": ()},
        {"dropout": 1.0},
        {"target_std": 0.0},
    ],
    ids=str,
)
def test_a_shape_that_does_not_hold_is_refused(fields):
    shape = {"task": "binary", "outputs": 2, "numeric": 2, "categories": (3,), "embeddings": (2,)}
    with pytest.raises(ConfigError):
        network.NetworkConfig(**{**shape, **fields})


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200), st.integers(1, 20))
def test_edges_rise_and_span_the_values(values, bins):
    column = np.array(values, np.float32)
    edges = network_layers.bin_edges(column, bins)
    assert 1 <= len(edges) <= bins + 1
    assert (np.diff(edges) > 0).all()
    assert edges[0] == column.min()
    assert column.max() - edges[-1] <= network_layers.NARROWEST


def test_a_value_that_most_rows_have_does_not_use_up_the_edges():
    column = np.concatenate([np.zeros(900), np.linspace(0.1, 1, 100)]).astype(np.float32)
    assert len(network_layers.bin_edges(column, 8)) == 9


def test_bins_are_saved_and_number_rises_through_them(tmp_path):
    edges = [np.array([0, 1, 3], np.float32), np.array([5], np.float32)]
    config = network.NetworkConfig(
        task="binary", outputs=2, numeric=2, numbers="bins", bins=(2, 0), hidden=(4,)
    )
    module = network.build(config).eval()
    module.numbers.fit(edges)
    network.save_network(tmp_path, module)

    spread = network.load_network(tmp_path).numbers

    numbers = torch.tensor([[-9.0, 0.0], [0.5, 1.0], [2.0, 2.0], [9.0, 3.0]])
    assert spread(numbers).tolist() == [[0, 0], [0.5, 0], [1, 0.5], [1, 1]]
