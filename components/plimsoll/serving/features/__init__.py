"""The feature look-up of a request."""
