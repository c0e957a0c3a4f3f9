"""Readers of each kind of file, into Arrow, block by block."""
