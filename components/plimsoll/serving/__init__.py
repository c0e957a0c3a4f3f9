"""Serving: a model package behind KServe's v1 and v2 protocols."""
