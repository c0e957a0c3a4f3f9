"""The component features: a dataset joined with a feature service, each row as of its own time."""
