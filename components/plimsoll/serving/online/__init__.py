"""Readers of online stores, as Feast writes them."""
