"""Problem (1) and both attacks as one writes them down in NumPy: a loop over the tasks, a loop over the samples."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patom.core.arrays import FloatArray, IntArray

ADJOINT_TOLERANCE = 1e-3
"""Relative residual of the exact gradient's linear equation, as in our ascent."""
_ADJOINT_STEPS = 5_000


@dataclass(frozen=True)
class PlainProblem:
    """Problem (1) on the rows ``X`` (n, p), constant included, with lambda_1 = lambda_2 = ``lam``."""

    X: FloatArray
    y: FloatArray
    task: IntArray
    n_tasks: int
    lam: float
    hinge: bool

    @cached_property
    def by_task(self) -> list[tuple[FloatArray, FloatArray]]:
        """Each task's rows and targets."""
        return [(self.X[self.task == i], self.y[self.task == i]) for i in range(self.n_tasks)]

    @cached_property
    def smoothness(self) -> float:
        """The Lipschitz constant L of f's gradient."""
        return max(2.0 / y.size * np.linalg.eigvalsh(X.T @ X)[-1] for X, y in self.by_task)

    def slope(self, z: FloatArray, y: FloatArray) -> FloatArray:
        """l'(z, y)."""
        return -2.0 * y * np.maximum(0.0, 1.0 - y * z) if self.hinge else 2.0 * (z - y)

    def curvature(self, z: FloatArray, y: FloatArray) -> FloatArray:
        """l''(z, y)."""
        return np.where(y * z < 1.0, 2.0, 0.0) if self.hinge else np.full_like(z, 2.0)

    def value(self, W: FloatArray) -> float:
        """f(W)."""
        short = [np.maximum(0.0, 1.0 - y * (X @ w)) if self.hinge else y - X @ w
                 for (X, y), w in zip(self.by_task, W, strict=True)]  # fmt: skip
        return float(sum(np.mean(each**2) for each in short))

    def gradient(self, W: FloatArray) -> FloatArray:
        """Gradient of f, (m, p)."""
        return np.stack([X.T @ self.slope(X @ w, y) / y.size for (X, y), w in zip(self.by_task, W, strict=True)])

    def prox(self, Z: FloatArray) -> FloatArray:
        """The proximal step's shrinkage of singular values."""
        U, s, Qt = np.linalg.svd(Z, full_matrices=False)
        return (U * self._shrunk(s)) @ Qt

    def gap(self, W: FloatArray) -> tuple[float, float]:
        """Objective and Fenchel gap."""
        G = self.gradient(W)
        s, t = (np.linalg.svd(matrix, compute_uv=False) for matrix in (W, G))
        S = np.cumsum(t) / (self.lam + self.lam * np.arange(1, t.size + 1))
        k = np.count_nonzero(t > self.lam * S)
        x = np.maximum(t - self.lam * S[k - 1], 0.0) / self.lam if k else np.zeros_like(t)
        penalty = self.lam / 2 * (s @ s + s.sum() ** 2)
        conjugate = t @ x - self.lam / 2 * (x @ x + x.sum() ** 2)
        return self.value(W) + penalty, abs(penalty + conjugate + np.vdot(W, G))

    def solve(self, W: FloatArray, tol: float) -> tuple[FloatArray, int]:
        """Accelerated proximal steps with restart until the gap is met, and how many."""
        Y, momentum, steps = W, 1.0, 0
        objective, gap = self.gap(W)
        while gap > tol * min(1.0, objective) and steps < 10_000:
            for _ in range(10):
                ahead = self.prox(Y - self.gradient(Y) / self.smoothness)
                if np.vdot(Y - ahead, ahead - W) > 0.0:
                    momentum = 1.0
                following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
                Y = ahead + (momentum - 1.0) / following * (ahead - W)
                W, momentum, steps = ahead, following, steps + 1
            objective, gap = self.gap(W)
        return W, steps

    def hessian(self, W: FloatArray, V: FloatArray) -> FloatArray:
        """H V, (m, p)."""
        return np.stack([
            X.T @ (self.curvature(X @ w, y) * (X @ v)) / y.size
            for (X, y), w, v in zip(self.by_task, W, V, strict=True)
        ])  # fmt: skip

    def prox_derivative(self, Z: FloatArray, V: FloatArray) -> FloatArray:
        """J V, (m, p), by divided differences of the shrunk singular values over the singular values."""
        U, s, Qt = np.linalg.svd(Z, full_matrices=False)
        x, ridge, nuclear = self._shrunk(s), 1.0 + self.lam / self.smoothness, self.lam / self.smoothness
        k = np.count_nonzero(x)
        apart = np.subtract.outer(s, s)
        np.fill_diagonal(apart, 1.0)
        even = np.subtract.outer(x, x) / apart
        np.fill_diagonal(even, np.where(x > 0.0, 1.0 / ridge, 0.0))
        odd = np.add.outer(x, x) / np.add.outer(s, s)
        UV, VQ = U.T @ V, V @ Qt.T
        A = UV @ Qt.T
        inner = 0.5 * (even * (A + A.T) + odd * (A - A.T))
        inner[range(k), range(k)] -= nuclear / (ridge * (ridge + nuclear * k)) * np.trace(A[:k, :k])
        ratio = x / s
        return U @ (inner @ Qt + ratio[:, None] * (UV - A @ Qt)) + ((VQ - U @ A) * ratio) @ Qt

    def adjoint(self, W: FloatArray, g: FloatArray) -> tuple[FloatArray, int]:
        """The v = J q / L of the fixed point q = g + (I - H/L) J q, by repeating it, and how often."""
        Z = W - self.gradient(W) / self.smoothness
        q, steps, residual = g, 0, np.inf
        while residual > ADJOINT_TOLERANCE * np.linalg.norm(g) and steps < _ADJOINT_STEPS:
            Jq = self.prox_derivative(Z, q)
            ahead = g + Jq - self.hessian(W, Jq) / self.smoothness
            residual, q, steps = float(np.linalg.norm(ahead - q)), ahead, steps + 1
        return self.prox_derivative(Z, q) / self.smoothness, steps

    def _shrunk(self, s: FloatArray) -> FloatArray:
        ridge, nuclear = 1.0 + self.lam / self.smoothness, self.lam / self.smoothness
        S = np.cumsum(s) / (ridge + nuclear * np.arange(1, s.size + 1))
        k = np.count_nonzero(s > nuclear * S)
        return np.maximum(s - nuclear * S[k - 1], 0.0) / ridge if k else np.zeros_like(s)


def transcription(
    X: FloatArray, samples: FloatArray, pushes: FloatArray, sample_group: IntArray, gain: FloatArray, radius: float
) -> FloatArray:
    """Eq. 6: a loop over the samples, all injected rows at once."""
    X = X.copy()
    for sample, push, group in zip(samples, pushes, sample_group, strict=True):
        X += np.outer(push * gain[:, group], sample)
        norms = np.linalg.norm(X, axis=1)
        outside = norms > radius
        X[outside] *= (radius / norms[outside])[:, None]
    return X


def coupling(W: FloatArray, lam: float) -> FloatArray:
    """Phi = Omega (lambda_1 Omega + lambda_2 I)^-1 at Omega = (W W')^(1/2) / tr (W W')^(1/2), (m, m)."""
    U, s, _ = np.linalg.svd(W, full_matrices=False)
    share = s / s.sum()
    return (U * (share / (lam * share + lam))) @ U.T
