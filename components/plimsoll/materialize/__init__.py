"""The component ``materialize``: the latest feature values, from the offline to the online store."""
