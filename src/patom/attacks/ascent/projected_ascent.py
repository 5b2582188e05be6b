"""Projected gradient ascent with any gradient of the family, and steps that need no tuning."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from patom.attacks.ascent.climb import Climb
from patom.attacks.ascent.kinds import few, may_be_few, spread_out
from patom.attacks.ascent.placement import relocate
from patom.attacks.ascent.spectral import typical_distance
from patom.attacks.ascent.starts import TURNED, begin, further_starts
from patom.attacks.base import Attack, Run
from patom.attacks.draws import FEATURES, draw, slipping
from patom.attacks.gradients import Gradient
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.results.methods import Method

_HEATS = (12, 40)  # moves of all starts, and of the better half
_EARLY = 2  # rounds of relocation in all starts


@dataclass(frozen=True)
class ProjectedAscent(Attack):
    """Move all injected rows along the gradient at once, in spectral projected steps that need no tuning.

    Steps have the length of Barzilai and Borwein, in turn one length for each row and one for all rows, and are
    shortened until the utility is above the lowest of the last five (Birgin, Martinez and Raydan 2000). So they do
    not depend on the scales of losses, targets and lambdas. An ascent ends in a local optimum. So several starts race:
    all make 12 moves, the better half 40, and the best goes on. Now and then the rows that contribute least are placed
    anew, each where its effect is largest in the whole region (``patom.attacks.ascent.placement``). Behind a filter
    stretches climb as if the filter did to clean rows what it does now, and the filtered victim judges where they end;
    where that brings nothing, the next one climbs through the filter as it moves. With the AUC as its aim most
    stretches are leaps: moves by the answer of the weights to the rows, which need no fit until a leap's end
    (``patom.attacks.ascent.response``).

    The iterates that are kept are those that reach a new highest utility: it never falls from one to the next, and the
    last is the best. ``history`` has a row for the start and one for each of these, numbered as it was tried.

    Parameters
    ----------
    gradient : {"exact", "frozen_covariance", "paper"}, default "exact"
        See ``patom.attacks.gradients``. The paper's is the cheapest and, for indirect attacks, poor.
    max_iter : int, default 400
        Most moves of a start, each with one solve of (1) from the optimum before; every move that is made also costs a
        linear system, except with the paper's gradient. The best start ends before, as ``SETTLED``, where twice on end
        20 moves add less than 0.3 % of the gain so far (of the AUC: of what is left, if that is less); ``COMPLETED``
        says that it was still rising. A leap counts as five.
    optimise_labels : bool, default False
        Move targets too: within the threat's range of labels together with the features; classes flip where the
        gradient says that flipping pays, the most promising first. Otherwise they stay as drawn.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows of the first start are drawn, as in ``RandomAttack``: see ``patom.attacks.draws.draw``.
    n_starts : int, default 4
        Starts that race, or all go on where the AUC is the aim; ``start_utilities`` says how far each came. After the
        first come, where lambdas are small, rows that climbed at 100 and 10 times the lambdas; rows in far corners of
        the region; rows placed block after block where their effect is largest; rows in clusters at far ends, and clean
        rows. Before them, where the attacker opens accounts, come rows on a see-saw, with the labels that are furthest
        apart, and behind a filter rows beyond a class (``patom.attacks.ascent.beyond``). With ``optimise_labels`` rows
        in corners and clusters have their labels flipped at first.
    relocations : int, default 4
        Most rounds in which rows are placed anew, at the end; two of them also early in each start. 0 leaves them out.
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
    max_iter: int = 400
    optimise_labels: bool = False
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 4
    relocations: int = 4
    kinds: int = 10

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        if not may_be_few(program, self.kinds):
            return [climb.record for climb in self._raced(program, W, rngs)]
        fewer = few(program, self.kinds)
        start = W[: fewer.problem.rows.n_tasks]
        return [spread_out(program, fewer, climb.record) for climb in self._raced(fewer, start, rngs)]

    def _raced(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Climb]:
        """All starts climb a little, the better half more, and the best as long as it rises.

        Of a bounded utility, the AUC's, all starts go on: it still rises after so few moves, and who is ahead then says
        little.
        """
        first, second = (min(self.max_iter, moves) for moves in _HEATS)
        climbs = going = [self._begun(program, W, number, first, rng) for number, rng in enumerate(rngs)]
        if not np.isfinite(program.aim.most):
            ranked = sorted(climbs, key=lambda climb: -climb.utility)
            for climb in ranked[: (len(climbs) + 1) // 2]:
                climb.on(second - climb.tried)
            going = [max(climbs, key=lambda climb: climb.utility)]
        for climb in going:
            climb.to_the_end(self.max_iter, program.utility(program.clean.W))
        best = max(climbs, key=lambda climb: climb.utility)
        relocate(best, self.relocations, self.max_iter, rngs[0])
        return climbs

    def _begun(self, program: Bilevel, W: FloatArray, number: int, moves: int, rng: np.random.Generator) -> Climb:
        """A start and its first moves."""
        further = further_starts(program)
        start = further[(number - 1) % len(further)] if number else self.features
        labels = "flipped" if self.optimise_labels and start in TURNED else self.labels
        if start == "see-saw" and (number > 0 or self.optimise_labels):
            labels = "extremes"
        injection = slipping(program, draw(program, start if start in FEATURES else "uniform", labels, rng), rng)
        size = typical_distance(program, injection, rng)
        climb = Climb(program, size, self.gradient, labels=self.optimise_labels, per_row=number % 2 == 1)
        begin(climb, start, injection, W, moves, rng)
        relocate(climb, min(_EARLY, self.relocations), self.max_iter, rng)
        return climb
