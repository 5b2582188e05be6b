"""The command line: the only place that prints, colours and shows progress. One file a command."""

from patom.cli import audit as _audit  # noqa: F401  (registers its command)
from patom.cli import data as _data  # noqa: F401  (registers its commands)
from patom.cli import report as _report  # noqa: F401
from patom.cli import run as _run  # noqa: F401
from patom.cli import screen as _screen  # noqa: F401
from patom.cli.app import main

__all__ = ["main"]
