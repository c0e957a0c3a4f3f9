"""The component ``materialize``: the newest feature values, from the offline store online."""
