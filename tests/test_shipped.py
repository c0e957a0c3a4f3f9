import shutil

import pytest

from plimsoll import shipped


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("images", "data/requirements.lock"),
        ("pipelines", "training.yaml"),
        ("schemas", "problem.json"),
        ("serving", "inferenceservice.yaml"),
    ],
)
def test_a_checkout_has_the_originals_and_a_wheel_its_copies(tmp_path, monkeypatch, name, holds):
    original = shipped.folder(name)
    assert (original / holds).is_file()

    shutil.copytree(original, tmp_path / "_shipped" / name)
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path)
    assert shipped.folder(name) == tmp_path / "_shipped" / name
    assert (shipped.folder(name) / holds).is_file()
