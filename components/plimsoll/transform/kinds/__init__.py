"""How each kind of column is measured and fitted."""
