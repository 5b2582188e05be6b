"""Projected gradient ascent with any gradient of the family, and steps that need no tuning."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from patom.attacks.ascent.climb import Climb, typical_distance
from patom.attacks.ascent.kinds import few, may_be_few, spread_out
from patom.attacks.base import Attack, Run
from patom.attacks.draws import draw, slipping
from patom.attacks.gradients import Gradient
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.results.methods import Method

_FOR_ACCOUNTS = ("see-saw",)
_FURTHER_STARTS = ("corners", "clusters", "resampled", "uniform")


@dataclass(frozen=True)
class ProjectedAscent(Attack):
    """Move all injected rows along the gradient at once, in spectral projected steps that need no tuning.

    Steps have the length of Barzilai and Borwein, in turn one length for each row and one for all rows, and are
    shortened until the utility is above the lowest of the last five (Birgin, Martinez and Raydan 2000). So they do
    not depend on the scales of losses, targets and lambdas. The iterates that are kept are those that reach a new
    highest utility: it never falls from one to the next, and the last is the best. ``history`` has a row for the start
    and one for each of these, numbered as it was tried.

    Parameters
    ----------
    gradient : {"exact", "frozen_covariance", "paper"}, default "exact"
        See ``patom.attacks.gradients``. The paper's is the cheapest and, for indirect attacks, poor.
    max_iter : int, default 40
        Moves tried in each start, each with one solve of (1) from the optimum before; every move that is made also
        costs a linear system, except with the paper's gradient.
    optimise_labels : bool, default False
        Move targets too: within the threat's range of labels together with the features; classes flip where the
        gradient says that flipping pays, the most promising first. Otherwise they stay as drawn.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows of the first start are drawn, as in ``RandomAttack``: see ``patom.attacks.draws.draw``.
    n_starts : int, default 3
        Starts, of which the one with the highest utility is kept: an ascent ends in a local optimum, and with few rows
        to inject they differ. After the first come rows in far corners of the region, in clusters there, and clean
        rows; before them, where the attacker opens accounts, rows on a see-saw, with the labels that are furthest
        apart. With ``optimise_labels`` every other start has its labels flipped, but for a see-saw.
    kinds : int, default 10
        More accounts than these (``NewTasks``), with equally many rows, are taken as so many kinds of identical ones:
        rows climb for each kind, then the number of accounts of each kind does. The cost does not depend on the number
        of accounts but for one fit at the end.

    Examples
    --------
    >>> from patom import PATOM, Ball, MTRLRegressor, ThreatModel
    >>> rng = np.random.default_rng(0)
    >>> X, task = Ball().sample(60, 3, rng), np.repeat(["a", "b"], 30)
    >>> data = {"X": X, "y": X @ [1.0, 2.0, 3.0] + (task == "b"), "task": task}
    >>> threat = ThreatModel(targets=["a"], attackers=["b"], budget=0.2)
    >>> model = MTRLRegressor(lambda_1=0.01, lambda_2=0.01)
    >>> ours = ProjectedAscent().poison(model, **data, threat=threat, random_state=0)
    >>> bool(ours.utility > PATOM().poison(model, **data, threat=threat, random_state=0).utility)
    True
    """

    name: ClassVar[Method] = Method.ASCENT

    gradient: Gradient = "exact"
    max_iter: int = 40
    optimise_labels: bool = False
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 3
    kinds: int = 10

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        if not may_be_few(program, self.kinds):
            return [self._climb(program, W, number, rng) for number, rng in enumerate(rngs)]
        fewer = few(program, self.kinds)
        start = W[: fewer.problem.rows.n_tasks]
        runs = [self._climb(fewer, start, number, rng) for number, rng in enumerate(rngs)]
        return [spread_out(program, fewer, run) for run in runs]

    def _climb(self, program: Bilevel, W: FloatArray, number: int, rng: np.random.Generator) -> Run:
        further = (*_FOR_ACCOUNTS, *_FURTHER_STARTS) if program.lower.accounts else _FURTHER_STARTS
        features = self.features if number == 0 else further[(number - 1) % len(further)]
        labels = "flipped" if self.optimise_labels and number % 2 else self.labels
        if features == "see-saw" and (number > 0 or self.optimise_labels):
            labels = "extremes"
        injection = draw(program, features, labels, rng)
        injection = slipping(program, injection, rng)
        size = typical_distance(program, injection, rng)
        climb = Climb(program, size, self.gradient, self.max_iter, labels=self.optimise_labels)
        return climb.run(injection, W, per_row=number % 2 == 1)
