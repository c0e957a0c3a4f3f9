"""cloudbuild.yaml holds together: what can be checked without Google's side of it."""

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text("utf-8"))
STEPS = {step["id"]: step for step in BUILD["steps"]}
ROLES = sorted(path.parent.name for path in ROOT.glob("components/images/*/Dockerfile"))

DURATION = {"type": "string", "pattern": r"^\d+s$"}
TEXTS = {"type": "array", "items": {"type": "string"}}
VARIABLES = {"type": "array", "items": {"type": "string", "pattern": "^[A-Z_]+="}}
# The fields of Cloud Build's Build that are used here; it refuses those that it does not know.
STEP = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "name", "timeout", "waitFor"],
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z][a-z-]*$"},
        "name": {"type": "string"},
        "entrypoint": {"type": "string"},
        "args": TEXTS,
        "script": {"type": "string", "minLength": 1},
        "env": VARIABLES,
        "dir": {"type": "string"},
        "timeout": DURATION,
        "waitFor": {**TEXTS, "minItems": 1, "uniqueItems": True},
    },
    # Cloud Build takes a script or a command, not both.
    "oneOf": [{"required": ["script"]}, {"required": ["args"]}],
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["steps", "timeout", "serviceAccount", "options"],
    "properties": {
        "steps": {"type": "array", "items": STEP, "maxItems": 300},
        "substitutions": {
            "type": "object",
            "propertyNames": {"pattern": "^_[A-Z0-9_]+$"},
            "additionalProperties": {"type": "string"},
        },
        "timeout": DURATION,
        "serviceAccount": {"type": "string", "pattern": "^projects/.+/serviceAccounts/.+@.+"},
        "options": {
            "type": "object",
            "additionalProperties": False,
            # A service account of one's own needs its logs sent somewhere.
            "required": ["logging"],
            "properties": {
                "automapSubstitutions": {"type": "boolean"},
                "dynamicSubstitutions": {"type": "boolean"},
                "substitutionOption": {"enum": ["MUST_MATCH", "ALLOW_LOOSE"]},
                "machineType": {"enum": ["E2_MEDIUM", "E2_HIGHCPU_8", "E2_HIGHCPU_32"]},
                "diskSizeGb": {"type": "string", "pattern": r"^\d+$"},
                "logging": {"enum": ["CLOUD_LOGGING_ONLY", "GCS_ONLY", "NONE"]},
                "env": VARIABLES,
            },
        },
    },
}
BUILT_IN = {"PROJECT_ID", "COMMIT_SHA", "SHORT_SHA", "TAG_NAME"}


def _ancestors(step: str) -> set[str]:
    found: set[str] = set()
    waiting = [step]
    while waiting:
        before = [name for name in STEPS[waiting.pop()]["waitFor"] if name != "-"]
        waiting += [name for name in before if name not in found]
        found |= set(before)
    return found


def test_it_has_the_form_that_cloud_build_takes():
    jsonschema.Draft202012Validator(SCHEMA).validate(BUILD)


def test_ids_are_unique():
    ids = [step["id"] for step in BUILD["steps"]]
    assert len(ids) == len(set(ids))


def test_a_step_waits_for_steps_above_it():
    above = {"-"}
    for step in BUILD["steps"]:
        assert set(step["waitFor"]) <= above, step["id"]
        above.add(step["id"])


def test_the_whole_build_lasts_as_long_as_its_longest_way():
    def seconds(name: str) -> int:
        step = STEPS[name]
        before = [seconds(other) for other in step["waitFor"] if other != "-"]
        return int(step["timeout"][:-1]) + max(before, default=0)

    longest = max(seconds(name) for name in STEPS)
    assert longest <= int(BUILD["timeout"][:-1])


def test_every_image_is_built_tried_and_published():
    assert ROLES, "there are no Dockerfiles"
    for role in ROLES:
        assert STEPS[f"image-{role}"]["script"].split() == [".ci/image", role]
    published = STEPS["push-images"]["script"].split()
    assert published == [".ci/publish", "build/release/digests.json", *ROLES]


