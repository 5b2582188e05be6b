"""The row of largest loss that may be injected, in closed form: a convex loss is largest at an end."""

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.regions import Ball, Box, Ellipsoid, Region

KINDS = (Ball, Box, Ellipsoid)


def worst_rows(program: Bilevel, W: FloatArray) -> tuple[Injection, FloatArray]:
    """For each attacking task the allowed row of the largest loss under W, shape (m, p), and that loss.

    The loss is convex in w'x and in y, so it is largest at one of the region's two ends along w, with one of the two
    extreme labels: four candidates a task.
    """
    loss, (low, high) = program.problem.loss, program.label_bounds
    X, y, losses = [], [], []
    for i in program.attackers:
        w = W[i]
        targets = (-1.0, 1.0) if loss.margin else (low[i], high[i])
        candidates = [
            (furthest(region_of(program, int(i), target), sign * w[:-1]), target)
            for target in targets
            for sign in (-1.0, 1.0)
        ]
        found = loss.value(np.array([x @ w[:-1] + w[-1] for x, _ in candidates]), np.array([t for _, t in candidates]))
        best = int(np.argmax(found))
        X.append(candidates[best][0])
        y.append(candidates[best][1])
        losses.append(found[best])
    return Injection(np.array(X), np.array(y), program.attackers), np.array(losses)


def region_of(program: Bilevel, task: int, target: float) -> Region:
    """Where the task's rows of that target may lie."""
    places = program.places
    return places.regions[0 if places.number is None else places.number[task, int(target > 0.0)]]


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


def require_bounded(program: Bilevel) -> None:
    """Refuse regions without a closed form or without an end."""
    for region in program.places.regions:
        if not isinstance(region, KINDS):
            kind = type(region).__name__
            raise ValueError(f"region of ThreatModel must be a Ball, Box or Ellipsoid for loss_bound; got {kind}.")
        if isinstance(region, Box) and not (np.isfinite(region.lower).all() and np.isfinite(region.upper).all()):
            raise ValueError("region of ThreatModel must be bounded for loss_bound; give the Box finite bounds.")
