"""Rows between the passes: kept, hashed, counted."""
