"""Ingest: files of data become an immutable, split dataset."""
