"""Plimsoll: Kubeflow Pipelines components from raw data to a monitored KServe endpoint."""

__version__ = "0.1.0"
