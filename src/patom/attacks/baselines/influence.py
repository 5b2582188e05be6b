"""One-shot influence: every row is placed by its first-order effect at the clean optimum, which is never left.

Each row climbs a function of that row alone, by ``climb``, from several starts or with either label.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from patom.attacks.ascent.placement import effects
from patom.attacks.ascent.spectral import typical_distance
from patom.attacks.base import OneShot
from patom.attacks.draws import draw
from patom.attacks.gradients import Accuracy, adjoint, through_rows
from patom.attacks.injection import Injection, stacked
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.results.methods import Method

OfRows = Callable[[Injection], FloatArray]

_GROWTH, _CUT = 2.0, 0.25  # of a row's step after one that raised it, and after one that did not
_SHORTEST, _LONGEST = 1e-6, 10.0  # steps, in sizes of the region
_NONE = 1e-150  # a slope that counts as none


@dataclass(frozen=True)
class Influence(OneShot):
    """Place each row where its influence on the utility at the clean model is highest (Koh and Liang 2017).

    A row (x, y) that joins task i takes the weight 1/(n_i + n^_i), and the task's clean rows together give up as much.
    To first order in these weights (their section 2.1; here with the second derivative along W's manifold)

        dU = -(1/(n_i + n^_i)) [l'(w_i'x, y) x'v_i - g_i'v_i],    (H + K) v = dU/dW, all at the clean optimum,

    where g_i, the gradient of the task's mean loss, is the same for every row: the first part decides where they go.
    Section 5.2 moves pixels of training images along this score's slope; here injected rows climb it, each by
    itself. All see the same v and W: what one row does to the effect of the next is ignored, and rows of a task tend
    to the same few places. That is the price of placing all rows at once.

    Parameters
    ----------
    optimise_labels : bool, default False
        Give each row the better of two labels, the ends of its allowed range or the two classes: the effect is
        monotone in a regression's target, so that none in between does better. Otherwise labels stay as drawn.
    climb_steps : int, default 100
        Most steps of the climb; none needs a fit.
    features, labels : str, default "uniform" and "resampled"
        How the rows are drawn from which they climb, as in ``RandomAttack``: see ``patom.attacks.draws.draw``.

    Notes
    -----
    Costs two solves of (1), one linear system, and for each step of the climb two passes over the injected rows. Under
    the squared hinge a row beyond its margin has no influence, and stays there.

    Examples
    --------
    >>> from patom import MTRLRegressor, RandomAttack, ThreatModel
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> run = {"model": MTRLRegressor(), "X": X, "y": y, "threat": ThreatModel([0], [0], 0.25), "random_state": 0}
    >>> result = Influence().poison(**run)
    >>> bool(result.utility > RandomAttack().poison(**run).utility)
    True
    >>> result.cost.solves, result.cost.adjoint_solves
    (2, 1)
    """

    name: ClassVar[Method] = Method.INFLUENCE

    optimise_labels: bool = False
    climb_steps: int = 100
    features: str = "uniform"
    labels: str = "resampled"

    def _rows(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Injection:
        start = draw(program, self.features, self.labels, rng)
        size = typical_distance(program, start, rng)
        v = adjoint(program, None, W, accuracy=Accuracy(factored=True))[0].v
        # With both versions each row of a task counts twice, which scales all its heights by the same factor.
        versions = stacked(with_either_label(program, start)) if self.optimise_labels else start
        climbed = most_effective(program, W, v, versions, size, self.climb_steps)
        return highest(climbed, start.y.size, partial(effects, program, W, v))


def most_effective(
    program: Bilevel, W: FloatArray, v: FloatArray, start: Injection, size: float, steps: int
) -> Injection:
    """Rows that climbed their effects from where they start; see ``climb``."""
    slopes = lambda rows: through_rows(program, rows, W, v)[0]  # noqa: E731
    return climb(program, start, partial(effects, program, W, v), slopes, size, steps)


def climb(program: Bilevel, start: Injection, heights: OfRows, slopes: OfRows, size: float, steps: int) -> Injection:
    """Projected steps uphill, each row's length its own: longer after a rise, shorter after none; labels stay.

    Each row climbs ``heights`` along ``slopes``, its gradient in the features. ``size``, that of the region, is the
    first step's length. Costs a projection of the rows for each of at most ``steps`` steps.
    """
    here, height = start, heights(start)
    length = np.full(height.size, size)
    for _ in range(steps):
        ahead = slopes(here)
        norms = np.maximum(np.linalg.norm(ahead, axis=1), _NONE)
        moved = replace(here, X=program.project(here.X + (length / norms)[:, None] * ahead, here))
        reached = heights(moved)
        higher = reached > height
        here = replace(here, X=np.where(higher[:, None], moved.X, here.X))
        height = np.maximum(reached, height)
        length = np.minimum(length * np.where(higher, _GROWTH, _CUT), _LONGEST * size)
        if length.max() < _SHORTEST * size:
            break
    return here


def highest(candidates: Injection, n: int, heights: OfRows) -> Injection:
    """Of stacked versions of the same ``n`` rows, row by row, the one of the largest height."""
    best = np.argmax(heights(candidates).reshape(-1, n), axis=0) * n + np.arange(n)
    return candidates.chosen(best)


def with_either_label(program: Bilevel, injection: Injection) -> tuple[Injection, Injection]:
    """The rows with the smallest target, or the first class, and with the largest, or the second; projected."""
    low, high = (replace(injection, y=y) for y in program.extremes(injection.task_index))
    return replace(low, X=program.project(low.X, low)), replace(high, X=program.project(high.X, high))
