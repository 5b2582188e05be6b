"""How many injected rows it takes, at the least, for a victim to learn given weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.lower_level import CoupledLevel
from patom.attacks.program import Bilevel, bilevel
from patom.core.arrays import FloatArray
from patom.core.data_term import mean_loss_by_task
from patom.core.losses import Loss
from patom.core.regions import Ball, Box, Ellipsoid, Intersection, Region
from patom.models.reading import require_shown
from patom.models.threads import one_blas_thread

_NEARER = (1.0, 0.5, 0.2, 0.05, 0.01)  # weights to compare with: these parts of the way from the decoy to the clean fit
_ARCS, _MOST, _SHORTEST = 256, 2**14, 1e-9  # arcs at first and at most, and half the length of the shortest
_CLOSE = 1e-6  # relative accuracy at which a bound is left


def points_needed(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any = None,
    threat: ThreatModel,
    decoy: Any,
) -> float:
    """A lower bound on the rows that any attack needs to make ``decoy`` optimal for the victim.

    Parameters
    ----------
    model, X, y, task, threat
        As for an attack; the threat's attackers, region and labels count, its budget does not.
    decoy : fitted model or array of shape (m, d + 1)
        The weights to learn, one row a task in the order of the sorted task labels, the bias last.

    Returns
    -------
    float
        Rows of all attacking tasks together; infinite where no number of them will do.

    Raises
    ------
    ValueError
        For a decoy of another shape, or a region that holds no ball, bounded box or ellipsoid.
    TypeError
        For a ``Coupled`` model: the bound needs a penalty that does not change with the rows.

    Notes
    -----
    Suya et al. (2021, theorem 2) for problem (1). Let k_i rows join task i, and rho_i = k_i/(n_i + k_i). The poisoned
    objective is sum_i [(1 - rho_i) f_i(W) + rho_i p_i(W)] + R(W), with f_i and p_i the mean losses of the clean and
    the injected rows. If the decoy D minimises it, it lies no higher there than at any W:

        sum_i (1 - rho_i) (f_i(D) - f_i(W)) + R(D) - R(W) <= sum_i rho_i (p_i(W) - p_i(D)) <= sum_i rho_i B_i(W)

    for B_i(W) >= sup l(w_i'x, y) - l(d_i'x, y) over the rows that may be injected. With F the clean objective,

        F(D) - F(W) <= sum_i rho_i c_i,    c_i = B_i(W) + f_i(D) - f_i(W),

    and the least sum of k_i = n_i rho_i/(1 - rho_i) under this one constraint is the bound: rho_i = max(0, 1 -
    sqrt(n_i/(mu c_i))) for the mu that meets it. It holds for every W, so we take the largest for the clean optimum
    and for weights nearer to the decoy.

    An ascent would find a lower bound of the supremum, so B_i is found otherwise. Balls, and ellipsoids around boxes,
    hold the region; they carry w_i'x and d_i'x to an ellipse in the plane. The difference is convex in w_i'x, so its
    supremum lies on the ellipse's rim, where arcs are halved until a bound for each, from how fast the difference can
    change along it, is within 1e-6 of a value attained. An intersection has the least of its parts' bounds. Costs
    a solve of (1) and, per task, label and W, some ten thousand evaluations of the loss.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> data = {"X": X, "y": y, "threat": ThreatModel([0], [0], 0.1)}
    >>> round(points_needed(MTRLRegressor(), **data, decoy=[[-0.5, 0.0]]), 1)
    26.2
    """
    program = bilevel(model, X, y, task, threat)
    program = program.truth
    if isinstance(program.lower, CoupledLevel):
        raise TypeError(
            "model of points_needed must not be Coupled: the bound needs a penalty that rows do not change."
        )
    problem = program.problem
    D = _weights(decoy, (problem.rows.n_tasks, problem.rows.n_columns))
    attackers = np.sort(threat.attacker_positions(problem.tasks))
    with one_blas_thread():
        W = program.solve(None).W
        needs = []
        for part in _NEARER:
            other = D + part * (W - D)
            clean, wanted = (mean_loss_by_task(problem.rows, problem.loss, V) for V in (other, D))
            above = wanted - clean
            excess = float(above.sum()) + problem.penalty.value(D) - problem.penalty.value(other)
            gains = np.array([largest_difference(program, i, other[i], D[i]) for i in attackers]) + above[attackers]
            needs.append(fewest(excess, gains, problem.rows.counts[attackers].astype(float)))
    return max(needs)


def fewest(excess: float, gains: FloatArray, counts: FloatArray) -> float:
    """Least sum of n_i rho_i/(1 - rho_i) with sum_i rho_i c_i >= excess and 0 <= rho_i < 1; gains c, counts n.

    >>> fewest(1.0, np.array([3.0]), np.array([10.0])), fewest(1.0, np.array([1.0]), np.array([10.0]))
    (5.0, inf)
    """
    if excess <= 0.0:
        return 0.0
    useful = gains > 0.0
    c, n = gains[useful], counts[useful]
    if float(c.sum()) <= excess:
        return float("inf")
    order = np.argsort(n / c, kind="stable")
    c, n = c[order], n[order]
    # With the first k active, sqrt(mu) = sum sqrt(n c) / (sum c - excess); active are those with n/c < mu.
    spare, roots = np.cumsum(c) - excess, np.cumsum(np.sqrt(n * c))
    mu = np.divide(roots, spare, out=np.full(c.size, np.inf), where=spare > 0.0) ** 2
    k = int(np.flatnonzero(mu > n / c)[-1]) + 1
    return float((np.sqrt(n[:k] * c[:k]) * np.sqrt(mu[k - 1]) - n[:k]).sum())


def largest_difference(program: Bilevel, task: int, w: FloatArray, d: FloatArray) -> float:
    """An upper bound of l(w'x, y) - l(d'x, y) over the rows that may be injected into a task (a position)."""
    bounds = []
    for y in np.concatenate(program.extremes(np.array([task]))).tolist():
        region = program.places.of(task, y)
        biases = np.array([w[-1], d[-1]])
        ellipses = [(biases + c, K) for c, K in _ellipses(region, np.array([w[:-1], d[:-1]]))]
        if not ellipses:
            raise ValueError(
                f"region of ThreatModel must hold a Ball, a Box with finite bounds or an Ellipsoid for a bound; got "
                f"{region!r}."
            )
        bounds.append(min(_on_ellipse(program.problem.loss, y, c, K) for c, K in ellipses))
    return max(bounds)


def _ellipses(region: Region, M: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Ellipses {c + K^(1/2) u, ||u|| <= 1} in the plane that hold Mx for all x of the region, M of shape (2, d)."""
    d = M.shape[1]
    if isinstance(region, Intersection):
        for part in region.regions:
            yield from _ellipses(part, M)
    elif isinstance(region, Ball):
        yield M @ np.broadcast_to(region.centre, d), region.radius**2 * M @ M.T
    elif isinstance(region, Ellipsoid):
        yield M @ np.broadcast_to(region.centre, d), region.radius**2 * M @ region.covariance @ M.T
    elif isinstance(region, Box):
        lower, upper = np.broadcast_to(region.lower, d), np.broadcast_to(region.upper, d)
        half = 0.5 * (upper - lower)
        if np.isfinite(half).all():  # the box lies in the ellipsoid sum_i (x_i - c_i)^2 / h_i^2 <= number of h_i > 0
            yield M @ (lower + half), np.count_nonzero(half) * (M * half**2) @ M.T


