"""The data gate: statistics of each split, a schema, and what does not fit it."""
