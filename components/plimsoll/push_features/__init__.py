"""The component ``push_features``: rows that just came, into a push source."""
