"""Push, as a component of Kubeflow Pipelines."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Input, Model, Output

from plimsoll.images import image


@dsl.component(base_image=image("serve"), install_kfp_package=False)
def push(
    package: Input[Model],
    pushed_model: Output[Model],
    blessed: bool,
    infra_blessed: bool,
    destination: str,
    data_passed: bool = True,
    force: bool = False,
) -> NamedTuple("Outputs", pushed=bool, reason=str, version=str, path=str):  # type: ignore[valid-type]
    """Pushes a blessed package to where it is served from, and makes it the champion.

    The version's folder appears whole or not at all; ``champion.json`` moves last. Not pushed
    is a result, not an error.

    Args:
        package: The model package.
        pushed_model: What was pushed: ``pushed.json``.
        blessed: If evaluation blessed the model.
        infra_blessed: If the package answered in a real server as it did when evaluated.
        destination: Local folder that holds ``<name>/<version>/``; made if missing.
        data_passed: If the data gate let the data pass; ``validate`` says so in mode ``branch``.
        force: Push without the blessings; said loudly.

    Returns:
        If it was pushed, why or why not, the version, and the version's folder.
    """
    from pathlib import Path
    from typing import NamedTuple

    from plimsoll.push import core

    gates = core.Gates(blessed=blessed, infra_blessed=infra_blessed, data_passed=data_passed)
    result = core.push(Path(package.path), destination, gates, force=force)
    pushed_model.metadata.update(core.write_record(Path(pushed_model.path), result))
    outputs = NamedTuple("Outputs", pushed=bool, reason=str, version=str, path=str)  # type: ignore[misc]
    return outputs(result.pushed, result.reason, result.version, result.path)  # type: ignore[call-arg]
