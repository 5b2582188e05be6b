"""An upper bound on what any attack within a threat model can reach, after Steinhardt, Koh and Liang (2017)."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.objectives import Availability
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.certified.flooding import flooding, totals, weights_with, zero_bound
from patom.attacks.injection import Injection, stacked
from patom.attacks.program import Bilevel, bilevel
from patom.core.arrays import AnyArray, FloatArray
from patom.core.data_term import RowTerm, mean_loss_by_task
from patom.core.grouped import whole_rows
from patom.core.regions import Ball, Box, Ellipsoid, Region
from patom.core.rows import TaskRows, append_constant, inject_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.solution import Solution
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.settings import require_at_least
from patom.models.threads import one_blas_thread

_SEARCH = 24  # values of t that are tried
_SMALLEST = 1e-4  # of them, over the largest
_NOTHING = 1e-12
BoundName = Literal["game", "zero", "flooding"]
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


@dataclass(frozen=True)
class LossBound:
    """A bracket around the best attack: no attack gets above ``value``, and the rows here reach ``lower``.

    Parameters
    ----------
    value : float
        Upper bound on the mean loss of the target tasks' clean rows under the poisoned fit, whatever is injected: the
        least of ``bounds``.
    lower : float
        That mean loss under the fit on clean rows and the rows ``X, y, task``.
    clean : float
        And under the fit on clean rows alone.
    W : array of shape (m, d + 1)
        The weights, bias last, that witness the bound.
    objective, objective_lower : float
        G at ``W``, and a lower bound on its minimum over all W: how much lower the search for W could still get.
    factor : float
        1/t, see ``loss_bound``.
    X, y, task : arrays of shape (r, d), (r,) and (r,)
        Rows within the threat model, the attacker's side of the game.
    by : {"game", "zero", "flooding"}
        Which bound ``value`` is, the least of the three.
    bounds : dict of str to float
        All of them: that of the game, see ``loss_bound``; the targets' loss at zero, which no task without injected
        rows of its own gets above; and ``flooding_bound``. The last two are infinite where rows go into a target.
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
    by: BoundName
    bounds: dict[BoundName, float]


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
        one a task (``ByTask``, ``OwnData`` of such a kind). The attacker's knowledge is ignored.
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
    ``play`` describes, t afterwards. m(t) >= 0 and t = min c_i give the bound of Steinhardt, Koh
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
        of_game, t = _best_factor(program, game.upper + program.problem.tol, clean.W)
        bounds: dict[BoundName, float] = {
            "game": of_game, "zero": zero_bound(program), "flooding": flooding(program),
        }  # fmt: skip
        rows = rounded(program, game)
        reached = program.utility(program.solve(rows, clean.W).W)
    clean_loss = program.utility(clean.W)
    by = min(bounds, key=lambda each: bounds[each])
    return LossBound(
        bounds[by], reached, clean_loss, game.W, game.upper, game.lower, 1.0 / t, rows.X,
        *program.in_labels(rows), by, bounds,
    )  # fmt: skip


@dataclass(frozen=True)
class Game:
    """Bounds on the value of the game from both sides."""

    upper: float  # min over W of the objective with the worst rows is at most this, reached at ``W``
    lower: float  # and at least this, by the attacker's mixture of rows
    W: FloatArray  # shape (m, p)
    rows: Injection  # the rows of the mixture
    mixture: FloatArray  # how many of each, shape (k,); they add up to the budget in every attacking task


def bound_at(program: Bilevel, upper: float, t: float, start: FloatArray) -> float:
    """(G(W) - m(t)) / (t N), given G(W); m(t) is taken below its minimum by the fit's gap."""
    rows, c = program.problem.rows, factors(program)
    targets = np.isin(np.arange(rows.n_tasks), program.targets)
    spared = c - t * targets
    spared[spared < _NOTHING * c] = 0.0  # of rounding; it only lowers the minimum
    least = 0.0
    if spared[rows.counts > 0].any():  # accounts have no clean rows to spare
        solution = solve_weighted(program, rows, spared[rows.task_index], start)
        least = max(solution.objective - solution.duality_gap, 0.0)
    return float((upper - least) / (t * rows.counts[program.targets].sum()))


def rounded(program: Bilevel, game: Game) -> Injection:
    """The mixture in whole rows: each its share rounded down, the rest to those with the most left over."""
    chosen = []
    for i, count in zip(program.attackers, program.counts, strict=True):
        own = np.flatnonzero(game.rows.task_index == i)
        whole = whole_rows(game.mixture[own])
        most = np.argsort(whole - game.mixture[own], kind="stable")
        whole[most[: count - whole.sum()]] += 1
        chosen.append(np.repeat(own, whole))
    injection = game.rows.chosen(np.concatenate(chosen))
    return replace(injection, X=program.project(injection.X, injection))


def _best_factor(program: Bilevel, upper: float, start: FloatArray) -> tuple[float, float]:
    """The smallest bound and its t, by golden sections of log t: a convex function over t has one valley."""
    largest = float(factors(program)[program.targets].min())
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
    for region in program.places.regions:
        if not isinstance(region, Ball | Box | Ellipsoid):
            kind = type(region).__name__
            raise ValueError(f"region of ThreatModel must be a Ball, Box or Ellipsoid for loss_bound; got {kind}.")
        if isinstance(region, Box) and not (np.isfinite(region.lower).all() and np.isfinite(region.upper).all()):
            raise ValueError("region of ThreatModel must be bounded for loss_bound; give the Box finite bounds.")
    return program


