"""The InferenceService of a pushed package, from the template that is shipped."""

import re
from pathlib import Path
from typing import Any

from plimsoll.errors import ConfigError
from plimsoll.formats.package import Package
from plimsoll.images import image

TEMPLATE = "inferenceservice.yaml"
CONTAINER = "kserve-container"
STORAGE_VARIABLE = "STORAGE_URI"
FEATURES_VARIABLE = "PLIMSOLL_FEATURES"
FEATURES_KEY = "where"
CLAIM = "plimsoll-models"
LONGEST_NAME = 50


def render(template: Path, package: Package) -> str:
    """Returns the YAML of the InferenceService that serves a package.

    Only names, labels, annotations, image, arguments, storage, the probes' paths and the feature
    store's address are filled in; all else is the template's. That address may hold a password:
    it comes from the key ``where`` of the secret that ``features_secret`` names, if the cluster
    has it. Without it the server asks requests for all features.

    Args:
        template: A valid InferenceService with a container ``kserve-container``.
        package: What it will serve.

    Raises:
        ConfigError: if the template is not one.
    """
    import yaml

    try:
        service = yaml.safe_load(template.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(
            f"the service template {template} cannot be read", cause=str(error)
        ) from error
    try:
        _fill(service, package)
    except (KeyError, TypeError, StopIteration) as error:
        raise ConfigError(
            f"the service template {template} is not an InferenceService with a container "
            f"{CONTAINER!r}",
            cause=f"{type(error).__name__}: {error}",
            hint="start again from the template that comes with plimsoll",
        ) from error
    header = f"# {package.name} {package.version}, rendered by plimsoll push: apply with kubectl.\n"
    if package.features is not None:
        header += _features_comment(package)
    text: str = yaml.safe_dump(service, sort_keys=False, width=100)
    return header + text


def service_name(model: str) -> str:
    """Returns a model's name as Kubernetes takes it: lower case letters, digits, hyphens.

    Short enough that KServe's own suffixes fit; starting with a letter.
    """
    name = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    if not name[:1].isalpha():
        name = f"model-{name}"
    return name[:LONGEST_NAME].strip("-")


def storage_uri(package: Package) -> str:
    """Returns where a cluster finds a version: a claim that holds the destination folder."""
    return f"pvc://{CLAIM}/{package.name}/{package.version}"


def features_secret(package: Package) -> str:
    """Returns the name of the Kubernetes secret that says where a model's features are."""
    return f"{service_name(package.name)}-features"


def _fill(service: dict[str, Any], package: Package) -> None:
    metadata = service["metadata"]
    metadata["name"] = service_name(package.name)
    metadata["labels"]["app.kubernetes.io/name"] = service_name(package.name)
    metadata["labels"]["app.kubernetes.io/version"] = package.version
    metadata["annotations"]["plimsoll/model"] = package.name
    metadata["annotations"]["plimsoll/version"] = package.version
    metadata["annotations"]["plimsoll/dataset"] = dataset_id(package)
    containers = service["spec"]["predictor"]["containers"]
    container = next(item for item in containers if item["name"] == CONTAINER)
    container["image"] = image("serve")
    container["args"] = [
        f"--name={package.name}" if argument.startswith("--name=") else argument
        for argument in container["args"]
    ]
    storage = next(item for item in container["env"] if item["name"] == STORAGE_VARIABLE)
    storage["value"] = storage_uri(package)
    if package.features is not None:
        _add_features(container["env"], features_secret(package))
    for probe in ("startupProbe", "readinessProbe"):
        if probe in container:
            container[probe]["httpGet"]["path"] = f"/v2/models/{package.name}/ready"


def _add_features(environment: list[dict[str, Any]], secret: str) -> None:
    # What the template sets itself stays.
    if any(item["name"] == FEATURES_VARIABLE for item in environment):
        return
    reference = {"name": secret, "key": FEATURES_KEY, "optional": True}
    environment.append({"name": FEATURES_VARIABLE, "valueFrom": {"secretKeyRef": reference}})


def _features_comment(package: Package) -> str:
    secret = features_secret(package)
    return (
        f"# Its features are looked up where the secret {secret} says: kubectl create secret\n"
        f"# generic {secret} --from-literal={FEATURES_KEY}=redis://:PASSWORD@HOST:6379/0\n"
    )


def dataset_id(package: Package) -> str:
    """Returns the id of the data set that a package was made from, or an empty string."""
    lineage = package.lineage()
    dataset = lineage.get("dataset_id") or lineage.get("dataset") or ""
    return str(dataset.get("id", "")) if isinstance(dataset, dict) else str(dataset)
