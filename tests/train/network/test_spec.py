"""Networks of every family, chosen for examples of every shape, learn and answer."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from plimsoll.errors import ConfigError, DataError
from plimsoll.models import network
from plimsoll.train.config import TrainConfig
from plimsoll.train.network import spec
from train import odd_examples

FAMILIES = ("linear", "mlp", "tabm", "dcn")
SMALL = {
    "hidden": [8],
    "members": 3,
    "bins": 4,
    "frequencies": 2,
    "embedding": 3,
    "dropout": 0,
    "unknown_rate": 0,
}


class Rows:
    def __init__(self, examples, split="eval"):
        self.numeric = examples.numeric(split)
        self.categorical = examples.categorical(split)


def loss_of(module, examples):
    """Returns the mean over members of each one's loss, on the train split."""
    label = np.array(examples.label("train"))
    made = module(
        torch.from_numpy(np.array(examples.numeric("train"))),
        torch.from_numpy(np.array(examples.categorical("train"))),
    )
    made = made.unsqueeze(1) if made.dim() == 2 else made
    members = made.shape[1]
    if examples.task == "regression":
        unit = (label - module.config.target_mean) / module.config.target_std
        target = torch.from_numpy(unit.astype(np.float32))
        return ((made[:, :, 0] - target[:, None]) ** 2).mean()
    target = torch.from_numpy(label).repeat_interleave(members)
    return torch.nn.functional.cross_entropy(made.flatten(0, 1), target)


def stepped(module, examples):
    """Returns the loss, and moves every weight a little against its gradient."""
    weights = list(module.parameters())
    loss = loss_of(module, examples)
    for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.data -= 0.01 * slope.sign()
    return loss.item()


