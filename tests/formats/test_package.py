"""The model package: a version is a content, and whatever was touched is refused."""

import json
import shutil

import pytest

from plimsoll.errors import ArtifactError
from plimsoll.formats.package import open_package
from serving import made_package


@pytest.fixture
def package(tmp_path):
    return made_package.make_package(tmp_path / "package")


def test_the_same_content_is_the_same_version_wherever_it_lies(tmp_path, package):
    shutil.copytree(package.folder, tmp_path / "moved")

    assert open_package(tmp_path / "moved").version == package.version
    assert len(package.version) == 16


def test_every_file_is_listed_but_the_manifest(package):
    found = {path.name for path in package.folder.rglob("*") if path.is_file()}
    assert found - {"manifest.json"} <= {name.rpartition("/")[2] for name in package.files}
    assert "weights.safetensors" in found


def change(folder):
    path = folder / "metrics.json"
    path.write_text(path.read_text().replace("0", "1"))


def remove(folder):
    (folder / "transform" / "transform.json").unlink()


def add(folder):
    (folder / "model" / "more.bin").write_bytes(b"x")


def link(folder):
    path = folder / "model_card.md"
    path.rename(folder.parent / "outside.md")
    path.symlink_to(folder.parent / "outside.md")


def rename(folder):
    edit(folder, lambda manifest: manifest.update(name="another"))


def escape(folder):
    edit(folder, lambda manifest: manifest["files"].update({"../outside": "0" * 64}))


def absolute(folder):
    edit(folder, lambda manifest: manifest["files"].update({"/etc/passwd": "0" * 64}))


def forget(folder):
    edit(folder, lambda manifest: manifest.pop("files"))


def age(folder):
    edit(folder, lambda manifest: manifest.update(format="plimsoll.package/0"))


def edit(folder, by):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    by(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "harm",
    [change, remove, add, link, rename, escape, absolute, forget, age],
    ids=lambda harm: harm.__name__,
)
def test_a_package_that_was_touched_is_refused(package, harm):
    harm(package.folder)
    with pytest.raises(ArtifactError):
        open_package(package.folder)


def test_a_feature_plan_travels_in_the_package(tmp_path, package):
    from plimsoll.formats import feature_plan as plans

    view = plans.View(
        name="v",
        keys=(plans.Key(column="tailnum", join_key="tailnum", type="STRING"),),
        features=(plans.Feature(name="f", column="f", type="FLOAT"),),
    )
    plan = plans.FeaturePlan(
        project="p", service="s", registry_sha256="0", key_version=3, time="at", views=(view,)
    )
    plans.write_plan(tmp_path / "plan", plan, {})
    with_plan = made_package.make_package(tmp_path / "with", features=tmp_path / "plan")

    assert package.features is None
    assert plans.open_plan(with_plan.features) == plan
    assert "features/plan.json" in with_plan.files
    assert with_plan.version != package.version
    (with_plan.features / "plan.json").write_text("{}")
    with pytest.raises(ArtifactError, match="changed"):
        open_package(with_plan.folder)
