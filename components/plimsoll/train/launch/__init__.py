"""Where a training runs: in this process, by torchrun, or as a TrainJob on a cluster."""
