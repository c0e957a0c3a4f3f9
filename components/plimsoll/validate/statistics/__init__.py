"""The statistics of a split, measured in one pass."""
