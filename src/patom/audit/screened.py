"""Screening of a user's table: scaled as an audit scales it, with lambdas that cross-validation chose."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from patom.audit.data import constant_note, in_own_order, used_features
from patom.core.arrays import AnyArray, BoolArray, FloatArray
from patom.core.labels import encode
from patom.datasets.scaling import fit_scaling
from patom.datasets.tables.table import Table
from patom.defenses import NewTaskInfluence, Screening, rank_new_tasks, screen
from patom.defenses.newcomers import new_positions
from patom.evaluate.defended import new_learner
from patom.evaluate.trial import quiet
from patom.models import LambdaSearch
from patom.wording import counted, listed


@dataclass(frozen=True)
class ScreenedTable:
    """The ranking of a table's tasks, the features used (not the constant ones), and notes on each automatic choice.

    ``new_tasks`` is the ranking of those that joined lately; None where none were named or found.
    """

    found: Screening
    features: tuple[str, ...]
    notes: tuple[str, ...]
    new_tasks: NewTaskInfluence | None = None


def screen_table(
    table: Table,
    *,
    reference: Table | None = None,
    new: Sequence[str] | None = None,
    lambda_1: float | None = None,
    lambda_2: float | None = None,
    standardise: bool = True,
    resamples: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> ScreenedTable:
    """Rank the tasks of a table; costs a cross-validation and three fits a task, and those again for each resample.

    The order of the tables' rows plays no part. ``reference`` is a trusted table with the same features. The lambdas
    are both given, or those of ``LambdaSearch`` on the table; ``resamples`` give p-values. ``new`` names the tasks that
    joined lately, as text, by default those that ``reference`` does not hold; each costs two fits more. ``progress`` is
    called with the parts done and all parts.
    """
    if (lambda_1 is None) != (lambda_2 is None):
        raise ValueError("lambda_1 and lambda_2 of the screening must be given together, or none of them.")
    if reference is not None:
        _require_alike(table, reference)
    table, reference = in_own_order(table), None if reference is None else in_own_order(reference)
    task, known = _comparable(table, reference)
    joined, ranked_too, told = _new_tasks(task, known, new)
    old = ~np.isin(task, joined)  # a new task must set neither the scale nor the lambdas by which it is judged
    scaling = fit_scaling(table.X[old], table.y[old], kind=table.kind, standardise=standardise)
    X, y = scaling.features(table.X), scaling.target(table.y)
    done, total = 0, len(set(task.tolist())) + 2 + resamples + (2 * joined.size + 2 if joined.size else 0)

    def advance() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    with quiet():  # a ranking does not need the last digits
        model, chosen = _learner(table, (X[old], y[old], task[old]), lambda_1, lambda_2, seed)
        trusted = None
        if reference is not None:
            rows = scaling.features(reference.X), scaling.target(reference.y)
            trusted = clone(model).fit(*rows, task=known)
        found = screen(
            model, X, y, task=task, reference=trusted, n_resamples=resamples, random_state=seed,
            progress=advance,
        )  # fmt: skip
        ranked = None
        if joined.size:
            X, y, task = X[ranked_too], y[ranked_too], task[ranked_too]
            ranked = rank_new_tasks(model, X, y, task=task, new=joined, progress=advance)
    used, left_out = used_features(table.features, scaling)
    return ScreenedTable(found, used, (*table.notes, *constant_note(left_out), *chosen, *told), ranked)


def _require_alike(table: Table, reference: Table) -> None:
    """Refuse a trusted table of other features or targets."""
    if reference.features != table.features:
        raise ValueError(
            f"the trusted table must have the features {', '.join(table.features)}; it has "
            f"{', '.join(reference.features)}."
        )
    if _of_target(reference) != _of_target(table):
        raise ValueError(
            f"the trusted table must be for the table's {_of_target(table)}; it is for {_of_target(reference)}, so "
            "name the kind or bring rows with the same targets."
        )


def _learner(
    table: Table,
    rows: tuple[FloatArray, FloatArray, AnyArray],
    lambda_1: float | None,
    lambda_2: float | None,
    seed: int,
) -> tuple[Any, list[str]]:
    """The learner with its lambdas, and notes on how they were chosen on these rows."""
    model = new_learner(table.kind)
    notes = []
    if lambda_1 is None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("always", UserWarning)
            fitted = LambdaSearch(model, random_state=seed).fit(rows[0], rows[1], task=rows[2])
        lambda_1, lambda_2 = fitted.lambda_1_, fitted.lambda_2_
        notes = [f"lambda_1 is {lambda_1:g} and lambda_2 {lambda_2:g}, by cross-validation."]
        notes += [str(each.message) for each in caught]
    return model.set_params(lambda_1=lambda_1, lambda_2=lambda_2), notes


def _comparable(table: Table, reference: Table | None) -> tuple[AnyArray, AnyArray | None]:
    """Labels of both tables, as text where one of them holds labels that are no numbers: they name the same tasks."""
    if reference is None:
        return table.task, None
    task, known = table.task, reference.task
    if task.dtype.kind != known.dtype.kind:
        task, known = task.astype(str), known.astype(str)
    if not np.isin(known, task).any():
        raise ValueError(
            f"the trusted table must hold tasks of the table, such as {task[0]!s}; it holds others, such as "
            f"{known[0]!s}."
        )
    return task, known


def _new_tasks(
    task: AnyArray, known: AnyArray | None, new: Sequence[str] | None
) -> tuple[AnyArray, BoolArray, list[str]]:
    """Labels of the tasks that joined lately, a mask of the rows of these and of old tasks, and a note on the choice.

    Tasks that a trusted table does not hold are new. Where some of them are named, the others are neither: nobody
    vouches for them.
    """
    tasks, everything = encode(task)[0], np.ones(task.size, dtype=bool)
    unknown = tasks[:0] if known is None else tasks[~np.isin(tasks, known)]
    if new is None:
        note = f"New tasks: {unknown.size:,} of {counted(tasks.size, 'task')}, which the trusted table does not hold."
        return unknown, everything, [note] if unknown.size else []
    joined = tasks[new_positions(new, tasks.astype(str))]
    neither = np.setdiff1d(unknown, joined)
    if neither.size == 0:
        return joined, everything, []
    named = (
        f"{counted(neither.size, 'task')} that the trusted table does not hold: {listed(neither.astype(str).tolist())}"
    )
    return joined, ~np.isin(task, neither), [f"The ranking of new tasks leaves out {named}."]


def _of_target(table: Table) -> str:
    return table.kind if table.classes is None else f"{table.kind} of {' and '.join(table.classes)}"
