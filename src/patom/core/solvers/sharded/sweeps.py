"""Sweeps: every task to its own optimum for a given D, then a better D from (p, p) matrices alone.

||W||_*^2 is the least tr(W D^-1 W') over positive semi-definite D, shape (p, p), of trace 1, so problem (1) is a
smooth convex problem in D; for given D its tasks part, and each is settled exactly while its rows are in cache
(``settle``). What is left depends on averages over all tasks, so a few dozen sweeps do at any lambda and any scale of
columns. D <- (W'W)^(1/2) / trace alone is the textbook's alternation, seen from the columns; what makes it fast is

- a step from the settled W before D is read off, to the minimum of a model in which all tasks answer to a change of D
  as they do in the mean (``model``). W's gradient is known there, so it costs no pass. It drops and adds ranks, too;
- Anderson's mixing of the last few D.
"""

from dataclasses import dataclass, field

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.solvers.sharded.model import Settled, model_step
from patom.core.solvers.sharded.problem import Certified, TallProblem
from patom.core.solvers.sharded.spectrum import singular

_SAMPLE = 2000  # tasks that stand for all in the model, which steers only
_MEMORY = 8
_LEAST = 1e-12


@dataclass
class Sweeps:
    """Sweeps from some D on.

    Parameters
    ----------
    problem : TallProblem
    slot : int
        Where the weights are, shape (m, p): those to start Newton's steps from, and those of the last sweep.
    D : array of shape (p, p)
        Positive semi-definite, of trace 1.
    """

    problem: TallProblem
    slot: int
    D: FloatArray
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
        A, N = _root(self.D, *self.problem.penalty.weights)
        m = self.problem.shards.shape[0]
        value, aa, aV, VV, resolvent, square, count = self.problem.sum("sweep", A, self.slot, max(1, m // _SAMPLE))
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


def _root(D: FloatArray, lambda_1: float, lambda_2: float) -> tuple[FloatArray, FloatArray]:
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
