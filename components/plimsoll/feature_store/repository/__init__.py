"""A Feast repository: its definitions, its registry, its feature plans."""
