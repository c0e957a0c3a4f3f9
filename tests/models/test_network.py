"""Networks on disk: what is read back answers the same; what is damaged is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.errors import ArtifactError, ConfigError
from plimsoll.models import network, network_layers
from plimsoll.storage.files import read_json, write_json


class Rows:
    def __init__(self, rows, seed=0):
        random = np.random.default_rng(seed)
        self.numeric = random.normal(size=(rows, 2)).astype(np.float32)
        self.categorical = random.integers(0, 3, (rows, 1)).astype(np.int32)


def saved(folder, **fields):
    torch.manual_seed(0)
    shape = {"task": "binary", "outputs": 2, "numeric": 2, "categories": (3,), "embeddings": (2,)}
    config = network.NetworkConfig(**{**shape, "hidden": (4,), **fields})
    module = network.Network(config).eval()
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
        {"family": "linear", "hidden": ()},
        {"family": "tabm", "members": 3},
        {"family": "tabm", "members": 3, "hidden": (), "task": "regression", "outputs": 1},
        {"family": "dcn", "crosses": 2},
        {"family": "dcn", "crosses": 1, "rank": 2, "hidden": ()},
        {"numbers": "periodic", "frequencies": 3, "number_width": 2},
        {"numbers": "bins", "bins": (3, 0)},
        {"numbers": "embedded", "bins": (3, 0), "number_width": 4},
        {"numbers": "bins", "bins": (2, 2), "family": "tabm", "members": 2},
    ],
    ids=str,
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
        {"family": "forest"},
        {"family": "linear"},
        {"numbers": "bins", "bins": (3,)},
        {"numbers": "periodic", "frequencies": 3},
        {"widths": (1, 1)},
        {"members": 0},
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
    module = network.Network(config).eval()
    module.numbers.fit(edges)
    network.save_network(tmp_path, module)

    spread = network.load_network(tmp_path).numbers

    numbers = torch.tensor([[-9.0, 0.0], [0.5, 1.0], [2.0, 2.0], [9.0, 3.0]])
    assert spread(numbers).tolist() == [[0, 0], [0.5, 0], [1, 0.5], [1, 1]]


def test_bins_answer_the_same_however_columns_are_worked_on_together():
    random = np.random.default_rng(0)
    counts = (3, 1, 3, 0, 2)
    edges = [np.sort(random.normal(size=count + 1)).astype(np.float32) for count in counts]
    spread = network_layers.PiecewiseLinear(counts)
    spread.fit(edges)
    numbers = torch.from_numpy(random.normal(size=(50, 5)).astype(np.float32))
    wanted = torch.cat(
        [
            (
                (numbers[:, [place]] - torch.from_numpy(ends[:-1]))
                / torch.from_numpy(np.diff(ends))
            ).clamp(0, 1)
            for place in (1, 4, 0, 2)
            for ends in [edges[place]]
        ],
        dim=1,
    )
    assert torch.allclose(spread(numbers), wanted, atol=1e-6)


def test_of_several_indices_the_mean_of_those_that_are_there():
    torch.manual_seed(0)
    embedded = network_layers.Categories((4, 9, 4), (1, 3, 1), (2, 2, 2))
    shared, wide = embedded.tables
    rows = torch.tensor([[1, 5, 7, 0, 3], [0, 8, 0, 0, 2], [2, 0, 0, 0, 0]])
    found = embedded(rows)
    assert torch.allclose(found[:, :2], shared[rows[:, 0]])
    assert torch.allclose(found[:, 2:4], shared[4 + rows[:, 4]])
    assert torch.allclose(found[0, 4:], (wide[5] + wide[7]) / 2)
    assert torch.allclose(found[1, 4:], wide[8])
    assert torch.allclose(found[2, 4:], wide[0])


def test_unknown_stands_only_where_something_was():
    config = network.NetworkConfig(
        task="binary",
        outputs=2,
        numeric=1,
        categories=(4, 9),
        widths=(1, 3),
        embeddings=(2, 2),
        hidden=(),
        unknown_rate=0.999,
    )
    module = network.Network(config).train()
    seen = []
    module.categories.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    module(torch.zeros(1, 1), torch.tensor([[3, 5, 7, 0]]))
    assert seen[0].tolist() == [[1, 1, 1, 0]]


def test_an_ensemble_answers_the_mean_of_its_members_probabilities(tmp_path):
    module = saved(tmp_path / "model", family="tabm", members=3)
    rows = Rows(7)
    raw = module(torch.from_numpy(rows.numeric), torch.from_numpy(rows.categorical))
    assert raw.shape == (7, 3, 2)
    wanted = torch.softmax(raw.double(), dim=2).mean(dim=1).detach().numpy()
    assert network.predict(module, module.config, rows) == pytest.approx(wanted)


def test_members_begin_with_signs_of_their_own_and_one_matrix():
    torch.manual_seed(0)
    body = network_layers.Ensemble(40, members=4, hidden=(8, 8), dropout=0, outputs=2)
    first, second = body.layers
    assert set(first.before.flatten().tolist()) == {-1.0, 1.0}
    assert len({tuple(row) for row in first.before.tolist()}) == 4
    assert (second.before == 1).all()
    assert first.weight.shape == (8, 40)


def test_many_classes_and_members_are_answered_in_bounded_pieces(tmp_path, monkeypatch):
    module = saved(tmp_path / "model", family="tabm", members=3, task="multiclass", outputs=50)
    whole = network.predict(module, module.config, Rows(40))
    monkeypatch.setattr(network, "NUMBERS_AT_ONCE", 3 * 50 * 4)
    assert network.predict(module, module.config, Rows(40)) == pytest.approx(whole)


def test_many_rows_answer_as_few_do():
    torch.manual_seed(0)
    shared = network_layers.SharedLinear(3, 5, 4, signs=True)
    shared.after.data.normal_()
    rows = torch.randn(20, 1, 5)
    wanted = torch.cat([shared(rows[place : place + 2]) for place in range(0, 20, 2)])
    assert torch.allclose(shared(rows), wanted, atol=1e-6)
    assert shared(rows).shape == (20, 3, 4)
