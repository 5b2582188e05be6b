"""Dykstra's algorithm: the nearest point of several convex sets from the projections onto each."""

from collections.abc import Callable, Sequence

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.regions.values import row_norms

Projection = Callable[[FloatArray], FloatArray]

TOLERANCE = 1e-13
MAX_ROUNDS = 5_000


def dykstra(
    X: FloatArray, projections: Sequence[Projection], *, tol: float = TOLERANCE, max_rounds: int = MAX_ROUNDS
) -> tuple[FloatArray, FloatArray]:
    """Project the rows onto the intersection of convex sets (Boyle and Dykstra 1986).

    A round projects onto each set in turn, having added back what the set took away a round before. A row ends when
    all of a round's points agree to ``tol`` times the size of the row: that is the criterion of Birgin and Raydan
    (2005), which unlike the change from one round to the next cannot stop in a stall, and it certifies the point:
    with y_i the round's points, p_i what was taken away and y the last point, every z of the intersection has
    <x - y, z - y> <= sum_i <p_i, y_i - y>.

    Parameters
    ----------
    X : array of shape (n, d)
    projections : callables (n, d) -> (n, d)
        The result lies in the last set exactly, in the others up to the returned gap.

    Returns
    -------
    points : array of shape (n, d)
    gaps : array of shape (n,)
        Largest distance between points of the last round; where it stays above the tolerance the sets have no
        common point, or meet at so flat an angle that the rounds did not suffice.

    Examples
    --------
    >>> points, gaps = dykstra(np.array([[2.0, 2.0]]), [lambda x: np.minimum(x, 1.0), lambda x: np.maximum(x, 0.0)])
    >>> points, bool(gaps[0] < 1e-12)
    (array([[1., 1.]]), True)
    """
    points, gaps = np.array(X, dtype=np.float64), np.zeros(X.shape[0])
    active = np.flatnonzero(np.isfinite(X).all(axis=1))
    point, taken = points[active], np.zeros((len(projections), active.size, X.shape[1]))
    size = row_norms(point)[:, 0]
    for _ in range(max_rounds):
        if active.size == 0:
            break
        gap = np.zeros(active.size)
        for i, project in enumerate(projections):
            nearest = project(point + taken[i])
            step = point - nearest
            taken[i] += step
            gap = np.maximum(gap, row_norms(step)[:, 0])
            point = nearest
        points[active], gaps[active] = point, gap
        running = gap > tol * np.maximum(size, row_norms(point)[:, 0])
        active, point, taken, size = active[running], point[running], taken[:, running], size[running]
    return points, gaps
