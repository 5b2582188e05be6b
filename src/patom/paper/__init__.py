"""Grids of attacks: described in TOML, computed cell by cell, kept, tabulated, judged.

``grid`` (over ``data``) reads the TOML and validates it, ``plan`` lists its ``cell``s, ``compute`` computes one,
``run`` all of them; ``store`` keeps them and writes the ``table`` with its ``provenance``; ``reading`` takes these
back; ``findings`` says what the table shows. ``presets`` holds the paper's figures.
"""

from patom.paper.description import Grid
from patom.paper.findings import findings
from patom.paper.grid import only, parse_grid, presets, read_grid
from patom.paper.reading import read_run
from patom.paper.run import Run, run_grid

__all__ = ["Grid", "Run", "findings", "only", "parse_grid", "presets", "read_grid", "read_run", "run_grid"]
