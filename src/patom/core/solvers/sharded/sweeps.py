"""Sweeps: each task to its own optimum for a given D, then a better D from (p, p) matrices alone.

||W||_*^2 is the least tr(W D^-1 W') over positive semi-definite D, shape (p, p), of trace 1, so problem (1) is a
smooth convex problem in D; for given D its tasks separate, and each is solved exactly while its rows are in the cache
(``settle``). The rest depends on averages over all tasks, so a few dozen sweeps suffice at any lambda and any scale of
columns. D <- (W'W)^(1/2) / trace alone is the textbook's alternation, seen from the columns. Two things make it fast:

- a step from the settled W, before D is read off, to the minimum of a model in which all tasks respond to a change of D
  as the mean task does (``model_step``). W's gradient is known there, so it costs no pass. It changes ranks, too.
- Anderson's mixing of the last few D.
"""

from dataclasses import dataclass, field

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.penalties.learned import SpectralPenalty, maximise_on_spectrum
from patom.core.solvers.choose import MODEL_TASKS
from patom.core.solvers.sharded.problem import Certified, ShardedProblem, singular

_MEMORY = 8
_LEAST = 1e-12
_MOST_STEPS, _FLOOR, _DROWNED = 150, 1e-12, 1e-14


@dataclass(frozen=True)
class Settled:
    """Sums over the tasks after a sweep: of the settled W = a A', shape (m, p), and of V = -grad f(W), where A'V is a.

    Of (m, p) arrays only such products are known. W and V are both combinations E M of p orthonormal columns E, which
    are never formed: singular values and inner products of E M are those of M, shape (p, p).
    """

    A: FloatArray  # (p, k): orthogonal columns
    N: FloatArray  # (p, p - k): orthonormal columns that complete them
    aa: FloatArray  # a'a, (k, k)
    aV: FloatArray  # noqa: N815  (a'V, of shape (k, p))
    VV: FloatArray  # V'V, (p, p)
    resolvent: FloatArray  # (k, k): mean over tasks of (I + A'H_i A)^-1, H_i the data term's second derivative
    bound: FloatArray  # (p, p): a bound on the mean of H_i

    def curvature(self) -> FloatArray:
        """The H that tasks would share if their mean resolvent were theirs, shape (p, p); off A's range the bound."""
        pull, across = self._pull, self.N.T @ self.bound @ self.N
        inside = np.linalg.inv(self.resolvent) - np.eye(self.A.shape[1])
        H = pull @ inside @ pull.T + self.N @ across @ self.N.T
        values, Q = np.linalg.eigh(0.5 * (H + H.T))
        largest = float(np.linalg.eigvalsh(self.bound)[-1])
        return np.asarray((Q * np.clip(values, _FLOOR * largest, largest)) @ Q.T)  # rounding is large where A is small

    def coordinates(self) -> tuple[FloatArray, FloatArray]:
        """W and V as E M, the two M of shape (p, p)."""
        k, off = self.A.shape[1], self.N.T @ self.VV @ self.N
        seen = np.diag(off) > _DROWNED * np.trace(
            self.VV
        )  # V vanishes along a column of zeros: what is left is rounding
        across, off = self.aV @ self.N * seen, off * np.outer(seen, seen)
        root = _root(np.block([[self.aa, across], [across.T, off]]))
        return root[:, :k] @ self.A.T, root[:, :k] @ self._pull.T + root[:, k:] @ self.N.T

    @property
    def _pull(self) -> FloatArray:
        """V = a pull' on A's range."""
        return np.asarray(self.A / (self.A**2).sum(axis=0))


def model_step(
    settled: Settled, curvature: FloatArray, penalty: SpectralPenalty, *, most_steps: int = _MOST_STEPS
) -> tuple[FloatArray, FloatArray]:
    """Singular values, shape (k,), and right singular vectors, shape (p, k), of the model's minimiser, or nearly.

    The model is <-V, X - W> + <(X - W) curvature, X - W>/2 + R(X). Its steps are accelerated ones on the
    (p, p) matrix M, as many as the curvature's condition asks for; with one it is a proximal step from W + V/L. W is
    its minimiser where W minimises f + R, however few.
    """
    M_W, M_V = settled.coordinates()
    bends = np.linalg.eigvalsh(curvature)
    L, held = bends[-1], sum(penalty.weights)
    steps = int(np.ceil(6.0 * np.sqrt((L + held) / (max(bends[0], 0.0) + held))))
    ridge, nuclear, momentum = 1.0 + penalty.lambda_1 / L, penalty.lambda_2 / L, 1.0
    M = Y = M_W
    for _ in range(min(steps, most_steps)):
        U, s, Qt = np.linalg.svd(Y - ((Y - M_W) @ curvature - M_V) / L)
        x = maximise_on_spectrum(s, ridge, nuclear)
        last, M = M, (U * x) @ Qt
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        Y, momentum = M + (momentum - 1.0) / following * (M - last), following
    k = int(np.count_nonzero(x))
    return x[:k], Qt[:k].T


