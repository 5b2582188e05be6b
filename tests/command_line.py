"""Shared by the command line's tests: tables, quick settings, what a refusal looks like."""

import os

import numpy as np

FILES = ("report.html", "report.json", "curves.parquet", "injected.parquet")
QUICK = (
    *("--seeds", "2", "--lambda-1", "0.01", "--lambda-2", "0.01", "--step-size", "1"),
    *("--iterations", "2", "--budgets", "0.3"),
)  # fmt: skip


def linear_tasks(sizes=(24, 24), seed=0):
    rng = np.random.default_rng(seed)
    site = np.repeat(["north", "south", "east"][: len(sizes)], sizes)
    X = rng.normal(size=(site.size, 2))
    return {"site": site, "a": X[:, 0], "b": X[:, 1], "y": X @ [1.0, 2.0] + 0.3 * rng.normal(size=site.size)}


def write_csv(path, columns):
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def contents(path):
    return {name: (path / name).read_bytes() for name in sorted(os.listdir(path))}


def one_line(err, start="patom: "):
    assert err.startswith(start)
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err
