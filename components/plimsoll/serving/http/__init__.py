"""KServe's HTTP server, and the v2 protocol's tensors."""
