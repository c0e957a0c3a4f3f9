"""The KFP component ``validate``."""

from typing import Any, Dict, NamedTuple

from kfp import dsl

from plimsoll.images import image


@dsl.component(base_image=image("data"), install_kfp_package=False)
def validate(
    dataset: dsl.Input[dsl.Dataset],
    statistics: dsl.Output[dsl.Artifact],
    schema: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    given_schema: str = "",
    mode: str = "fail",
    config: Dict[str, Any] = {},
    baseline: str = "",
    serving: str = "",
) -> NamedTuple("Outputs", [("passed", bool), ("reason", str)]):  # type: ignore[valid-type]
    """Measures each split with TensorFlow Data Validation, and stops at data that does not fit.

    Args:
        dataset: The snapshot to check.
        given_schema: Text of a schema.pbtxt to enforce as written; empty: inferred from train.
        mode: ``fail`` stops the run at anomalies; ``warn`` tells of them and goes on; ``branch``
            goes on and lets the pipeline decide by ``passed``.
        config: What is measured and where the lines are: the fields of ValidateConfig.
        baseline: Statistics or dataset of the span before, a folder or gs:// prefix; drift is
            measured against it.
        serving: Statistics or dataset of what the model is asked; skew is measured against it.

    Returns:
        statistics: Statistics of each split, and every check with what was measured and allowed.
        schema: The schema that was enforced, as text that a person can edit.
        report: The columns and the anomalies, as a page.
        passed: If there are no anomalies.
        reason: What did not pass, in a line.
    """
    from pathlib import Path

    from plimsoll.parameters import json_text
    from plimsoll.validate import core

    paths = core.Outputs(
        statistics=Path(statistics.path), schema=Path(schema.path), report=Path(report.path)
    )
    request = core.request_of(given_schema, mode, json_text(config), baseline, serving)
    verdict = core.validate(Path(dataset.path), paths, request)
    statistics.metadata.update(verdict.metadata())
    return (verdict.passed, verdict.reason)
