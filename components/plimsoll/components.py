"""The catalogue: one import line a component, from raw data to a pushed model."""

from plimsoll.evaluate.component import evaluate
from plimsoll.infra_validate.component import infra_validate
from plimsoll.ingest.component import ingest
from plimsoll.push.component import push
from plimsoll.train.component import train
from plimsoll.transform.component import transform
from plimsoll.validate.component import validate

__all__ = ["evaluate", "infra_validate", "ingest", "push", "train", "transform", "validate"]
