import inspect
import json

from ingest.data import forty
from plimsoll.formats.dataset import open_dataset
from plimsoll.images import image
from plimsoll.ingest.component import ingest


class Artifact:
    """What KFP hands to a component: a place and metadata."""

    def __init__(self, path):
        self.path = str(path)
        self.metadata = {}


def test_the_component_writes_the_dataset_and_tells_of_it(write, tmp_path):
    path = write(forty())
    artifact = Artifact(tmp_path / "outputs" / "dataset")
    ingest.python_func(dataset=artifact, data=str(path), label="y")
    written = open_dataset(tmp_path / "outputs" / "dataset")
    assert artifact.metadata["id"] == written.id
    assert artifact.metadata["notes"] == list(written.inferred)
    assert (artifact.metadata["rows_train"], artifact.metadata["rows_test"]) == (32, 4)
    assert str(path) in artifact.metadata["witnesses"][0]["files"]
    json.dumps(artifact.metadata, allow_nan=False)


def test_the_component_takes_what_the_pipeline_wires():
    spec = ingest.component_spec
    assert list(spec.inputs) == ["data", "label", "problem", "config", "store"]
    assert [name for name, value in spec.inputs.items() if not value.optional] == ["data"]
    assert list(spec.outputs) == ["dataset"]
    assert spec.implementation.container.image == image("data")
    assert inspect.signature(ingest.python_func).return_annotation is None
