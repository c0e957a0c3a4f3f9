"""Runs compiled pipelines on this machine, each step in its own role's environment."""

from plimsoll.local.api import run

__all__ = ["run"]
