"""Trains a network for tabular data, with gradient boosting beside it."""
