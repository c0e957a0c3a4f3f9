"""The KFP component ``push``."""

from typing import NamedTuple

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("serve"), install_kfp_package=False)
def push(
    package: dsl.Input[dsl.Model],
    pushed_model: dsl.Output[dsl.Model],
    blessed: bool,
    infra_blessed: bool,
    destination: str,
    data_passed: bool = True,
    force: bool = False,
) -> NamedTuple("Outputs", [("pushed", bool), ("reason", str), ("version", str), ("path", str)]):  # type: ignore[valid-type]
    """Pushes a blessed package to where it is served from, and makes it the champion.

    The version's folder appears whole or not at all; ``champion.json`` moves last. Not pushed
    is a result, not an error.

    Args:
        package: The model package.
        blessed: If evaluation blessed the model.
        infra_blessed: If the package answered in a real server as it did when evaluated.
        destination: Local folder that holds ``<name>/<version>/``; made if missing.
        data_passed: If the data gate let the data pass; ``validate`` says so in mode ``branch``.
        force: Push without the blessings; said loudly.

    Returns:
        pushed_model: What was pushed: ``pushed.json``.
        pushed: If it was pushed.
        reason: Why, or why not.
        version: The version, a hash of its content.
        path: The version's folder.
    """
    from pathlib import Path

    from plimsoll.push import core

    gates = core.Gates(blessed=blessed, infra_blessed=infra_blessed, data_passed=data_passed)
    result = core.push(Path(package.path), destination, gates, force=force)
    pushed_model.metadata.update(core.write_record(Path(pushed_model.path), result))
    return (result.pushed, result.reason, result.version, result.path)
