"""The command line. Heavy modules are imported by the command that needs them."""

from plimsoll.cli.entry import main

__all__ = ["main"]
