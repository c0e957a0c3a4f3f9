"""Pipelines: found by name, compiled, read as graphs, given arguments."""
