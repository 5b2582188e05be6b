"""The referee's game with the filter held: the harm and its derivatives by the rows that pass.

The attacked model is taken to fit W, shape (m, p), on the rows that its filter passes, by

    min  sum_i 1/n_i sum_j l(w_i'x_ij, y_ij) + lambda_1/2 ||W||_F^2 + lambda_2/2 ||W||_*^2                           (1)

or by the same with tr(W' Omega^-1 W) in place of the last norm, Omega given. Where it does not, there is no such plan.
With W = L R' at the optimum's rank the penalty is smooth in L and R, as ||W||_* = min (||L||^2 + ||R||^2)/2, and
implicit differentiation is one positive semi-definite system.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import clone

from benchmarks.referee_game import Array, Game, Injected, Judged, decide
from benchmarks.referee_room import room_of

Curve = Callable[[Array, Array, float], Array]


def _short(z: Array, y: Array) -> Array:
    return np.asarray(np.maximum(0.0, 1.0 - y * z))


def _constant(value: float) -> Curve:
    return lambda z, _y, _delta: np.full_like(z, value)


# Slope in z, curvature in z, and the derivative of the slope in y (of a quantity only). Huber's delta comes last.
LOSSES: dict[str, tuple[Curve, Curve, Curve]] = {
    "squared_error": (lambda z, y, _: 2.0 * (z - y), _constant(2.0), _constant(-2.0)),
    "huber": (
        lambda z, y, delta: 2.0 * np.clip(z - y, -delta, delta),
        lambda z, y, delta: 2.0 * (np.abs(z - y) <= delta),
        lambda z, y, delta: -2.0 * (np.abs(z - y) <= delta),
    ),
    "squared_hinge": (lambda z, y, _: -2.0 * y * _short(z, y), lambda z, y, _: 2.0 * (y * z < 1.0), _constant(0.0)),
    "unclipped_hinge": (lambda z, y, _: 2.0 * (z - y), _constant(2.0), _constant(0.0)),
    "logistic": (lambda z, y, _: -y * expit(-y * z), lambda z, _y, _: expit(z) * expit(-z), _constant(0.0)),
}


def innermost(model: Any) -> Any:
    """The fitted estimator inside of filters, rules and searches."""
    while hasattr(model, "estimator_"):
        model = model.estimator_
    return model


def planned_on(fitted: Any) -> list[Any]:
    """The unfitted estimators of (1) inside: with Omega learned, and as it was fitted where a rule had given it."""
    inner = innermost(fitted)
    settings = inner.get_params()
    if not {"lambda_1", "lambda_2", "task_covariance"} <= set(settings) or settings.get("loss") not in LOSSES:
        return []
    if settings["task_covariance"] is None:
        return [clone(inner)]
    return [clone(inner).set_params(task_covariance=None), clone(inner)]


@dataclass(frozen=True)
class Point:
    """The utility at some rows and its derivatives by their features and labels.

    ``W`` and the adjoint ``v`` have a row a task, and ``sizes`` are the rows that the tasks were fitted on.
    """

    value: float
    by_features: Array
    by_labels: Array
    W: Array
    v: Array
    sizes: Array


class Held:
    """The game with the filter as it was when it judged some rows: which clean rows pass, and where all may lie.

    ``inner`` is the unfitted estimator of (1) that is planned on, ``shape`` that of a room seen earlier.
    """

    def __init__(self, game: Game, judged: Judged, inner: Any, shape: Array | None = None) -> None:
        n = game.X.shape[0]
        self.game, self.inner, self.room = game, inner, room_of(game, judged, shape)
        self.kept = judged.passed[:n]
        self.X, self.signs, self.task = judged.moved[:n][self.kept], game.signs[self.kept], game.task[self.kept]
        settings = inner.get_params()
        self.l_1, self.l_2, self.omega = (settings[name] for name in ("lambda_1", "lambda_2", "task_covariance"))
        self.slope, self.curvature, self.cross = LOSSES[settings["loss"]]
        self.delta = settings.get("huber_delta", 1.0)

    def at(self, rows: Injected) -> Point:
        """The utility where these rows pass, and its derivatives: one fit and one linear system."""
        game, first = self.game, self.X.shape[0]
        X = np.concatenate([self.X, rows.X])
        y, task = np.concatenate([self.signs, rows.y]), np.concatenate([self.task, rows.task])
        model = game.fit(self.inner, X, y, task)
        W, place = np.column_stack([model.coef_, model.intercept_]), np.searchsorted(game.tasks, task)
        sizes, X = np.bincount(place), np.column_stack([X, np.ones(X.shape[0])])
        z = np.einsum("rp,rp->r", X, W[place])
        slope, curvature = self.slope(z, y, self.delta), self.curvature(z, y, self.delta)
        by_task, by_score = game.smooth([decide(model, game.X[own], game.task[own]) for own in game.own])
        v = self._adjoint(W, self._by_weights(W, by_score), X, place, slope / sizes[place], curvature / sizes[place])
        at, mine = place[first:], X[first:]
        across = np.einsum("rp,rp->r", mine, v[at])
        by_features = (
            -(slope[first:, None] * v[at] + (curvature[first:] * across)[:, None] * W[at]) / sizes[at][:, None]
        )
        by_labels = -self.cross(z[first:], y[first:], self.delta) * across / sizes[at]
        return Point(float(np.nanmean(by_task)), by_features[:, :-1], by_labels, W, v, sizes)

    def _by_weights(self, W: Array, by_score: list[Array]) -> Array:
        """Derivative of the utility by W."""
        g = np.zeros_like(W)
        for own, slope in zip(self.game.own, by_score, strict=True):
            i = np.searchsorted(self.game.tasks, self.game.task[own[0]])
            g[i] = np.append(slope @ self.game.X[own], slope.sum())
        return g

    def _adjoint(self, W: Array, g: Array, X: Array, place: Array, slope: Array, curvature: Array) -> Array:
        """Change of W, shape (m, p), by a unit of -g in the gradient of (1)."""
        order = np.argsort(place, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(place, minlength=W.shape[0]))[:-1])
        H = np.stack([(X[own] * curvature[own, None]).T @ X[own] for own in parts])
        G = np.stack([slope[own] @ X[own] for own in parts]) + self.l_1 * W
        L, R = factors(W) if self.omega is None else given_factors(W, np.asarray(self.omega))
        total, learned = 0.5 * float(np.sum(L**2) + np.sum(R**2)), self.omega is None

        def parted(flat: Array) -> tuple[Array, Array]:
            return flat[: L.size].reshape(L.shape), flat[L.size :].reshape(R.shape)

        def product(flat: Array) -> Array:
            dL, dR = parted(flat)
            V = dL @ R.T + L @ dR.T
            HV = np.matmul(H, V[:, :, None])[:, :, 0] + self.l_1 * V
            if not learned:  # L L' = Omega stays
                return np.concatenate([0.0 * flat[: L.size], (HV.T @ L + self.l_2 * dR).ravel()])
            along = self.l_2 * float(np.sum(L * dL) + np.sum(R * dR))
            by_L = HV @ R + G @ dR + self.l_2 * total * dL + along * L
            by_R = HV.T @ L + G.T @ dL + self.l_2 * total * dR + along * R
            return np.concatenate([by_L.ravel(), by_R.ravel()])

        right = np.concatenate([(g @ R).ravel() if learned else np.zeros(L.size), (g.T @ L).ravel()])
        dL, dR = parted(conjugate_gradients(product, right))
        return dL @ R.T + L @ dR.T


def factors(W: Array) -> tuple[Array, Array]:
    """L and R with W = L R' and L'L = R'R, at W's rank."""
    left, values, right = np.linalg.svd(W, full_matrices=False)
    rank = max(1, int(np.count_nonzero(values > 1e-6 * values[0])))
    root = np.sqrt(values[:rank])
    return left[:, :rank] * root, right[:rank].T * root


def given_factors(W: Array, omega: Array) -> tuple[Array, Array]:
    """L and R with W = L R' and Omega = L L'."""
    values, vectors = np.linalg.eigh(omega)
    known = values > 1e-10 * values[-1]
    L = vectors[:, known] * np.sqrt(values[known])
    return L, (np.linalg.pinv(L) @ W).T


def conjugate_gradients(product: Callable[[Array], Array], right: Array, tol: float = 1e-6, most: int = 400) -> Array:
    """Solve a positive semi-definite system whose right side is in its range."""
    x, rest = np.zeros_like(right), right.copy()
    p, square = rest.copy(), float(rest @ rest)
    end = tol**2 * square
    for _ in range(most):
        image = product(p)
        curved = float(p @ image)
        if square <= end or curved <= 0.0:
            break
        x, rest, before = x + square / curved * p, rest - square / curved * image, square
        square = float(rest @ rest)
        p = rest + square / before * p
    return x
