"""Model-targeted poisoning: choose weights that do harm, then rows from which the victim learns them."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import numpy as np

from patom.attacks.ascent.coordinates import Chart, typical_distance
from patom.attacks.base import Attack, Run
from patom.attacks.baselines.decoys import decoys
from patom.attacks.baselines.loss_difference import LossDifference
from patom.attacks.baselines.stationarity import Stationarity, settle
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.models.settings import require_at_least, require_choice
from patom.results.methods import Method

Search = Literal["online", "kkt"]
_LOOSE = 1e-4  # relative gap of a fit on the way


@dataclass(frozen=True)
class ModelTargeted(Attack):
    """Make the victim learn a decoy (Suya et al. 2021; Koh, Steinhardt and Liang 2022).

    Decoys are what the victim learns from its target tasks' rows with labels turned round, in nine degrees (see
    ``patom.attacks.baselines.decoys``). Rows that lead it there are sought for each, and the rows that do most harm are
    kept; the strongest decoys are out of reach of a small budget, the weakest do little.

    Parameters
    ----------
    method : {"online", "kkt"}, default "online"
        "online" (Suya et al., algorithm 1): rows are added block by block, each where the loss under the current fit
        exceeds that under the decoy most, and the victim is fitted again. "kkt" (Koh et al., section 4.2): all rows
        move together so that the decoy becomes optimal for the victim; no fit is needed on the way. On SARCOS and the
        digits the first did more harm in direct attacks, the second in indirect ones.
    block : int, default 5
        Rows that each attacking task gets between two fits of "online"; the paper's is 1.
    max_iter : int, default 200
        Moves tried for each decoy by "kkt".
    optimise_labels : bool, default False
        Choose the class, or one of the two extreme targets, that speaks most for the decoy, as both papers choose
        labels; "kkt" does so once, at the rows drawn. Otherwise labels stay as drawn.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, see ``patom.attacks.draws.draw``; it is the random attack's.
    n_starts : int, default 1
        Independent starts; the one with the highest utility is kept.

    Notes
    -----
    Decoys come from the target tasks. In an indirect attack no row can reach one exactly, since the targets' own rows
    hold their weights, and "kkt" gets as close as the coupling lets it. What the papers call the model's objective has
    one set of rows; here a row of task i weighs 1/(n_i + n^_i), so each attacking task gets rows of its own.

    The condition that "kkt" works on is explained in ``patom.attacks.baselines.stationarity.Stationarity``; the inner
    maximum of "online", a difference of convex functions, is sought from several starts
    (``patom.attacks.baselines.loss_difference``). ``points_needed`` bounds from below how many rows a decoy takes.

    ``history`` has a row for the rows as drawn and one for each decoy, numbered from 1 in the order of their harm,
    whose rows reached a new highest utility.

    Costs nine loose solves for the decoys and one for each decoy's rows; "online" takes another for every block.

    Examples
    --------
    >>> from patom import Ball, MTRLRegressor, RandomAttack, ThreatModel
    >>> rng = np.random.default_rng(0)
    >>> X, task = Ball().sample(60, 3, rng), np.repeat(["a", "b"], 30)
    >>> data = {"X": X, "y": X @ [1.0, 2.0, 3.0] + (task == "b"), "task": task}
    >>> run = {"model": MTRLRegressor(0.01, 0.01), **data, "threat": ThreatModel(["a"], ["a"], 0.2), "random_state": 0}
    >>> bool(ModelTargeted().poison(**run).utility > 2.0 * RandomAttack().poison(**run).utility)
    True
    """

    name: ClassVar[Method] = Method.MODEL_TARGETED

    method: Search = "online"
    block: int = 5
    max_iter: int = 200
    optimise_labels: bool = False
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("ModelTargeted", get_args(Search), method=self.method)
        require_at_least("ModelTargeted", 1, whole=True, block=self.block)

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        wanted = decoys(program, W)
        return [self._imitate(program, W, wanted, rng) for rng in rngs]

    def _imitate(self, program: Bilevel, clean: FloatArray, wanted: list[FloatArray], rng: np.random.Generator) -> Run:
        drawn = draw(program, self.features, self.labels, rng)
        record, size = Run(drawn), typical_distance(program, drawn, rng)
        record.fit(program, 0, clean)
        for number, decoy in enumerate(wanted, start=1):
            record.keep_if_better(program, number, self._rows(program, clean, decoy, drawn, size), clean)
        return record

    def _rows(self, program: Bilevel, clean: FloatArray, decoy: FloatArray, drawn: Injection, size: float) -> Injection:
        if self.method == "online":
            return online(program, clean, decoy, drawn, size, block=self.block, labels=self.optimise_labels)
        start = LossDifference(program, clean, decoy).labelled(drawn) if self.optimise_labels else drawn
        return settle(Stationarity(program, decoy), start, Chart(program, size, labels=False), self.max_iter)


def online(
    program: Bilevel, clean: FloatArray, decoy: FloatArray, drawn: Injection, size: float, *, block: int, labels: bool
) -> Injection:
    """Rows block by block, each where the loss under the current fit exceeds that under the decoy most.

    The fit is that on the clean rows, whose weights are ``clean``, and those chosen so far; ``labels``: whether labels
    are chosen too. Costs a loose solve for each block but the first.
    """
    _, first, counts = np.unique(drawn.task_index, return_index=True, return_counts=True)
    turn = (np.arange(drawn.y.size) - np.repeat(first, counts)) // block
    rows, W = drawn, clean
    for now in range(int(turn.max()) + 1):
        if now > 0:
            W = program.solve(rows.chosen(turn < now), start=W, polish=False, tol=_LOOSE).W
        chosen = turn == now
        best = LossDifference(program, W, decoy).largest(rows.chosen(chosen), size, labels=labels)
        X, y = rows.X.copy(), rows.y.copy()
        X[chosen], y[chosen] = best.X, best.y
        rows = replace(rows, X=X, y=y)
    return rows
