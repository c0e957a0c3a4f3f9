"""TFDV's own path from CSV: Beam's DirectRunner, a schema, anomalies with a drift comparator."""

import warnings
from pathlib import Path

import clock

warnings.simplefilter("ignore")

import tensorflow_data_validation as tfdv  # noqa: E402


def work(reference: Path, current: Path) -> object:
    """Returns the columns with anomalies."""
    first, second = (tfdv.generate_statistics_from_csv(str(path)) for path in (reference, current))
    schema = tfdv.infer_schema(first)
    for feature in schema.feature:
        feature.drift_comparator.jensen_shannon_divergence.threshold = 0.1
    anomalies = tfdv.validate_statistics(second, schema, previous_statistics=first)
    return f"anomalies: {', '.join(sorted(anomalies.anomaly_info))}"


if __name__ == "__main__":
    clock.timed(work)
