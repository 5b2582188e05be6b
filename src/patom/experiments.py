"""The former name of ``patom.paper``.

.. deprecated:: 0.3
    Import from ``patom.paper``; this module will go in 0.5.
"""

import warnings
from typing import TYPE_CHECKING, Any

from patom import paper

if TYPE_CHECKING:
    from patom.paper import Grid, Run, findings, only, parse_grid, presets, read_grid, read_run, run_grid

__all__ = ["Grid", "Run", "findings", "only", "parse_grid", "presets", "read_grid", "read_run", "run_grid"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'patom.experiments' has no attribute {name!r}")
    warnings.warn("patom.experiments is called patom.paper now, and will go in version 0.5.", DeprecationWarning, 2)
    return getattr(paper, name)
