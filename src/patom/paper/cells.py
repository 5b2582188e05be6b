"""The cells of a grid: each is one attack on one learner on one draw of the data, as plain data."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from patom.evaluate.attacks import known_settings
from patom.evaluate.seeding import generator
from patom.models import MTRLClassifier, MTRLRegressor
from patom.paper.description import DrawnPairs, Experiment, Grid, Label, Pair
from patom.paper.pairs import task_sets
from patom.results.methods import AttackName, Method, Reach

MOST_CELLS = 1_000_000
LOSSES = {"regression": MTRLRegressor.LOSSES, "classification": MTRLClassifier.LOSSES}


@dataclass(frozen=True)
class Cell:
    """What to compute, and where it belongs.

    ``experiment`` and ``pair`` say where the cell belongs. They are no part of the key, so that experiments share
    cells. Correlations are kept, and tasks screened, for the ``figure`` of that name only. ``data``, ``attack`` and
    ``model`` are names with their settings, ``seed`` draws training and test rows, ``start`` is the number of the
    random start. ``adversary`` and ``defense`` say how the attacker and the victim differ from the paper's.

    >>> cell = Cell("E", "budgets", "A", {"name": "digits"}, 0, (1,), (2,), {"name": "random"}, 0.1, 0, {})
    >>> str(cell.method), cell.key[:8]
    ('random-indirect', '...')
    """

    experiment: str
    figure: str
    pair: str
    data: dict[str, Any] = field(hash=False)
    seed: int
    targets: tuple[Label, ...]
    attackers: tuple[Label, ...]
    attack: dict[str, Any] = field(hash=False)
    budget: float
    start: int
    model: dict[str, Any] = field(hash=False)
    radius: float = 1.0
    adversary: dict[str, Any] = field(default_factory=dict, hash=False)
    defense: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def method(self) -> AttackName:
        """The attack's method and its reach."""
        return AttackName(Method(self.attack["name"]), Reach.between(self.targets, self.attackers))

    @cached_property
    def key(self) -> str:
        """What the cell's result is filed under: it depends on what is computed and on nothing else."""
        empty = [name for name in ("adversary", "defense") if not getattr(self, name)]
        aside = {"experiment", "pair", *empty}
        content = {name: value for name, value in asdict(self).items() if name not in aside}
        return _digest(content)[:32]

    def rng(self) -> np.random.Generator:
        """The attack's generator. Its key leaves the method out, so that all methods start at the same rows."""
        aim = {"seed": self.seed, "targets": self.targets, "attackers": self.attackers}
        return generator(int(_digest(aim | {"budget": self.budget, "start": self.start}), 16))

    def __str__(self) -> str:
        """A name for people."""
        tasks = f"{_listed(self.attackers)} on {_listed(self.targets)}"
        return (
            f"{self.experiment}; seed {self.seed}; {self.method} ({tasks}); budget {self.budget:g}; start {self.start}"
        )


def canonical(value: Any) -> str:
    """One spelling of plain data.

    >>> canonical({"b": (1, 2), "a": 0.5})
    '{"a":0.5,"b":[1,2]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _listed(tasks: tuple[Label, ...]) -> str:
    return ", ".join(map(str, tasks))


def plan(grid: Grid, kinds: Sequence[str], tasks: Sequence[Sequence[Label]], seeds: int | None = None) -> list[Cell]:
    """List the cells of a grid, in the order of the table.

    ``kinds`` and ``tasks`` are those of each experiment's data: regression or classification, and the task labels.
    ``seeds`` replaces the grid's number. A ValueError refuses tasks that the data do not have, more tasks in a pair
    than there are, a loss of the other kind, an indirect attack without attackers, and more than ``MOST_CELLS``.
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
        pairs = list(task_sets(experiment.name, experiment.pairs, labels))
        for seed in range(grid.seeds if seeds is None else seeds):
            for name, pair in zip(_letters(len(pairs)), pairs, strict=True):
                cells += list(_cells(experiment, seed, name, pair))
    return cells


def _count(experiment: Experiment) -> int:
    """Cells of one seed."""
    pairs = experiment.pairs.count if isinstance(experiment.pairs, DrawnPairs) else len(experiment.pairs)
    attacks = sum(len(_variants(experiment, AttackName.parse(word).method)) for word in experiment.attacks)
    return pairs * attacks * len(experiment.budgets) * experiment.starts


def _cells(experiment: Experiment, seed: int, name: str, pair: Pair) -> Iterator[Cell]:
    targets, others = _sorted(pair.targets), _sorted(pair.attackers)
    mixed = _sorted(pair.hybrid or (*targets, *others))
    through = {Reach.DIRECT: targets, Reach.INDIRECT: others, Reach.HYBRID: mixed}
    for attack in map(AttackName.parse, experiment.attacks):
        attackers = through[attack.reach]
        for settings, budget, start in itertools.product(
            _variants(experiment, attack.method), experiment.budgets, range(experiment.starts)
        ):
            yield Cell(
                experiment.name, experiment.figure, name, experiment.data.model_dump(), seed, targets, attackers,
                settings, budget, start, experiment.model.model_dump(), experiment.radius,
                experiment.adversary.model_dump(exclude_defaults=True),
                experiment.defense.model_dump(exclude_defaults=True),
            )  # fmt: skip


def _variants(experiment: Experiment, method: Method) -> list[dict[str, Any]]:
    """An attack's settings, one for each step size of PATOM or table of the ascent."""
    shared: dict[str, Any] = {"name": method.value, **known_settings(method, experiment.start.model_dump())}
    if method is Method.PATOM:
        patom, steps = experiment.patom.model_dump(), experiment.patom.step_size
        return [shared | patom | {"step_size": step} for step in (steps if isinstance(steps, tuple) else [steps])]
    if method is Method.ASCENT:
        tables = experiment.ascent if isinstance(experiment.ascent, tuple) else [experiment.ascent]
        return [shared | table.model_dump() for table in tables]
    return [shared]


def _check(experiment: Experiment, kind: str) -> None:
    loss = experiment.model.loss
    if loss is not None and loss not in LOSSES[kind]:
        raise ValueError(
            f"Experiment {experiment.name!r}: the loss {loss!r} is not for {kind}; "
            f"choose from {', '.join(LOSSES[kind])}."
        )
    pairs = [experiment.pairs] if isinstance(experiment.pairs, DrawnPairs) else experiment.pairs
    through = {AttackName.parse(word).reach for word in experiment.attacks}
    if (Reach.INDIRECT in through and not all(pair.attackers for pair in pairs)) or (
        Reach.HYBRID in through and not all(pair.attackers or pair.hybrid for pair in pairs)
    ):
        raise ValueError(f"Experiment {experiment.name!r}: indirect and hybrid attacks need attackers in each pair.")


def _sorted(labels: Sequence[Label]) -> tuple[Label, ...]:
    return tuple(sorted(labels, key=lambda label: (isinstance(label, str), label)))


def _letters(count: int) -> Iterator[str]:
    """A, B, ..., Z, A1, B1, ..."""
    for k in range(count):
        yield "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[k % 26] + (str(k // 26) if k >= 26 else "")
