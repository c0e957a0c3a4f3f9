"""Infra-validate: a package in a real server, asked real requests."""
