"""From a recipe to a table, and from a table to training and test rows, by the audit's own functions."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.held_tables.recipes import RECIPES, Frame, Recipe
from patom.audit.data import AuditData, table_data
from patom.core.arrays import BoolArray
from patom.datasets.dataset import Kind
from patom.datasets.tables.table import Table, read_table

MOST_TASKS, MOST_ROWS = 20, 60
"""Of a table, and of each of its tasks: one attack then takes seconds."""
LEAST_ROWS, LEAST_OF_A_CLASS = 20, 5
"""Of a task, among the rows drawn; tasks with fewer are dropped."""


@dataclass(frozen=True, eq=False)
class HeldTable:
    """A table in the units of its source, encoded, and where it comes from.

    Parameters
    ----------
    name : str
    kind : {"regression", "classification"}
    table : Table
        n rows of d features, targets and task labels, as ``patom audit`` reads a file that holds these columns.
    package, version, citation : str
        The installed package, and where its authors have the data from. Both packages are under the MIT licence.
    """

    name: str
    kind: Kind
    table: Table
    package: str
    version: str
    citation: str


def load(name: str) -> HeldTable:
    """Read, encode and draw one of ``RECIPES``; the same rows at each call.

    Rows with a missing value are dropped, then tasks with few rows, or few of a class. Of larger tasks ``MOST_ROWS``
    rows are drawn, and ``MOST_TASKS`` of more tasks, by a fixed generator. Takes 0.1 to 0.7 s of one core.

    Raises
    ------
    ValueError
        For a name that is not in ``RECIPES``.
    ModuleNotFoundError
        If the package is not installed.

    Examples
    --------
    >>> held = load("greene")
    >>> held.table.X.shape, held.table.classes
    ((332, 5), ('no', 'yes'))
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise ValueError(f"There is no held-out table {name!r}; choose one of {', '.join(RECIPES)}.")
    frame = _drawn(_encoded(recipe), recipe)
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.parquet")
        frame.to_parquet(path, index=False)
        table = read_table(path, task=recipe.task, target=recipe.target, kind=recipe.kind)
    return HeldTable(name, recipe.kind, table, recipe.file.package, recipe.file.version, recipe.citation)


def split(held: HeldTable, seed: int, test_fraction: float = 0.3) -> AuditData:
    """Training and test rows of each task (of each class in it), scaled as ``patom audit`` scales a table.

    Columns, and regression targets, are standardised by the training rows, which then lie in the unit ball; test rows
    may lie slightly outside. ``train`` and ``test`` of the result unpack as ``X, y, task``, with tasks from 0 on;
    ``score`` is the audit's metric. ``seed`` is a whole number, and ``test_fraction`` as in ``table_data``.
    """
    return table_data(held.table, seed=seed, test_fraction=test_fraction)


def _encoded(recipe: Recipe) -> Frame:
    """Complete rows of the task, the target and the features, which are numbers."""
    names = [recipe.task, recipe.target, *recipe.numbers, *recipe.words]
    frame = recipe.prepared(recipe.file.frame())[names]
    numbers = frame[list(recipe.numbers)].apply(pd.to_numeric, errors="coerce")
    frame = frame.assign(**numbers).dropna()
    frame = frame.astype(dict.fromkeys(recipe.words, str))
    return pd.get_dummies(frame, columns=list(recipe.words), drop_first=True)


def _drawn(frame: Frame, recipe: Recipe) -> Frame:
    """Some rows of some tasks, in the order of the file."""
    rng = np.random.default_rng(0)
    label, target = frame[recipe.task].to_numpy(), frame[recipe.target].to_numpy()
    chosen = []
    for task in pd.unique(label):
        rows = rng.permutation(np.flatnonzero(label == task))[:MOST_ROWS]
        if rows.size >= LEAST_ROWS and (recipe.kind == "regression" or _least_class(target[rows]) >= LEAST_OF_A_CLASS):
            chosen.append(rows)
    tasks = rng.permutation(len(chosen))[:MOST_TASKS]
    return frame.iloc[np.sort(np.concatenate([chosen[task] for task in tasks]))]


def _least_class(target: BoolArray) -> int:
    counts = pd.Series(target).value_counts()
    return int(counts.min()) if counts.size == 2 else 0
