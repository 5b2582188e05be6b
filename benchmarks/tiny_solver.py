"""Problem (1) at three columns, for hundreds of thousands of fits: Newton's method on a smoothed penalty, compiled.

The nuclear norm is that of W with ``EPS`` times the identity below it, so that the penalty is smooth at every rank: the
loss after an attack moves by about ``EPS``, relatively. So this ranks rows; what they reach is measured by the package.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.jit import compiled_exactly
from patom.core.losses import loss_at, loss_code
from patom.core.rows import append_constant

EPS = 1e-4
TOLERANCE = 1e-8  # of what the last Newton step promised, over the objective; the step squares it
_MOST = 100  # Newton steps
_P = 3  # columns, the constant included


@compiled_exactly
def _value(W, X, y, task, counts, kind, delta, l1, l2):  # type: ignore[no-untyped-def]
    """The objective of (1)."""
    total = 0.5 * l1 * (W**2).sum()
    for j in range(y.size):
        i = task[j]
        total += loss_at(kind, delta, W[i, 0] * X[j, 0] + W[i, 1] * X[j, 1] + W[i, 2] * X[j, 2], y[j])[0] / counts[i]
    norm = np.sqrt(np.linalg.eigvalsh(W.T @ W + EPS**2 * np.eye(_P))).sum()
    return total + 0.5 * l2 * norm**2


@compiled_exactly
def _system(W, X, y, task, counts, kind, delta, l1, l2):  # type: ignore[no-untyped-def]
    """Gradient, shape (m, 3), and Hessian, (3 m, 3 m), in the eigenvectors of W'W, which come third."""
    m = W.shape[0]
    squares, V = np.linalg.eigh(W.T @ W + EPS**2 * np.eye(_P))
    s, Z = np.sqrt(squares), W @ V
    g, H = l1 * Z, l1 * np.eye(_P * m)
    for j in range(y.size):
        i = task[j]
        _, slope, bend = loss_at(kind, delta, W[i, 0] * X[j, 0] + W[i, 1] * X[j, 1] + W[i, 2] * X[j, 2], y[j])
        for k in range(_P):
            xk = X[j, 0] * V[0, k] + X[j, 1] * V[1, k] + X[j, 2] * V[2, k]
            g[i, k] += slope / counts[i] * xk
            for q in range(_P):
                xq = X[j, 0] * V[0, q] + X[j, 1] * V[1, q] + X[j, 2] * V[2, q]
                H[_P * i + k, _P * i + q] += bend / counts[i] * xk * xq
    norm = s.sum()
    for i in range(m):
        for k in range(_P):
            g[i, k] += l2 * norm * Z[i, k] / s[k]
            H[_P * i + k, _P * i + k] += l2 * norm / s[k]
            for j in range(m):
                for q in range(_P):
                    H[_P * i + k, _P * j + q] += l2 * Z[i, k] * Z[j, q] / (s[k] * s[q])
                    c = l2 * norm / (s[k] * s[q] * (s[k] + s[q]))
                    H[_P * i + k, _P * j + k] -= c * Z[i, q] * Z[j, q]
                    H[_P * i + k, _P * j + q] -= c * Z[i, q] * Z[j, k]
    return g, H, V


@compiled_exactly
def _fit(W, X, y, task, counts, kind, delta, l1, l2):  # type: ignore[no-untyped-def]
    """The optimum by damped Newton steps from W, shape (m, 3)."""
    value = _value(W, X, y, task, counts, kind, delta, l1, l2)
    for _ in range(_MOST):
        g, H, V = _system(W, X, y, task, counts, kind, delta, l1, l2)
        move = -np.linalg.solve(H, g.ravel()).reshape(W.shape)
        slope, length = (g * move).sum(), 1.0
        move = move @ V.T
        if -slope <= TOLERANCE * value:
            return W + move
        while length > 1e-6:
            ahead = W + length * move
            new = _value(ahead, X, y, task, counts, kind, delta, l1, l2)
            if new <= value + 1e-4 * length * slope:
                break
            length *= 0.5
        else:
            return W
        W, value = ahead, new
    return W


@compiled_exactly
def _utility(W, X, y, task, aimed, kind, delta):  # type: ignore[no-untyped-def]
    """Mean loss of the ``aimed`` rows."""
    total = 0.0
    for j in aimed:
        i = task[j]
        total += loss_at(kind, delta, W[i, 0] * X[j, 0] + W[i, 1] * X[j, 1] + W[i, 2] * X[j, 2], y[j])[0]
    return total / aimed.size


