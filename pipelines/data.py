"""The data pipeline: from raw data to a version of it that passed the data gate."""

from data_gate import DataInputs, ingested, validated
from kfp import dsl

from plimsoll.parameters import takes


@dsl.pipeline(name="data", display_name="Data gate")
@takes(DataInputs)
def data(inputs: DataInputs) -> None:
    """Takes raw data to a version that passed the data gate: what is run on each new span."""
    validated(ingested(inputs), inputs)