def _on_ellipse(loss: Loss, y: float, centre: FloatArray, K: FloatArray) -> float:
    """An upper bound of l(z, y) - l(v, y) over (z, v) in the ellipse, by halving arcs of its rim.

    Along the rim, z and v change by at most r and s a radian, z - v by t, and the slopes l'(z) and l'(v) differ by at
    most the largest curvature times |z - v|: so the difference changes by at most |l'(z)| t + curvature |z - v| s.
    """
    r, s = np.sqrt(np.diag(K) * (1.0 + 1e-9))  # a margin for rounding
    along = K[0, 1] / r if r > 0.0 else s
    across = np.sqrt(max(s**2 - along**2, 0.0))
    t = np.hypot(r - along, across)
    h, middle, best = np.pi / _ARCS, np.pi / _ARCS * (2.0 * np.arange(_ARCS) + 1.0), -np.inf
    while True:
        labels = np.full(middle.size, y)
        apart = centre[0] - centre[1] + (r - along) * np.cos(middle) - across * np.sin(middle)
        z = centre[0] + r * np.cos(middle)
        values = loss.value(z, labels) - loss.value(z - apart, labels)
        slope = np.maximum(np.abs(loss.slope(z - r * h, labels)), np.abs(loss.slope(z + r * h, labels)))
        upper = values + h * (slope * t + loss.curvature_bound * (np.abs(apart) + t * h) * s)
        best = max(best, float(values.max()))
        close = best + _CLOSE * abs(best)
        left = upper > close
        if not left.any():
            return close
        if h < _SHORTEST or np.count_nonzero(left) > _MOST:
            return float(upper.max())
        h, middle = 0.5 * h, np.concatenate([middle[left] - 0.5 * h, middle[left] + 0.5 * h])


def _weights(decoy: Any, shape: tuple[int, int]) -> FloatArray:
    given: Any = np.column_stack([decoy.coef_, decoy.intercept_]) if hasattr(decoy, "coef_") else decoy
    require_shown(decoy=given)
    D = np.asarray(given, dtype=np.float64)
    if D.shape != shape:
        raise ValueError(f"decoy must hold weights of shape {shape}, the bias last; got {D.shape}.")
    return D
