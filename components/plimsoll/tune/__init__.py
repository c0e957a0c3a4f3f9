"""Searches the knobs of a training: the component ``tune``, and the same search for Katib."""
