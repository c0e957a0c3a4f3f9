"""The served package: found, loaded, asked."""
