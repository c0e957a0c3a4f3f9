"""One pass over rows shared among processes of one machine, or the workers of Beam."""
