"""Which hyperparameters of a training have an effect on which model."""

from plimsoll.train.config import NETWORKS

FIXED = {
    "seed": "a seed that is searched for is luck, not a better model",
    "threads": "it says where a training runs, not what it learns",
    "devices": "it says where a training runs, not what it learns",
    "data": "it says where a training runs, not what it learns",
    "parallel": "it says where a training runs, not what it learns",
    "compile": "it says where a training runs, not what it learns",
    "precision": "it says where a training runs, not what it learns",
    "checkpoint_steps": "it says what is kept of a training, not what it learns",
    "checkpoint_minutes": "it says what is kept of a training, not what it learns",
    "checkpoints_kept": "it says what is kept of a training, not what it learns",
    "importance": "it says what is told of a model, not what it learns",
    "time_budget": "it limits auto, and a search has a budget of its own",
}
"""Hyperparameters that are not searched, and why."""

_LAYERED = ("mlp", "tabm", "dcn")
_OURS = tuple(name for name in NETWORKS if name != "module")
_MODELS = {
    # A network of one's own gets both, and may use them.
    "hidden": (*_LAYERED, "module"),
    "dropout": (*_LAYERED, "module"),
    "members": ("tabm",),
    "crosses": ("dcn",),
    "numbers": _OURS,
    "bins": _OURS,
    "number_width": _OURS,
    "frequencies": _OURS,
    "frequency_spread": _OURS,
    "embedding": _OURS,
    "trees": ("boosting",),
    "tree_rate": ("boosting",),
    "leaves": ("boosting",),
    "leaf_rows": ("boosting",),
    "tree_columns": ("boosting",),
    "class_weights": (*NETWORKS, "boosting"),
}
"""Hyperparameter -> the models that it has an effect on; the others: every network."""
_FORMS = {
    "bins": ("bins", "embedded"),
    "number_width": ("embedded", "periodic"),
    "frequencies": ("periodic",),
    "frequency_spread": ("periodic",),
}
"""Hyperparameter -> what ``numbers`` must be, one of these, for it to have an effect."""


def applies(name: str, model: str, numbers: str) -> bool:
    """Says if a hyperparameter has an effect on a model.

    Args:
        name: A field of TrainConfig.
        model: A family.
        numbers: How numbers go in.
    """
    if name == "model":
        return True
    return model in _MODELS.get(name, NETWORKS) and numbers in _FORMS.get(name, (numbers,))


def why_not(name: str) -> str:
    """Says what a hyperparameter has an effect on."""
    form = f" with numbers {' or '.join(_FORMS[name])}" if name in _FORMS else ""
    return f"it has one on {', '.join(_MODELS.get(name, NETWORKS))}{form}"
