"""From a grid to its cells."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from patom.models import MTRLClassifier, MTRLRegressor
from patom.paper.cell import Cell, Label
from patom.paper.description import DrawnPairs, Experiment, Grid, Pair
from patom.paper.methods import METHODS

MOST_CELLS = 1_000_000
LOSSES = {"regression": MTRLRegressor.LOSSES, "classification": MTRLClassifier.LOSSES}


def plan(grid: Grid, kinds: Sequence[str], tasks: Sequence[Sequence[Label]], seeds: int | None = None) -> list[Cell]:
    """List the cells of a grid, in the order of the table.

    Parameters
    ----------
    grid : Grid
    kinds : sequence of str
        Regression or classification, for each experiment.
    tasks : sequence of sequences of labels
        The tasks of each experiment's data.
    seeds : int, optional
        In place of the grid's number.

    Raises
    ------
    ValueError
        For tasks that the data do not have, more tasks in a pair than there are, a loss of the other kind, an
        indirect attack without attackers, or more than ``MOST_CELLS``.
    """
    count = sum(_count(experiment) for experiment in grid.experiments) * (grid.seeds if seeds is None else seeds)
    if count > MOST_CELLS:
        raise ValueError(
            f"The grid {grid.title!r} comes to more than {MOST_CELLS:,} cells, the most of a run: take fewer seeds, "
            "pairs, budgets or starts."
        )
    cells = []
    for experiment, kind, labels in zip(grid.experiments, kinds, tasks, strict=True):
        _check(experiment, kind)
        pairs = list(_pairs(experiment, labels))
        for seed in range(grid.seeds if seeds is None else seeds):
            for name, pair in zip(_letters(len(pairs)), pairs, strict=True):
                cells += list(_cells(experiment, seed, name, pair))
    return cells


def _count(experiment: Experiment) -> int:
    """Cells of one seed."""
    pairs = experiment.pairs.count if isinstance(experiment.pairs, DrawnPairs) else len(experiment.pairs)
    attacks = sum(len(_variants(experiment, method.rpartition("-")[0])) for method in experiment.attacks)
    return pairs * attacks * len(experiment.budgets) * experiment.starts


def _cells(experiment: Experiment, seed: int, name: str, pair: Pair) -> Iterator[Cell]:
    for method in experiment.attacks:
        attack, _, kind = method.rpartition("-")
        targets, others = _sorted(pair.targets), _sorted(pair.attackers)
        attackers = {"direct": targets, "indirect": others, "hybrid": _sorted((*targets, *others))}[kind]
        for settings, budget, start in itertools.product(
            _variants(experiment, attack), experiment.budgets, range(experiment.starts)
        ):
            yield Cell(
                experiment.name, experiment.figure, name, experiment.data.model_dump(), seed, targets, attackers,
                settings, budget, start, experiment.model.model_dump(), experiment.radius,
                experiment.adversary.model_dump(exclude_defaults=True),
                experiment.defense.model_dump(exclude_defaults=True),
            )  # fmt: skip


def _variants(experiment: Experiment, attack: str) -> list[dict[str, Any]]:
    """An attack's settings, one for each step size of PATOM or table of the ascent."""
    shared: dict[str, Any] = {"name": attack, **METHODS[attack].takes(experiment.start.model_dump())}
    if attack == "patom":
        patom, steps = experiment.patom.model_dump(), experiment.patom.step_size
        return [shared | patom | {"step_size": step} for step in (steps if isinstance(steps, tuple) else [steps])]
    if attack == "ascent":
        tables = experiment.ascent if isinstance(experiment.ascent, tuple) else [experiment.ascent]
        return [shared | table.model_dump() for table in tables]
    return [shared]


def _pairs(experiment: Experiment, labels: Sequence[Label]) -> Iterator[Pair]:
    if isinstance(experiment.pairs, DrawnPairs):
        drawn = experiment.pairs
        if drawn.targets + drawn.attackers > len(labels):
            raise ValueError(
                f"Experiment {experiment.name!r}: pairs of {drawn.targets} targets and {drawn.attackers} attackers "
                f"need more than the {len(labels)} tasks of the data."
            )
        rng = np.random.default_rng(drawn.seed)
        for _ in range(drawn.count):
            order = [labels[k] for k in rng.permutation(len(labels))]
            yield Pair(
                targets=tuple(order[: drawn.targets]),
                attackers=tuple(order[drawn.targets : drawn.targets + drawn.attackers]),
            )
        return
    for pair in experiment.pairs:
        unknown = [label for label in (*pair.targets, *pair.attackers) if label not in labels]
        if unknown:
            raise ValueError(
                f"Experiment {experiment.name!r}: the data have no task {unknown[0]!r}; "
                f"they have {', '.join(map(repr, labels))}."
            )
        yield pair


def _check(experiment: Experiment, kind: str) -> None:
    loss = experiment.model.loss
    if loss is not None and loss not in LOSSES[kind]:
        raise ValueError(
            f"Experiment {experiment.name!r}: the loss {loss!r} is not for {kind}; "
            f"choose from {', '.join(LOSSES[kind])}."
        )
    pairs = experiment.pairs
    alone = pairs.attackers == 0 if isinstance(pairs, DrawnPairs) else any(not pair.attackers for pair in pairs)
    if alone and any(not method.endswith("-direct") for method in experiment.attacks):
        raise ValueError(f"Experiment {experiment.name!r}: indirect and hybrid attacks need attackers in each pair.")


def _sorted(labels: Sequence[Label]) -> tuple[Label, ...]:
    return tuple(sorted(labels, key=lambda label: (isinstance(label, str), label)))


def _letters(count: int) -> Iterator[str]:
    """A, B, ..., Z, A1, B1, ..."""
    for k in range(count):
        yield "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[k % 26] + (str(k // 26) if k >= 26 else "")