@pytest.fixture(scope="module", params=odd_examples.SHAPES, ids=str)
def examples(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    return odd_examples.write(folder / "made", **odd_examples.SHAPES[request.param])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_from_every_shape_and_answers(family, examples):
    for numbers in ("bins", "embedded", "periodic", "plain") if family == "mlp" else ("bins",):
        config = TrainConfig(model=family, numbers=numbers, **SMALL)
        module = spec.initial_network(spec.network_spec_for(examples, config), 0)
        losses = [stepped(module, examples) for _ in range(6)]
        # From constants there is nothing to learn but the share of each class.
        assert min(losses[1:]) < losses[0] or len(np.unique(examples.numeric("train"))) == 1

        module.eval()
        answers = network.predict(module, module.config, Rows(examples))
        rows = examples.rows["eval"]
        if examples.task == "regression":
            assert answers.shape == (rows,)
            assert 50 < answers.mean() < 150
        else:
            assert answers.shape == (rows, len(examples.classes))
            assert answers.sum(axis=1) == pytest.approx(1)


def test_one_seed_gives_the_same_first_weights(tmp_path):
    examples = odd_examples.write(tmp_path / "x", numeric=2, outputs=((5, 1),))
    for family in FAMILIES:
        chosen = spec.network_spec_for(examples, TrainConfig(model=family, **SMALL))
        first, second = (spec.initial_network(chosen, 7).state_dict() for _ in range(2))
        assert all(torch.equal(first[name], second[name]) for name in first)
        other = spec.initial_network(chosen, 8).state_dict()
        assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_linear_model_has_no_hidden_layer_and_drops_nothing(tmp_path):
    examples = odd_examples.write(tmp_path / "x", numeric=2, outputs=())
    chosen = spec.network_spec_for(examples, TrainConfig(model="linear")).network
    assert chosen.hidden == ()
    assert chosen.dropout == 0


def test_wide_examples_have_fewer_bins_and_narrow_crosses(tmp_path):
    examples = odd_examples.write(tmp_path / "x", numeric=300, outputs=(), rows=640)
    mlp = spec.network_spec_for(examples, TrainConfig(model="mlp", bins=16, numbers="bins")).network
    assert max(mlp.bins) == spec.MOST_BINNED // 300
    tabm = spec.network_spec_for(
        examples, TrainConfig(model="tabm", bins=16, numbers="bins")
    ).network
    assert tabm.numbers == "plain"
    dcn = spec.network_spec_for(examples, TrainConfig(model="dcn", bins=16)).network
    assert dcn.rank == spec.CROSS_RANK


def test_few_rows_have_no_bins(tmp_path):
    examples = odd_examples.write(tmp_path / "x", numeric=2, outputs=(), rows=90)
    assert spec.network_spec_for(examples, TrainConfig(model="mlp")).network.numbers == "plain"


def test_edges_of_many_rows_come_from_rows_spread_over_them(tmp_path, monkeypatch):
    examples = odd_examples.write(tmp_path / "x", numeric=2, outputs=(), rows=3000)
    whole = spec.network_spec_for(examples, TrainConfig(model="mlp", bins=8)).edges
    monkeypatch.setattr(spec, "ROWS_FOR_EDGES", 1000)
    sampled = spec.network_spec_for(examples, TrainConfig(model="mlp", bins=8)).edges
    for one, other in zip(whole, sampled, strict=True):
        assert one[1:-1] == pytest.approx(other[1:-1], abs=0.15)


def test_what_cannot_be_learnt_from_is_refused(tmp_path):
    examples = odd_examples.write(tmp_path / "none", numeric=0, outputs=())
    with pytest.raises(DataError, match="no input column"):
        spec.network_spec_for(examples, TrainConfig(model="mlp"))

    examples = odd_examples.write(tmp_path / "one", numeric=1, outputs=(), classes=1)
    with pytest.raises(DataError, match="one class only"):
        spec.network_spec_for(examples, TrainConfig(model="mlp"))

    with pytest.raises(ConfigError, match="no family of networks"):
        spec.network_spec_for(examples, TrainConfig(model="boosting"))


OWN = """
import torch
from torch import nn


class Own(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.layer = nn.Linear(inputs.numeric, inputs.outputs)
        self.tables = nn.ModuleList(nn.Embedding(size, 2) for size in inputs.categories)
        self.head = nn.Linear(2 * sum(inputs.widths), inputs.outputs)

    def forward(self, numeric, categorical):
        parts, start = [], 0
        for width, table in zip(WIDTHS, self.tables):
            parts.append(table(categorical[:, start : start + width]).flatten(1))
            start += width
        return self.layer(numeric) + self.head(torch.cat(parts, 1))


def build(inputs):
    global WIDTHS
    WIDTHS = inputs.widths
    return Own(inputs)
"""


@pytest.fixture(scope="module")
def plain_examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    return odd_examples.write(folder / "made", numeric=2, outputs=((5, 1), (12, 4)))


def test_a_network_of_ones_own_learns_and_comes_back_the_same(plain_examples, tmp_path):
    chosen = spec.network_spec_for(plain_examples, TrainConfig(model="module"), OWN)
    module = spec.initial_network(chosen, 0)
    before = stepped(module, plain_examples)
    assert stepped(module, plain_examples) < before

    network.save_network(tmp_path, module.eval())
    assert (tmp_path / "module.py").read_text() == OWN
    again = network.load_network(tmp_path)
    rows = Rows(plain_examples)
    first = network.predict(module, module.config, rows)
    assert np.array_equal(network.predict(again, again.config, rows), first)


def test_the_network_of_the_documentation_learns(plain_examples):
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text("utf-8")
    source = page.split("```python\n")[1].split("```")[0]
    chosen = spec.network_spec_for(plain_examples, TrainConfig(model="module"), source)
    module = spec.initial_network(chosen, 0)
    before = stepped(module, plain_examples)
    assert stepped(module, plain_examples) < before


BODY = "import torch\nfrom torch import nn\n\n\n"
MODULE = BODY + "class M(nn.Module):\n{own}\n\n\ndef build(inputs):\n    return M(inputs)\n"
INIT = (
    "    def __init__(self, inputs):\n        super().__init__()\n"
    "        self.layer = nn.Linear(inputs.numeric, inputs.outputs)\n"
)
FORWARD = "    def forward(self, numeric, categorical):\n        return {answer}\n"


def own(answer, init=INIT):
    return MODULE.format(own=init + FORWARD.format(answer=answer))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "no network of your own is given"),
        ("def build(inputs)\n    pass\n", r"not Python: line 1(.|\n)*def build"),
        ("\nimport nowhere_at_all\n", r"raised ModuleNotFoundError in line 2: import nowhere"),
        ("raise SystemExit(3)\n", "raised SystemExit in line 1"),
        ("def biuld(inputs):\n    pass\n", r"no function build(.|\n)*did you mean 'biuld'"),
        ("def build(inputs):\n    return 3\n", "returns int, not a torch module"),
        ("def build(inputs):\n    return inputs.nothing\n", "AttributeError in line 2: return inp"),
        (own("self.layer(numeric)[:, :1]"), r"answers with shape \(8, 1\)(.|\n)*need \(8, 2\)"),
        (own("self.layer(numeric).sum()"), r"answers with shape \(\)"),
        (own("(self.layer(numeric),)"), "answers tuple, not a tensor"),
        (own("self.layer(numeric) / 0"), "NaN or infinity before any training"),
        (own("self.layer(numeric).long()"), "not floats"),
        (own("self.layer(categorical)"), r"forward raised RuntimeError in line 10: return"),
        (
            own("self.layer(categorical[:, 7])"),
            r"categorical of shape \(8, 5\)(.|\n)*several indices a row: categorical.split",
        ),
        (own("self.layer(numeric - numeric.mean(0))"), "by the rows that stand beside it"),
        (
            own(
                "numeric.repeat(1, 2)[:, :2]",
                "    def __init__(self, i):\n        super().__init__()\n",
            ),
            "no weights",
        ),
        (
            own(
                "self.layer(numeric)",
                INIT + "        nn.init.constant_(self.layer.bias, torch.nan)\n",
            ),
            r"weights that are not finite(.|\n)*own.layer.bias",
        ),
        (
            own(
                "self.layer(numeric)",
                INIT + "        import os\n        nn.init.constant_(self.layer.bias, "
                "int.from_bytes(os.urandom(3), 'big'))\n",
            ),
            r"differs between two builds(.|\n)*own.layer.bias",
        ),
    ],
    ids=lambda value: value[:40] if "\n" not in value else "",
)
def test_a_network_of_ones_own_that_will_not_do_is_refused_at_once(plain_examples, source, said):
    with pytest.raises(ConfigError) as refusal:
        spec.network_spec_for(plain_examples, TrainConfig(model="module"), source)
    assert re.search(said, str(refusal.value)), str(refusal.value)


def test_trying_a_network_leaves_the_generator_as_it_was(plain_examples):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    spec.network_spec_for(plain_examples, TrainConfig(model="module"), OWN)
    assert torch.equal(torch.random.get_rng_state(), before)
