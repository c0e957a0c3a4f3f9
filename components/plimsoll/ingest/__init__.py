"""Ingest: CSV and Parquet files become an immutable, split dataset."""
