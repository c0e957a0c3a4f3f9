"""Where data lies: local files, buckets, BigQuery, DVC; series of spans."""
