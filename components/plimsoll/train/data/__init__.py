"""How a training reads its examples: tensors, samplers, batches, streams."""
