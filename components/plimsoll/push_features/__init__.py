"""Push features: rows that just came into a push source, online and offline."""
