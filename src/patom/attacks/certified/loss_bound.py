"""An upper bound on what any attack within a threat model can reach, after Steinhardt, Koh and Liang (2017)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.objectives import Availability
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.certified.game import Game, play, solve_weighted, totals
from patom.attacks.certified.worst_rows import require_bounded
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel, bilevel
from patom.core.arrays import AnyArray, FloatArray
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread

_SEARCH = 24  # values of t that are tried
_SMALLEST = 1e-4  # of them, over the largest
_NOTHING = 1e-12
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


@dataclass(frozen=True)
class LossBound:
    """A bracket around the best attack: no attack gets above ``value``, and the rows here reach ``lower``.

    Parameters
    ----------
    value : float
        Upper bound on the mean loss of the target tasks' clean rows under the poisoned fit, whatever is injected.
    lower : float
        That mean loss under the fit on clean rows and the rows ``X, y, task``.
    clean : float
        And under the fit on clean rows alone.
    W : array of shape (m, d + 1)
        The weights, bias last, that witness the bound.
    objective, objective_lower : float
        G at ``W``, and a lower bound on its minimum over all W: how far the search for W might still come down.
    factor : float
        1/t, see ``loss_bound``.
    X, y, task : arrays of shape (r, d), (r,) and (r,)
        Rows within the threat model, the attacker's side of the game.
    """

    value: float
    lower: float
    clean: float
    W: FloatArray
    objective: float
    objective_lower: float
    factor: float
    X: FloatArray
    y: AnyArray
    task: AnyArray


def loss_bound(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any = None,
    threat: ThreatModel,
    max_iter: int = 300,
    tol: float = 1e-2,
) -> LossBound:
    """Bound the target tasks' training loss under every attack that the threat model allows.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The victim, with fixed lambdas and without a filter.
    X, y, task : arrays
        Clean training rows, as for ``fit``.
    threat : ThreatModel
        With ``Availability()`` as its objective, and a ``Ball``, a bounded ``Box`` or an ``Ellipsoid``, one for all or
        one a task (``ByTask``, ``OwnData`` of such a kind). The attacker's knowledge plays no part.
    max_iter : int, default 300
        Steps of the game, a fit each.
    tol : float, default 1e-2
        Relative distance between the game's two sides at which it ends.

    Returns
    -------
    LossBound

    Raises
    ------
    TypeError, ValueError
        For a model, threat or setting that cannot be used, with the argument's name.

    Notes
    -----
    Let task i have n_i clean rows with the summed loss L_i(W), and r_i injected rows in a set F_i, c_i = 1/(n_i + r_i).
    The victim's V minimises Phi(V) = sum_i c_i (L_i(V) + loss of the injected rows) + R(V), so for every W

        Phi(V) <= Phi(W) <= G(W) = sum_i c_i (L_i(W) + r_i max over F_i of l(w_i'x, y)) + R(W).

    Losses are at least 0. Leave out those of the injected rows, and take t times the targets' losses to the other
    side, with 0 < t <= min over targets of c_i:

        t sum over targets of L_i(V) <= G(W) - [sum_i (c_i - t [i is a target]) L_i(V) + R(V)] <= G(W) - m(t),

    m(t) being the bracket's minimum over all V, a problem (1) on the clean rows with smaller weights for the targets.
    So the mean loss is at most (G(W) - m(t)) / (t N), N the targets' rows. W is searched once, by the game that
    ``patom.attacks.certified.game`` plays, t afterwards. m(t) >= 0 and t = min c_i give the bound of Steinhardt, Koh
    and Liang (section 3.1), which is looser. As budgets go to 0, the best t does too, and the bound meets the clean
    loss. It holds for exactly r_i injected rows and for fits with a gap of at most the model's ``tol``.
    Costs up to ``max_iter`` + 24 fits.

    References
    ----------
    Steinhardt, Koh and Liang 2017, "Certified defenses for data poisoning attacks", eq. 4 and 5 and algorithm 1.

    Examples
    --------
    >>> X, y = np.linspace(-1.0, 1.0, 20).reshape(-1, 1), np.linspace(-1.0, 1.0, 20)
    >>> threat = ThreatModel(targets=[0], attackers=[0], budget=0.1)
    >>> found = loss_bound(MTRLRegressor(), X, y, threat=threat)
    >>> found.clean < found.lower < found.value
    True
    """
    require_at_least("loss_bound", 1, whole=True, max_iter=max_iter)
    require_at_least("loss_bound", 0.0, strict=True, tol=tol)
    program = _program(model, X, y, task, threat)
    with one_blas_thread():
        clean = program.solve(None)
        game = play(program, max_iter, tol)
        value, t = _best_factor(program, game.upper + program.problem.tol, clean.W)
        rows = rounded(program, game)
        reached = program.utility(program.solve(rows, clean.W).W)
    classes = getattr(program.victim, "classes_", None)
    return LossBound(
        value, reached, program.utility(clean.W), game.W, game.upper, game.lower, 1.0 / t, rows.X,
        rows.y if classes is None else classes[(rows.y > 0.0).astype(int)], program.problem.tasks[rows.task_index],
    )  # fmt: skip


def bound_at(program: Bilevel, upper: float, t: float, start: FloatArray) -> float:
    """(G(W) - m(t)) / (t N), given G(W); m(t) is taken below its minimum by the fit's gap."""
    rows, total = program.problem.rows, totals(program)
    targets = np.isin(np.arange(rows.n_tasks), program.targets)
    spared = 1.0 / total - t * targets
    spared[spared < _NOTHING / total] = 0.0  # of rounding; it only lowers the minimum
    least = 0.0
    if spared.any():
        solution = solve_weighted(program, rows, spared[rows.task_index], start)
        least = max(solution.objective - solution.duality_gap, 0.0)
    return float((upper - least) / (t * rows.counts[program.targets].sum()))


def rounded(program: Bilevel, game: Game) -> Injection:
    """The mixture in whole rows: each its share rounded down, the rest to those with the most left over."""
    chosen = []
    for i, count in zip(program.attackers, program.counts, strict=True):
        own = np.flatnonzero(game.rows.task_index == i)
        whole = np.floor(game.mixture[own] + 1e-9).astype(np.int64)
        most = np.argsort(whole - game.mixture[own], kind="stable")
        whole[most[: count - whole.sum()]] += 1
        chosen.append(np.repeat(own, whole))
    injection = game.rows.chosen(np.concatenate(chosen))
    return replace(injection, X=program.project(injection.X, injection))


def _best_factor(program: Bilevel, upper: float, start: FloatArray) -> tuple[float, float]:
    """The smallest bound and its t, by golden sections of log t: a convex function over t has one valley."""
    largest = float(1.0 / totals(program)[program.targets].max())
    low, high = np.log(_SMALLEST * largest), np.log(largest)
    tried: dict[float, float] = {}

    def at(place: float) -> float:
        if place not in tried:
            tried[place] = bound_at(program, upper, min(float(np.exp(place)), largest), start)
        return tried[place]

    at(high)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    while len(tried) < _SEARCH:
        if at(left) < at(right):
            high, right = right, left
            left = high - _GOLDEN * (high - low)
        else:
            low, left = left, right
            right = low + _GOLDEN * (high - low)
    best = min(tried, key=lambda place: tried[place])
    return tried[best], min(float(np.exp(best)), largest)


def _program(model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any, threat: ThreatModel) -> Bilevel:
    if not isinstance(model, MTRLRegressor | MTRLClassifier):
        raise TypeError(
            f"model of loss_bound must be an MTRLRegressor or MTRLClassifier; got {type(model).__name__}: what a "
            "filter drops or a search chooses depends on the rows, which the bound does not cover."
        )
    if isinstance(threat, ThreatModel):
        if not isinstance(threat.objective, Availability) or threat.objective != Availability():
            raise ValueError(
                f"objective of ThreatModel must be Availability() for loss_bound; got {threat.objective!r}."
            )
        threat = replace(threat, knowledge=None)
    program = bilevel(model, X, y, task, threat)
    require_bounded(program)
    return program
