"""PATOM, Algorithm 1 of the paper: projected stochastic gradient ascent with implicit gradients."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.base import Attack, Run
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.attacks.records import AttackStatus
from patom.attacks.result import AttackResult
from patom.attacks.sweep import sweep
from patom.core.arrays import FloatArray
from patom.core.relationship import Relationship
from patom.models.settings import require_at_least
from patom.results.methods import Method

Callback = Callable[[int, FloatArray], None]
_STRETCH = 16_384
"""Samples held in memory at a time."""


@dataclass(frozen=True)
class PATOM(Attack):
    """The paper's attack, to the letter.

    An iteration samples clean rows of the target tasks and, for each in turn, moves every injected row along
    eq. 6 and projects it at once; then problem (1) is solved again. The gradient holds the duals and Omega fixed
    (eq. 7), which makes it cheap and, for indirect attacks, poor.

    Parameters
    ----------
    step_size : float, default 100.0
        The paper's eta.
    max_iter : int, default 10
        Iterations, each with one solve of (1).
    batch_ratio : float, default 3.0
        Samples of an iteration over the rows aimed at, the target tasks' clean ones; drawn with replacement.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, see ``patom.attacks.draws.draw``. Labels stay.
    n_starts : int, default 1
        Independent starts; the one with the highest final utility is kept, and the spread of the others
        estimates how far from a global optimum it may be (paper, section 5.2).

    Notes
    -----
    An iteration costs a solve from the last optimum and one sweep, 4 r b d operations for r injected rows and b
    samples. Beside the data it holds a few thousand samples and the injected rows' gains towards their tasks at a time.

    Examples
    --------
    >>> from patom import Ball, MTRLRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, task = Ball().sample(60, 3, rng), np.repeat(["a", "b"], 30)
    >>> threat = ThreatModel(targets=["a"], attackers=["a"], budget=0.2)
    >>> model = MTRLRegressor(lambda_1=0.01, lambda_2=0.01)
    >>> result = PATOM().poison(model, X, X @ [1.0, 2.0, 3.0], task=task, threat=threat, random_state=0)
    >>> result.X.shape, bool(result.utility > result.clean_utility)
    ((6, 3), True)
    """

    name: ClassVar[Method] = Method.PATOM

    step_size: float = 100.0
    max_iter: int = 10
    batch_ratio: float = 3.0
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least("PATOM", 0.0, strict=True, step_size=self.step_size, batch_ratio=self.batch_ratio)

    def poison(
        self,
        model: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        task: Any = None,
        threat: ThreatModel,
        random_state: int | np.random.Generator | None = None,
        callback: Callback | None = None,
    ) -> AttackResult:
        """As in every attack, see ``Attack.poison``.

        ``callback(iteration, X_injected)`` is called after each iteration of each start, 0 being the random start.
        """
        return self._poison(partial(self._runs, callback=callback), model, (X, y, task), threat, random_state)

    def _runs(
        self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator], callback: Callback | None = None
    ) -> list[Run]:
        return [self._ascend(program, W, rng, callback) for rng in rngs]

    def _ascend(self, program: Bilevel, W: FloatArray, rng: np.random.Generator, callback: Callback | None) -> Run:
        record = Run(draw(program, self.features, self.labels, rng))
        relationship: Relationship | None = None
        for iteration in range(self.max_iter + 1):
            if relationship is not None:
                record.injection = self._move(program, record.injection, W, relationship, rng)
            W = record.fit(program, iteration, W).W
            if callback is not None:
                callback(iteration, record.injection.X.copy())
            relationship = program.lower.penalty(record.injection).relationship(W)
            if not _couples(relationship, program):
                record.settle(AttackStatus.UNCOUPLED)
                break
        return record

    def _move(
        self,
        program: Bilevel,
        injection: Injection,
        W: FloatArray,
        relationship: Relationship,
        rng: np.random.Generator,
    ) -> Injection:
        """One pass of eq. 6 over a batch of the rows aimed at; W, Phi and the duals stay those of the last solve."""
        X, task = program.aim.rows
        batch = rng.choice(np.arange(task.size), size=max(1, round(self.batch_ratio * task.size)))
        pushes = self.step_size * program.aim.size * program.aim.slopes(W)  # the size for the slopes of eq. 2's sum
        duals = program.lower.duals(injection, W)
        for start in range(0, batch.size, _STRETCH):
            drawn = batch[start : start + _STRETCH]
            tasks, group = np.unique(task[drawn], return_inverse=True)
            samples, moved = X[drawn, :-1], np.empty(injection.X.shape)
            for rows, coupling in relationship.coupling_blocks(injection.task_index, tasks):
                before, after, gain = injection.X[rows], moved[rows], duals[rows, None] * coupling
                for chosen, region in program.places.groups(injection.task_index[rows], injection.y[rows]):
                    after[chosen] = sweep(before[chosen], samples, pushes[drawn], group, gain[chosen], region)
            injection = replace(injection, X=moved)
        return injection


def _couples(relationship: Relationship, program: Bilevel) -> bool:
    """Whether any task that is aimed at follows an attacking one."""
    top = relationship.spectrum[0]
    norm = top / (relationship.lambda_1 * top + relationship.lambda_2)  # of Phi
    # Rounding in Omega's eigenvectors leaves about 1e-17 between tasks without any relationship.
    blocks = relationship.coupling_blocks(program.attackers, program.aim.tasks)
    return any(float(np.abs(coupling).max()) > 1e-12 * norm for _, coupling in blocks)
