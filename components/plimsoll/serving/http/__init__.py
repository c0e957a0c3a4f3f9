"""KServe's HTTP front, and the v2 protocol's tensors."""