@compiled_exactly
def _adjoint(W, X, y, task, counts, aimed, kind, delta, l1, l2):  # type: ignore[no-untyped-def]
    """v, shape (m, 3): to first order the utility moves by -<v, G> where the objective's gradient moves by G."""
    dU = np.zeros(W.shape)
    for j in aimed:
        i = task[j]
        slope = loss_at(kind, delta, W[i, 0] * X[j, 0] + W[i, 1] * X[j, 1] + W[i, 2] * X[j, 2], y[j])[1]
        dU[i] += slope / aimed.size * X[j]
    _, H, V = _system(W, X, y, task, counts, kind, delta, l1, l2)
    return np.linalg.solve(H, (dU @ V).ravel()).reshape(W.shape) @ V.T


@compiled_exactly
def _sweep(W, X, y, task, counts, aimed, kind, delta, l1, l2, row, points, labels):  # type: ignore[no-untyped-def]
    """The best point and label of one row, the others staying: the utility, and places in ``points``, ``labels``."""
    best, at, value = -np.inf, 0, 0
    for c in range(labels.size):
        y[row] = labels[c]
        for k in range(points.shape[0]):  # from neighbour to neighbour, so that warm starts are near
            X[row, :2] = points[k]
            W = _fit(W, X, y, task, counts, kind, delta, l1, l2)
            utility = _utility(W, X, y, task, aimed, kind, delta)
            if utility > best:
                best, at, value = utility, k, c
    return best, at, value


@dataclass(frozen=True)
class Spot:
    """Injected rows, the utility there and the weights."""

    injection: Injection
    utility: float
    W: FloatArray


@dataclass(frozen=True)
class FastProgram:
    """A program with (1) smoothed."""

    program: Bilevel

    def at(self, injection: Injection, start: FloatArray) -> Spot:
        """Solve from the weights ``start`` on."""
        rows, problem = self._rows(injection), self._problem()
        W = _fit(start, *rows, *problem)
        return Spot(injection, _utility(W, *rows[:3], self._aimed(), *problem[:2]), W)

    def slopes(self, spot: Spot) -> tuple[FloatArray, FloatArray]:
        """Derivatives of the utility by the rows' features and targets, as in ``gradients.through_rows``."""
        rows, injection, loss = self._rows(spot.injection), spot.injection, self.program.problem.loss
        kind, delta, l1, l2 = self._problem()
        v = _adjoint(spot.W, *rows, self._aimed(), kind, delta, l1, l2)[injection.task_index]
        W, x, weight = spot.W[injection.task_index], append_constant(injection.X), -1.0 / rows[3][injection.task_index]
        z, along = (x * W).sum(axis=1), (x * v).sum(axis=1)
        slope, bend = loss.slope(z, injection.y), loss.curvature(z, injection.y)
        features = weight[:, None] * (slope[:, None] * v[:, :-1] + (bend * along)[:, None] * W[:, :-1])
        return features, weight * loss.cross(z, injection.y) * along

    def with_row(self, best: Spot, row: int, points: FloatArray, labels: FloatArray) -> Spot:
        """A row at the best of some points with the best of some labels, or where it is."""
        X, y, task, counts = self._rows(best.injection)
        at = self.program.problem.rows.y.size + row
        found, k, c = _sweep(best.W, X, y, task, counts, self._aimed(), *self._problem(), at, points, labels)
        if found <= best.utility:
            return best
        X, y = best.injection.X.copy(), best.injection.y.copy()
        X[row], y[row] = points[k], labels[c]
        return self.at(replace(best.injection, X=X, y=y), best.W)

    def _rows(self, injection: Injection) -> tuple[FloatArray, ...]:
        clean = self.program.problem.rows
        task = np.append(clean.task_index, injection.task_index)
        X, y = np.vstack([clean.X, append_constant(injection.X)]), np.append(clean.y, injection.y)
        return X, y, task, np.bincount(task).astype(float)

    def _aimed(self) -> Any:
        return np.flatnonzero(np.isin(self.program.problem.rows.task_index, self.program.targets))

    def _problem(self) -> tuple[int, float, float, float]:
        problem = self.program.problem
        return *loss_code(problem.loss), *problem.penalty.weights
