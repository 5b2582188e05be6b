"""The command line: the only place that prints, colours and shows progress. One file a command."""

from patom.cli import audit as _audit  # noqa: F401  (registers its command)
from patom.cli.app import main

__all__ = ["main"]
