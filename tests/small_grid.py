"""A grid of generated data that runs in about a second; shared by the tests of runs and of the command line."""

import os

TABLES = ("provenance.json", "results.parquet", "timings.parquet")
GRID = """
title = "small"
seeds = 2

[[experiments]]
name = "related"
figure = "budgets"
attacks = ["patom-direct", "patom-indirect", "random-direct", "random-indirect"]
budgets = [0.1, 0.3]
pairs = { count = 2, targets = 2, attackers = 2 }
data = { name = "related", n_tasks = 6 }
patom = { max_iter = 3 }
"""
CELLS = 32
FAILING = GRID.replace("budgets = [0.1, 0.3]", "budgets = [0.001, 0.3]")
"""The smaller budget comes to no row, which is an error of each of its cells."""


def write_grid(path, text=GRID):
    path.write_text(text)
    return path


def kept(folder):
    """Names of the finished cells in a run's folder."""
    cells = folder / "cells"
    names = os.listdir(cells) if cells.is_dir() else ()
    return {name for name in names if name.endswith(".json") and name[0] != "."}
