"""The KFP component ``infra_validate``."""

from typing import NamedTuple

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("serve"), install_kfp_package=False)
def infra_validate(
    package: dsl.Input[dsl.Model],
    report: dsl.Output[dsl.Artifact],
    tries: int = 3,
    ready_seconds: int = 120,
) -> NamedTuple("Outputs", [("blessed", bool), ("reason", str)]):  # type: ignore[valid-type]
    """Loads a package in the server that the endpoint uses, and asks it real requests.

    Args:
        package: The model package, with its warm-up requests and the answers expected.
        tries: Servers started before giving up; any that passes is enough.
        ready_seconds: How long a server may take to be ready.

    Returns:
        report: JSON of what was measured.
        blessed: If the answers over HTTP were those recorded at evaluation.
        reason: Why, or why not.
    """
    from pathlib import Path

    from plimsoll.infra_validate import core

    verdict = core.infra_validate(Path(package.path), tries=tries, ready_seconds=ready_seconds)
    report.metadata.update(core.write_report(Path(report.path), verdict))
    return (verdict.blessed, verdict.reason)
