"""Materialize: the latest rows of feature views, from the offline store into the online one."""
