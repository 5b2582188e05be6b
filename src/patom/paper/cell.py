"""A cell: one attack on one learner on one draw of the data, as plain data."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

Label = str | int


@dataclass(frozen=True)
class Cell:
    """What to compute, and where it belongs.

    Parameters
    ----------
    experiment, pair : str
        Where it belongs; no part of the key, so that experiments share cells.
    figure : str
        What it is for; correlations are kept, and tasks screened, for the figure of that name only.
    data : dict
        The data set and its options.
    seed : int
        Of the draw of training and test rows.
    targets, attackers : tuples of task labels
    attack : dict
        ``{"name": "patom", "step_size": ..., ...}`` or ``{"name": "random", ...}``.
    budget, radius : float
    start : int
        Number of the random start.
    model : dict
        Loss and lambdas.
    adversary, defense : dict
        In what the attacker and the victim are not the paper's.

    Examples
    --------
    >>> cell = Cell("E", "budgets", "A", {"name": "digits"}, 0, (1,), (2,), {"name": "random"}, 0.1, 0, {})
    >>> cell.method, cell.kind, cell.key[:8]
    ('random-indirect', 'indirect', '...')
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
    def kind(self) -> str:
        """Direct, indirect or hybrid."""
        targets, attackers = set(self.targets), set(self.attackers)
        return "direct" if targets == attackers else "hybrid" if targets & attackers else "indirect"

    @property
    def method(self) -> str:
        """Attack and kind, such as ``"patom-direct"``."""
        return f"{self.attack['name']}-{self.kind}"

    @cached_property
    def key(self) -> str:
        """What the cell's result is filed under: it depends on what is computed and on nothing else."""
        empty = [name for name in ("adversary", "defense") if not getattr(self, name)]
        aside = {"experiment", "pair", *empty}
        content = {name: value for name, value in asdict(self).items() if name not in aside}
        return _digest(content)[:32]

    def rng(self) -> np.random.Generator:
        """The attack's generator, from what is attacked and not from how: PATOM starts at the random attack's rows."""
        aim = {"seed": self.seed, "targets": self.targets, "attackers": self.attackers}
        return np.random.default_rng(int(_digest(aim | {"budget": self.budget, "start": self.start}), 16))

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
