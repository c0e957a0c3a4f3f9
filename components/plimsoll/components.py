"""The catalogue: one import line a component, from raw data to a pushed model."""

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