@dataclass
class Sweeps:
    """Sweeps from some D on."""

    problem: ShardedProblem
    slot: int  # holds the weights, shape (m, p): the start of Newton's steps, then those of the last sweep
    D: FloatArray  # (p, p), positive semi-definite, of trace 1
    _tried: list[FloatArray] = field(default_factory=list, init=False)
    _moves: list[FloatArray] = field(default_factory=list, init=False)
    _best: tuple[float, Settled] | None = field(default=None, init=False)
    _length: float = field(default=1.0, init=False)

    @property
    def move(self) -> float:
        """How far D is from its image, relative to its trace of 1; infinity before the first sweep."""
        return float(np.linalg.norm(self._moves[-1])) if self._moves else np.inf

    def advance(self) -> Certified:
        """One sweep, certified; moves D on."""
        A, N = _scaled_range(self.D, *self.problem.penalty.weights)
        m = self.problem.shards.shape[0]
        value, aa, aV, VV, resolvent, square, count = self.problem.sum("sweep", A, self.slot, max(1, m // MODEL_TASKS))
        bound = self.problem.curvature_bound * square / count[0]
        settled = Settled(A, N, aa, aV, VV, resolvent / count[0], bound)
        found = self.problem.certify(float(value[0]), singular(aa, A.T), VV, float(np.vdot(A.T, aV)))
        self._move(found.objective, settled)
        return found

    def _move(self, objective: float, settled: Settled) -> None:
        if self._best is not None and not objective <= self._best[0] * (1.0 + 1e-12):
            if not self._tried:  # not even without mixing
                self._length *= 0.5
            self._tried, self._moves, self.D = [], [], self._image(self._best[1])
            return
        self._best, image = (objective, settled), self._image(settled)
        self._tried, self._moves = [*self._tried, self.D][-_MEMORY:], [*self._moves, image - self.D][-_MEMORY:]
        self.D = image if len(self._moves) == 1 else _mixed(self._tried, self._moves)

    def _image(self, settled: Settled) -> FloatArray:
        """D of the weights that the model steps to."""
        if not settled.VV.any():
            return self.D
        problem = self.problem
        most = problem.shards.n_rows // (10 * problem.shards.shape[1])  # so that a sweep costs more
        x, Q = model_step(
            settled, settled.curvature() / self._length, problem.penalty, most_steps=max(1, min(most, 100))
        )
        return np.asarray((Q * (x / x.sum())) @ Q.T)


def _scaled_range(D: FloatArray, lambda_1: float, lambda_2: float) -> tuple[FloatArray, FloatArray]:
    """A, shape (p, k), for which ||a||^2 = w'(lambda_1 I + lambda_2 D^-1) w where w = A a, and what completes it.

    w stays in D's range.
    """
    d, Q = np.linalg.eigh(D)
    if lambda_2 == 0.0:
        return np.asarray(Q / np.sqrt(lambda_1)), np.empty((d.size, 0))
    kept = d > _LEAST * d[-1]
    return np.asarray(Q[:, kept] * np.sqrt(d[kept] / (lambda_1 * d[kept] + lambda_2))), Q[:, ~kept]


def _mixed(tried: list[FloatArray], moves: list[FloatArray]) -> FloatArray:
    """Anderson's combination of the last images: the one whose move would be least, were moves linear in D."""
    shape, F = tried[-1].shape, np.array([move.ravel() for move in moves])
    X = np.array([D.ravel() for D in tried])
    dF, dX = np.diff(F, axis=0), np.diff(X, axis=0)
    weights = np.linalg.lstsq(dF.T, F[-1], rcond=1e-10)[0]
    D = (X[-1] + F[-1] - weights @ (dX + dF)).reshape(shape)
    d, Q = np.linalg.eigh(0.5 * (D + D.T))
    d = np.maximum(d, 0.0)
    return np.asarray((Q * (d / d.sum())) @ Q.T)


def _root(gram: FloatArray) -> FloatArray:
    """R with R'R the Gram matrix; columns are scaled to length 1 first, so that small ones keep their digits."""
    sizes = np.sqrt(np.maximum(np.diag(gram), 0.0))
    scale = np.where(sizes > 0.0, sizes, 1.0)
    values, Q = np.linalg.eigh(gram / np.outer(scale, scale))
    return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * Q.T * scale)
