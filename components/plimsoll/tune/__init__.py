"""Searches hyperparameters of a training: the component ``tune``, and the same for Katib."""
