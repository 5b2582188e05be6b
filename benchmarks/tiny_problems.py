"""Problems so small that the best attack can be searched for: two features, four tasks of eight rows.

One or three rows go into each of two attacking tasks. Features lie in the unit ball.
"""

import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import count, product
from typing import Any

import numpy as np

from benchmarks.interleaved import timed
from patom import Ball, MTRLClassifier, MTRLRegressor, ThreatModel
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel, bilevel
from patom.core.arrays import AnyArray, FloatArray
from patom.core.labels import positions

TASKS, CLEAN = 4, 8
KINDS = {"direct": ([0, 1], [0, 1]), "indirect": ([0, 1], [2, 3]), "hybrid": ([0, 1], [1, 2])}
"""Targets and attackers."""
LOSSES = (*MTRLRegressor.LOSSES, *MTRLClassifier.LOSSES)
LABELS = ("drawn", "moved")
DRAWS = 3
"""Draws of labels that an attack whose labels stay as drawn may choose from."""


@dataclass(frozen=True)
class Tiny:
    """A problem by its settings."""

    kind: str
    loss: str
    labels: str  # "drawn", or "moved" by the attacker
    rows: int  # injected into each attacking task
    lambda_: float  # lambda_1 and lambda_2
    seed: int  # of the data and of the attack

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others."""
        return astuple(self)

    @cached_property
    def model(self) -> Any:
        """The unfitted victim."""
        kind = MTRLRegressor if self.loss in MTRLRegressor.LOSSES else MTRLClassifier
        return kind(self.lambda_, self.lambda_, loss=self.loss)

    @cached_property
    def data(self) -> tuple[FloatArray, AnyArray, AnyArray]:
        """Rows of related tasks: features, targets (for a classifier the side of the task's median), tasks."""
        rng = np.random.default_rng(self.seed)
        X, task = Ball().sample(TASKS * CLEAN, 2, rng), np.repeat(np.arange(TASKS), CLEAN)
        w = rng.standard_normal((1, 2)) + 0.5 * rng.standard_normal((TASKS, 2))
        y = np.einsum("nd,nd->n", X, w[task]) + 0.5 * rng.standard_normal(TASKS)[task]
        y += 0.2 * rng.standard_normal(task.size)
        if isinstance(self.model, MTRLClassifier):
            y = np.where(y > np.median(y.reshape(TASKS, CLEAN), axis=1)[task], 1, -1)
        return X, y, task

    @property
    def threat(self) -> ThreatModel:
        """Targets, attackers and budget."""
        targets, attackers = KINDS[self.kind]
        return ThreatModel(targets, attackers, self.rows / CLEAN)

    @cached_property
    def program(self) -> Bilevel:
        """What the attacker maximises."""
        X, y, task = self.data
        return bilevel(self.model, X, y, task, self.threat)

    @cached_property
    def drawn(self) -> list[Injection]:
        """Where ``ProjectedAscent(n_starts=DRAWS)`` starts with the seed, but that features are uniform in all."""
        rngs = np.random.default_rng(self.seed).spawn(DRAWS)
        return [draw(self.program, "uniform", "resampled", rng) for rng in rngs]

    @property
    def patterns(self) -> list[Injection]:
        """The drawn labels, each multiset of a task's labels once."""
        return list({pattern(each): each for each in reversed(self.drawn)}.values())[::-1]

    def gain(self, injection: Injection) -> float:
        """The targets' loss after the attack over that before, less 1."""
        program = self.program
        solution = program.solve(injection, program.clean.W)
        return program.utility(solution.W) / program.utility(program.clean.W) - 1.0


def pattern(injection: Injection) -> tuple[tuple[int, float], ...]:
    """The labels without their order in a task."""
    return tuple(sorted(zip(injection.task_index.tolist(), injection.y.tolist(), strict=True)))


@dataclass(frozen=True)
class Outcome:
    """What an attack reached on a problem, and its rows; plain numbers, to go from process to process."""

    gain: float
    seconds: float  # of the processor, so that other processes do not count
    status: str
    X: list[list[float]]
    y: list[float]
    task: list[int]

    @property
    def injection(self) -> Injection:
        """The rows as arrays; y is -1 or +1 for a classifier."""
        return Injection(np.array(self.X), np.array(self.y, dtype=float), np.array(self.task))


def attacked(problem: Tiny, attack: Any) -> Outcome:
    """Run an attack of this process's package."""
    X, y, task = problem.data
    threat, seed = problem.threat, problem.seed
    run = timed(
        lambda: attack.poison(problem.model, X, y, task=task, threat=threat, random_state=seed), clock=time.process_time
    )
    found, known = run.outcome, problem.program
    index = positions(found.task, known.problem.tasks, argument="task")
    gain = found.utility / found.clean_utility - 1.0
    labels = known.victim.known_targets(found.y).tolist()
    return Outcome(gain, run.seconds, found.status.name, found.X.tolist(), labels, index.tolist())


def problems(seeds: int = 1) -> Iterator[Tiny]:
    """Every kind, loss, use of labels, number of rows and lambda, ``seeds`` times; each with its own seed."""
    number = count()
    for _ in range(seeds):
        for kind, loss, labels, rows, lambda_ in product(KINDS, LOSSES, LABELS, (1, 3), (0.01, 0.1)):
            yield Tiny(kind, loss, labels, rows, lambda_, next(number))
