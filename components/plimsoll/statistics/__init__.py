"""One engine that measures rows: accumulators, the tree that merges them, and three runners."""
