"""Push: a blessed package into a destination, whole, with a champion pointer."""
