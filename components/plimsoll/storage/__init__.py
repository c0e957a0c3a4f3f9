"""Files and folders that are whole or absent, here and in buckets; locks, retries, provenance."""
