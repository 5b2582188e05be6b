"""Sweeps: every task to its own optimum for a given D, then a better D from (p, p) matrices alone.

||W||_*^2 is the least tr(W D^-1 W') over positive semi-definite D, shape (p, p), of trace 1, so problem (1) is a
smooth convex problem in D; for given D its tasks part, and each is settled exactly while its rows are in cache
(``settle``). What is left depends on averages over all tasks, so a few dozen sweeps do at any lambda and any scale of
columns. D <- (W'W)^(1/2) / trace alone is the textbook's alternation, seen from the columns; what makes it fast is

- a proximal step of length t from the settled W before D is read off. W's gradient is known there, so it costs nothing,
  and t is ruled by the mean over tasks of the curvature, not by the largest. It brings dropped ranks back, too;
- Anderson's mixing of the last few D.
"""

from dataclasses import dataclass, field

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.tall.problem import Certified, TallProblem
from patom.core.tall.spectrum import shrink, singular

_STEP = 1.7  # times one over the mean curvature; 2 is where a step may overshoot
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
    _best: tuple[float, FloatArray] | None = field(default=None, init=False)
    _step: float = field(default=_STEP, init=False)

    @property
    def move(self) -> float:
        """How far D is from its image, relative to its trace of 1; infinity before the first sweep."""
        return float(np.linalg.norm(self._moves[-1])) if self._moves else np.inf

    def advance(self) -> Certified:
        """One sweep, certified; moves D on."""
        A = _root(self.D, *self.problem.penalty.weights)
        value, aa, aV, VV = self.problem.sum("sweep", A, self.slot)
        found = self.problem.certify(float(value[0]), singular(aa, A.T), VV, float(np.vdot(A.T, aV)))
        self._move(found.objective, A @ aa @ A.T, A @ aV, VV)
        return found

    def _move(self, objective: float, WW: FloatArray, WV: FloatArray, VV: FloatArray) -> None:
        if self._best is not None and objective > self._best[0] * (1.0 + 1e-12):
            if not self._tried:  # not even without mixing
                self._step *= 0.5
            self._tried, self._moves, self.D = [], [], self._best[1]
            return
        image = self._image(WW, WV, VV)
        self._best = objective, image
        self._tried, self._moves = [*self._tried, self.D][-_MEMORY:], [*self._moves, image - self.D][-_MEMORY:]
        self.D = image if len(self._moves) == 1 else _mixed(self._tried, self._moves)

    def _image(self, WW: FloatArray, WV: FloatArray, VV: FloatArray) -> FloatArray:
        """D of W + t V after the penalty's proximal step."""
        t, penalty = self._step / self.problem.mean_smoothness, self.problem.penalty
        if not VV.any():
            return self.D
        ahead = shrink(WW + t * (WV + WV.T) + t**2 * VV, 1.0 + t * penalty.lambda_1, t * penalty.lambda_2)
        return np.asarray((ahead.Q * (ahead.s / ahead.s.sum())) @ ahead.Q.T)


def _root(D: FloatArray, lambda_1: float, lambda_2: float) -> FloatArray:
    """A, shape (p, k), for which ||a||^2 = w'(lambda_1 I + lambda_2 D^-1) w where w = A a; w stays in D's range."""
    d, Q = np.linalg.eigh(D)
    if lambda_2 == 0.0:
        return np.asarray(Q / np.sqrt(lambda_1))
    kept = d > _LEAST * d[-1]
    return np.asarray(Q[:, kept] * np.sqrt(d[kept] / (lambda_1 * d[kept] + lambda_2)))


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
