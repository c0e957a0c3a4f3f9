"""Fits a transform on the train split."""
