"""Poisoning as if every task were learned on its own: the literature before multi-task models."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from patom.attacks.adversary.aim import Aim
from patom.attacks.adversary.objectives import Availability
from patom.attacks.ascent.climb import Climb
from patom.attacks.ascent.spectral import typical_distance
from patom.attacks.base import Attack, Run
from patom.attacks.draws import draw
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.penalties.given import ridge
from patom.results.methods import Method


@dataclass(frozen=True)
class SingleTask(Attack):
    """Gradient ascent on linear learners that share nothing (Xiao et al. 2015; Jagielski et al. 2018).

    Each attacking task counts as a learner of its own with a ridge of lambda_1 + lambda_2, which is (1) for one task,
    and the rows climb the exact gradient of that surrogate (Xiao et al., section 3; Jagielski et al., section IV). Only
    the final rows are tried on the coupled victim: the difference to ``ProjectedAscent`` is the cost of ignoring the
    coupling.

    Parameters
    ----------
    max_iter : int, default 40
        Moves tried in each start, each with one solve of the surrogate and, where it is made, a linear system.
    optimise_labels : bool, default False
        Move targets too, as in ``ProjectedAscent``. Jagielski et al.'s OptP is this from ``features="resampled",
        labels="flipped"``.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, as in ``RandomAttack``: see ``patom.attacks.draws.draw``.
    n_starts : int, default 1
        Starts, of which the one that hurts the coupled victim most is kept.

    Notes
    -----
    The papers move one row at a time in a line search; here all rows move at once in the spectral steps of
    ``ProjectedAscent``, so that the two attacks differ in the gradient only. ``history`` has a row for the start and
    one for the end, both measured on the coupled victim. Xiao et al.'s lasso has no counterpart
    here: the penalties of (1) are smooth for one task.

    Without coupling, an attacking task that is not a target reaches no target. Its rows then raise its own training
    loss, in the hope that the harm spreads; ``Sparing`` still counts that harm against her.

    Examples
    --------
    >>> from patom import MTRLRegressor, RandomAttack, ThreatModel
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> run = {"model": MTRLRegressor(), "X": X, "y": y, "threat": ThreatModel([0], [0], 0.25), "random_state": 0}
    >>> bool(SingleTask().poison(**run).utility > RandomAttack().poison(**run).utility)
    True
    """

    name: ClassVar[Method] = Method.SINGLE_TASK

    max_iter: int = 40
    optimise_labels: bool = False
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        if program.lower.accounts:
            raise ValueError(
                "SingleTask hurts each task as if it learned alone, and an account of NewTasks has nothing to hurt; "
                "ProjectedAscent reaches the others."
            )
        alone = uncoupled(program)
        return [self._climb(program, alone, W, number, rng) for number, rng in enumerate(rngs)]

    def _climb(self, program: Bilevel, alone: Bilevel, W: FloatArray, number: int, rng: np.random.Generator) -> Run:
        record = Run(draw(program, self.features, self.labels, rng))
        solution = record.fit(program, 0, W)
        size = typical_distance(program, record.injection, rng)
        odd = number % 2 == 1  # as ProjectedAscent
        climb = Climb(alone, size, "exact", labels=self.optimise_labels, per_row=odd)
        climbed = climb.begin(record.injection, solution.W).on(self.max_iter).record
        if climb.tried > 0:
            record.injection = climbed.injection
            record.fit(program, climb.tried, solution.W)
        record.settle(climbed.status)
        return record


def uncoupled(program: Bilevel) -> Bilevel:
    """The program of an attacker who takes each task for a separate learner; its cost counts in the same tally.

    Attacking tasks that are not targets add the mean training loss of their rows to the aim, as they reach nothing
    else.
    """
    problem = program.problem
    penalty = ridge(problem.rows.n_tasks, sum(problem.penalty.weights))
    stranded = np.setdiff1d(program.attackers, program.targets)
    terms = program.aim.terms
    if stranded.size > 0:
        terms += Availability().aim(problem, stranded, program.victim.known_targets).terms
    lower = program.lower.without_rule(replace(problem, penalty=penalty, solver="accelerated"))
    return replace(program, lower=lower, aim=Aim(terms))