def test_nothing_is_published_before_every_check_has_passed():
    checks = set(STEPS) - {"push-images", "compile", "upload", "move-latest", "submit"}
    assert _ancestors("push-images") == checks


def test_latest_moves_after_the_upload_and_submitting_comes_last():
    assert "upload" in _ancestors("move-latest")
    assert _ancestors("submit") == set(STEPS) - {"submit"}


def test_pipelines_are_compiled_against_the_digests_that_were_pushed():
    pushed = STEPS["push-images"]["script"].split()[1]
    compiled = STEPS["compile"]["script"].split()
    assert compiled[compiled.index("--images") + 1] == pushed


def test_builder_images_are_pinned():
    for step in BUILD["steps"]:
        tag = step["name"].rpartition(":")[2]
        assert re.fullmatch(r"\d+\.\d+(\.\d+)?[\w.-]*", tag), step["name"]


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    asked = {
        target
        for step in BUILD["steps"]
        for target in re.findall(r"\bmake ([a-z]+)", step.get("script", ""))
    }
    assert asked
    assert asked <= targets


def test_files_that_steps_name_exist():
    scripts = "\n".join(step.get("script", "") for step in BUILD["steps"])
    named = set(re.findall(r"(?:\.ci|components)/[\w./-]+", scripts))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_scripts_are_run_by_someone_and_can_be():
    for path in (ROOT / ".ci").iterdir():
        assert path.stat().st_mode & 0o111, f"{path.name} is not executable"


@pytest.mark.parametrize("step", STEPS)
def test_scripts_are_shell_and_stop_at_the_first_error(step):
    script = STEPS[step]["script"]
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    if len(script.splitlines()) > 1:
        assert "set -eu" in script


def test_substitutions_are_known_and_used():
    known = BUILT_IN | set(BUILD["substitutions"])
    rest = yaml.safe_dump({**BUILD, "substitutions": {}}, width=10_000)
    used = set(re.findall(r"\$\{?(_[A-Z_]+)", rest))
    assert used == set(BUILD["substitutions"])
    for step in BUILD["steps"]:
        for name in re.findall(r"\$\{?([A-Z_]+)", " ".join([*step.get("env", ()), step["id"]])):
            assert name in known, f"{step['id']}: {name}"


DOCKER = r"""#!/usr/bin/env bash
# Stands in for a registry: pushing succeeds, and the image has the digests that are asked for.
case "$1" in
  push) echo "$3" >>"$PUSHED" ;;
  image) printf 'elsewhere/plimsoll/data@sha256:0\n%s@sha256:%s\n' "${3%:*}" "$DIGEST" ;;
esac
"""


def _publish(folder: Path, digest: str) -> subprocess.CompletedProcess:
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    variables = {
        "PATH": f"{docker.parent}:/usr/bin:/bin",
        "PUSHED": str(folder / "pushed"),
        "DIGEST": digest,
        "REGISTRY": "registry/project/plimsoll",
        "COMMIT_SHA": "0123456789",
        "SHORT_SHA": "0123",
    }
    command = [ROOT / ".ci" / "publish", folder / "digests.json", "data", "serve"]
    return subprocess.run(command, env=variables, capture_output=True, text=True)


def test_published_images_are_named_by_the_digests_of_their_own_registry(tmp_path):
    ended = _publish(tmp_path, "12ab")
    assert ended.returncode == 0, ended.stderr
    assert json.loads((tmp_path / "digests.json").read_text()) == {
        "data": "registry/project/plimsoll/data@sha256:12ab",
        "serve": "registry/project/plimsoll/serve@sha256:12ab",
    }
    assert len((tmp_path / "pushed").read_text().split()) == 4


def test_an_image_without_a_digest_is_not_published(tmp_path):
    ended = _publish(tmp_path, "")
    assert ended.returncode != 0
    assert "has no digest" in ended.stderr
    assert not (tmp_path / "digests.json").exists()
