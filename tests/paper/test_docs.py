"""The grid that the documentation shows is a grid."""

import re
from pathlib import Path

from patom.paper import parse_grid

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documented_grid_is_valid():
    (text,) = re.findall(r"```toml\n(.*?)```", (DOCS / "grids.md").read_text(), re.DOTALL)
    grid = parse_grid(text, "docs/grids.md")
    assert [experiment.name for experiment in grid.experiments] == [
        f"digits, lambda_1 {weight}, lambda_2 {weight}, {steps}"
        for weight in ("0.001", "0.01")
        for steps in ("small steps", "the paper's steps")
    ]
