"""Infra-validate: a package in a real server, sent real requests."""
