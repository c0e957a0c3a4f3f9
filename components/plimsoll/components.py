"""The catalogue: one import line a component, from raw data to a pushed model."""

from dataclasses import dataclass
from typing import Literal

from plimsoll.evaluate.component import evaluate
from plimsoll.features.component import features
from plimsoll.infra_validate.component import infra_validate
from plimsoll.ingest.component import ingest
from plimsoll.materialize.component import materialize
from plimsoll.push.component import push
from plimsoll.push_features.component import push_features
from plimsoll.train.component import train
from plimsoll.transform.component import transform
from plimsoll.tune.component import tune
from plimsoll.validate.component import validate

__all__ = [
    "evaluate",
    "features",
    "infra_validate",
    "ingest",
    "materialize",
    "push",
    "push_features",
    "train",
    "transform",
    "tune",
    "validate",
]


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a component's signature does not say; its role is that of its image."""

    stability: Literal["stable", "beta"]
    """``stable``: what is there stays until a major version; ``beta``: until a minor one."""
    outside: Literal["nothing", "reads", "writes"] = "nothing"
    """What it does to state outside of the run, which a cluster's cache does not see: where it is
    not ``nothing``, a pipeline switches caching off."""
    needs: tuple[str, ...] = ()
    """What has to be there beside its inputs."""


_FEAST = "a Feast repository"

METADATA = {
    "ingest": Metadata(
        stability="stable",
        outside="reads",
        needs=("credentials of Google Cloud for `gs://` and BigQuery",),
    ),
    "features": Metadata(stability="beta", outside="reads", needs=(_FEAST,)),
    "validate": Metadata(stability="stable", outside="reads"),
    "transform": Metadata(stability="stable"),
    "tune": Metadata(stability="beta", needs=("an accelerator pays off for networks",)),
    "train": Metadata(
        stability="stable",
        needs=(
            "an accelerator pays off for networks",
            "Kubeflow Trainer and storage that nodes share, for the launcher `trainjob`",
        ),
    ),
    "evaluate": Metadata(stability="stable"),
    "infra_validate": Metadata(stability="stable", needs=("a free port of its own pod",)),
    "push": Metadata(
        stability="stable", outside="writes", needs=("the folder or volume that serving reads",)
    ),
    "materialize": Metadata(
        stability="beta", outside="writes", needs=(_FEAST, "its online store, writable")
    ),
    "push_features": Metadata(
        stability="beta", outside="writes", needs=(_FEAST, "its stores, writable")
    ),
}
"""In the order in which a pipeline runs them."""
