"""Drift and skew: distances between distributions, and the bounds of chance on them."""