def play(program: Bilevel, max_iter: int, tol: float) -> Game:
    """Minimise G(W) = sum_i 1/(n_i + r_i) (sum_j l(w_i'x_ij, y_ij) + r_i max over F_i of l(w_i'x, y)) + R(W).

    Against a mixture of rows with weights q, G is a plain problem (1), whose optimum is concave in q with the rows'
    losses as its gradient. Frank and Wolfe's steps on q add the worst rows for the last W; each W bounds the game
    from above, each q from below. Ends where the two are within ``tol`` of each other, relatively. Costs a fit a step.
    """
    counts = program.counts.astype(np.float64)
    W = program.clean.W
    rows, losses = worst_rows(program, W)
    game = Game(upper_value(program, W, losses), 0.0, W, rows, counts)
    for step in range(max_iter):
        solution = solve_mixture(program, game.rows, game.mixture, W)
        W = solution.W
        rows, losses = worst_rows(program, W)
        upper, lower = upper_value(program, W, losses), solution.objective - solution.duality_gap
        game = replace(game, lower=max(game.lower, lower))
        if upper < game.upper:
            game = replace(game, upper=upper, W=W)
        if game.upper - game.lower <= tol * game.upper or step == max_iter - 1:
            break
        share = 2.0 / (step + 3.0)
        game = replace(
            game,
            rows=stacked([game.rows, rows]),
            mixture=np.concatenate([(1.0 - share) * game.mixture, share * counts]),
        )
    return game


def upper_value(program: Bilevel, W: FloatArray, losses: FloatArray) -> float:
    """G(W), given the largest loss of a row in each attacking task."""
    problem, c = program.problem, factors(program)
    clean = float((c * problem.rows.counts) @ mean_loss_by_task(problem.rows, problem.loss, W))
    return clean + float((c[program.attackers] * program.counts) @ losses) + problem.penalty.value(W)


def solve_mixture(program: Bilevel, rows: Injection, mixture: FloatArray, start: FloatArray) -> Solution:
    """Problem (1) on clean rows and a mixture of injected ones."""
    clean, c = program.problem.rows, factors(program)
    both = inject_rows(clean, append_constant(rows.X), rows.y, rows.task_index)
    order = np.argsort(np.concatenate([clean.task_index, rows.task_index]), kind="stable")
    weights = np.concatenate([c[clean.task_index], mixture * c[rows.task_index]])[order]
    return solve_weighted(program, both, weights, start)


def solve_weighted(program: Bilevel, rows: TaskRows, weights: FloatArray, start: FloatArray) -> Solution:
    """Problem (1) with given weights of the rows' losses."""
    problem = program.problem
    weighted = replace(rows, shares=weights, weighing=None)
    return solve(
        RowTerm(weighted, problem.loss), problem.penalty,
        tol=problem.tol, max_iter=problem.max_iter, start=start, polish=False,
    )  # fmt: skip


def factors(program: Bilevel) -> FloatArray:
    """The factor of each task's rows in problem (1) with the injected ones, c_i = 1/(n_i + r_i), shape (m,).

    Times what the task's loss weighs, where tasks are weighed.
    """
    total = totals(program)
    return weights_with(program, total) / total


def worst_rows(program: Bilevel, W: FloatArray) -> tuple[Injection, FloatArray]:
    """For each attacking task the allowed row of the largest loss under W, shape (m, p), and that loss.

    The loss is convex in w'x and in y, so it is largest at one of the region's two ends along w, with one of the two
    extreme labels: four candidates a task.
    """
    loss, X, y, losses = program.problem.loss, [], [], []
    for i, *targets in zip(program.attackers, *program.extremes(program.attackers), strict=True):
        w = W[i]
        candidates = [
            (furthest(program.places.of(int(i), target), sign * w[:-1]), target)
            for target in targets
            for sign in (-1.0, 1.0)
        ]
        found = loss.value(np.array([x @ w[:-1] + w[-1] for x, _ in candidates]), np.array([t for _, t in candidates]))
        best = int(np.argmax(found))
        X.append(candidates[best][0])
        y.append(candidates[best][1])
        losses.append(found[best])
    return Injection(np.array(X), np.array(y), program.attackers), np.array(losses)


def furthest(region: Region, v: FloatArray) -> FloatArray:
    """The point of the largest v'x in a ball, a bounded box or an ellipsoid, shape (d,).

    >>> furthest(Ball(2.0), np.array([3.0, 4.0])), furthest(Box(-1.0, 3.0), np.array([3.0, -4.0]))
    (array([1.2, 1.6]), array([ 3., -1.]))
    """
    if isinstance(region, Box):
        return np.where(v > 0.0, region.upper, region.lower) + np.zeros(v.size)
    assert isinstance(region, Ball | Ellipsoid)
    ahead = region.covariance @ v if isinstance(region, Ellipsoid) else v
    length = float(np.sqrt(v @ ahead))
    return np.asarray(region.centre + (region.radius / length * ahead if length > 0.0 else np.zeros(v.size)))
