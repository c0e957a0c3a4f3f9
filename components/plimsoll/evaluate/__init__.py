"""Measures a model on every split, judges it by the problem's thresholds, and packages it."""
