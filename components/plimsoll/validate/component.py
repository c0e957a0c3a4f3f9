"""Validate, as a component of Kubeflow Pipelines."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from plimsoll.images import image


@dsl.component(base_image=image("data"), install_kfp_package=False)
def validate(
    dataset: Input[Dataset],
    statistics: Output[Artifact],
    schema: Output[Artifact],
    report: Output[HTML],
    given_schema: str = "",
    mode: str = "fail",
    config: str = "{}",
    baseline: str = "",
    serving: str = "",
) -> NamedTuple("Outputs", passed=bool, reason=str):  # type: ignore[valid-type]
    """Measures each split with TensorFlow Data Validation, and stops at data that does not fit.

    Args:
        dataset: The snapshot to check.
        statistics: Statistics of each split, and every check with what was measured and allowed.
        schema: The schema that was enforced, as text that a person can edit.
        report: The columns and the anomalies, as a page.
        given_schema: Text of a schema.pbtxt to enforce as written; empty: inferred from train.
        mode: ``fail`` stops the run at anomalies; ``warn`` tells of them and goes on; ``branch``
            goes on and lets the pipeline decide by ``passed``.
        config: What is measured and where the lines are, as a JSON object: see ValidateConfig.
        baseline: Statistics or dataset of the span before, a folder or gs:// prefix; drift is
            measured against it.
        serving: Statistics or dataset of what the model is asked; skew is measured against it.

    Returns:
        If there are no anomalies, and what did not pass in a line.
    """
    from pathlib import Path
    from typing import NamedTuple

    from plimsoll.validate import core

    paths = core.Outputs(
        statistics=Path(statistics.path), schema=Path(schema.path), report=Path(report.path)
    )
    asked = core.asked_of(given_schema, mode, config, baseline, serving)
    verdict = core.validate(Path(dataset.path), paths, asked)
    statistics.metadata.update(verdict.metadata())
    outputs = NamedTuple("Outputs", passed=bool, reason=str)  # type: ignore[misc]
    return outputs(verdict.passed, verdict.reason)  # type: ignore[call-arg]
