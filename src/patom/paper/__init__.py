"""Grids of attacks: described in TOML, computed cell by cell, kept, tabulated, judged.

``grid`` reads the TOML, ``description`` is what it may hold; ``cells`` lists the cells of a grid, ``compute`` computes
one; ``run`` computes all of them and keeps them in a folder; ``table`` holds the columns, and ``reading`` reads a
finished run back; ``findings`` says what the table shows. ``presets`` holds the grids of the paper's figures.
"""

from patom.paper.description import Grid
from patom.paper.findings import findings
from patom.paper.grid import only, parse_grid, presets, read_grid
from patom.paper.reading import read_run
from patom.paper.run import Run, run_grid

__all__ = ["Grid", "Run", "findings", "only", "parse_grid", "presets", "read_grid", "read_run", "run_grid"]
