"""Solve problem (1) for many more tasks than columns, Omega learned, on rows that stay where they are.

Two engines take turns: ``Momentum``'s accelerated steps, and ``Sweeps``, which bring each task to its own optimum for a
given D and then improve D from (p, p) matrices alone.

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
from patom.core.solvers import choose
from patom.core.solvers.choose import MODEL_TASKS
from patom.core.solvers.goal import Goal
from patom.core.solvers.sharded.problem import Certified, Factors, ShardedProblem, shrink, singular
from patom.core.solvers.solution import Solution, Status

_MEMORY = 8
_LEAST = 1e-12
_MOST_STEPS, _FLOOR, _DROWNED = 150, 1e-12, 1e-14
_STRETCH, _PATIENCE = 10, 15
_POLISHING, _STILL = 20, 1e-10
_IDLE = 4
"""Turns without halving the gap after which rounding may be the reason."""
_DIVERGED = 1e6
"""Multiple of the objective before, or of f(0), above which steps count as diverged."""
W, Y, Z = range(3)
"""The slots: the last step's W, the point ahead of it, and the gradient step from there."""


@dataclass
class Momentum:
    """Beck and Teboulle 2009, restarted by O'Donoghue and Candes's gradient test, one step late to save a pass.

    Steps stream once over the rows each, with three slots and no more, and start from slot ``W``. A step sends a shard
    one (p, p) matrix and two numbers and gets a (p, p) matrix and a number back.
    """

    problem: ShardedProblem
    L: float  # one over the steps' length
    _momentum: float = field(default=1.0, init=False)
    _gram: FloatArray | None = field(default=None, init=False)

    def advance(self, steps: int) -> None:
        """Take so many steps, at least one."""
        if self._gram is None:
            (self._gram,), steps = self.problem.sum("begin", W, Y, Z, self.L), steps - 1
        for _ in range(steps):
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * self._momentum**2))
            push = (self._momentum - 1.0) / following
            self._gram, uphill = self.problem.sum("accelerate", W, Y, Z, self._ahead.matrix, push, self.L)
            self._momentum = 1.0 if uphill[0] > 0.0 else following

    def certify(self) -> Certified:
        """Objective and gap after the steps taken; costs a pass more."""
        return self.problem.evaluate(Z, self._ahead)

    def finish(self) -> Certified:
        """The same, with the weights in slot ``W`` and the other two given back."""
        problem = self.problem
        stayed = self._gram is None
        found = problem.evaluate(W, problem.factors(W)) if stayed else problem.evaluate(Z, self._ahead, W)
        for slot in (Y, Z):
            self.problem.shards.reduce("drop", slot)
        return found

    @property
    def _ahead(self) -> Factors:
        assert self._gram is not None
        penalty = self.problem.penalty
        return shrink(self._gram, 1.0 + penalty.lambda_1 / self.L, penalty.lambda_2 / self.L)


def solve_sharded(
    problem: ShardedProblem,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    start: FloatArray | None = None,
    polish: bool = True,
) -> Solution:
    """Minimise (1) to a certified gap; arguments and result are those of ``accelerated.solve``.

    Accelerated steps go first, unless the smoothness over the lambdas says that they will be very many, and for as
    long as they promise to end before sweeps would. Sweeps do the rest, and polish.

    Notes
    -----
    An accelerated step costs 4 n p + 2 m p^2 operations and one read of the rows, a sweep about n p (p + min(p, n/m)),
    done in cache. Three arrays of shape (m, p) are alive at most, and no copy of the rows.
    """
    problem.shards.write(W, start)
    goal: Goal[Certified] = Goal(tol, problem.rounding)
    found, steps = problem.evaluate(W, problem.factors(W)), 0
    expected = 4.0 * np.sqrt(2.0 * problem.smoothness / sum(problem.penalty.weights))
    accelerates = choose.begins_with_steps(expected, _exchange(problem))
    sweeps = None if accelerates else Sweeps(problem, W, found.D)  # None: accelerated steps are next
    broken, least, idle = False, np.inf, 0
    while not _met(goal, found) and steps < max_iter:
        found, taken, bounded = _advance(problem, sweeps, found, max_iter - steps, goal)
        steps, broken = steps + taken, broken or not bounded
        least, idle = (found.gap, 0) if found.gap <= 0.5 * least else (least, idle + 1)
        if sweeps is None and not bounded:
            break
        if idle >= _IDLE and found.gap <= problem.rounding(found).perhaps:
            break
        if not _met(goal, found):
            sweeps = Sweeps(problem, W, found.D) if sweeps is None and not broken else None
    exhausted = steps >= max_iter
    if polish and goal.status(found, exhausted=exhausted) in (Status.CONVERGED, Status.PRECISION):
        found = (sweeps or Sweeps(problem, W, found.D)).polish(found, goal)
    if problem.rounding(found).lost(found.objective):
        found = _nothing(problem)
    return Solution(
        problem.shards.read(W), found.objective, goal.reported(found), steps, goal.status(found, exhausted=exhausted)
    )


def _met(goal: Goal[Certified], found: Certified) -> bool:
    """Whether steps need not go on: the goal is reached, or rounding keeps the gap above it."""
    return goal.status(found, exhausted=True) is not Status.MAX_ITER


def _advance(
    problem: ShardedProblem, sweeps: "Sweeps | None", found: Certified, limit: int, goal: Goal[Certified]
) -> tuple[Certified, int, bool]:
    """Sweeps, or steps where there are none: the end, their number, and whether numbers stayed in bounds (else W=0)."""
    try:
        most = _DIVERGED * max(problem.scale, found.objective)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found, taken = (
                _accelerate(problem, found, limit, goal) if sweeps is None else sweeps.run(found, limit, goal)
            )
        if found.objective <= most and np.isfinite(found.gap):
            return found, taken, True
    except np.linalg.LinAlgError:  # of NaN
        taken = 0
    return _nothing(problem), taken, False


def _nothing(problem: ShardedProblem) -> Certified:
    """W = 0 in its slot, and what is known there."""
    problem.shards.write(W, None)
    return problem.evaluate(W, problem.factors(W))


def _exchange(problem: ShardedProblem) -> float:
    """Accelerated steps in the time of a sweep."""
    m, p = problem.shards.shape
    return choose.steps_for_a_sweep(p, problem.shards.n_rows / m)


def _accelerate(problem: ShardedProblem, found: Certified, limit: int, goal: Goal[Certified]) -> tuple[Certified, int]:
    """Accelerated steps until the goal is met, the limit reached or sweeps promise to be faster; and their number."""
    steps, L, momentum = 0, problem.smoothness, Momentum(problem, problem.smoothness)
    while steps < limit and not _met(goal, found):
        length, last = min(_STRETCH, limit - steps), found
        momentum.advance(length)
        found, steps = momentum.certify(), steps + length
        now = goal.folds(found)
        if found.objective > last.objective and found.gap >= last.gap:  # steps too long: L came from below
            momentum.finish()
            L *= 2.0
            momentum = Momentum(problem, L)
        elif choose.sweeps_are_faster(now, max(goal.folds(last) - now, 0.0), length, _exchange(problem)):
            break
    return momentum.finish(), steps


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
        seen = np.diag(off) > _DROWNED * np.trace(self.VV)  # V vanishes along a column of zeros, but for rounding
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

    def run(self, found: Certified, limit: int, goal: Goal[Certified]) -> tuple[Certified, int]:
        """Sweeps until the goal is met, the limit reached or the gap no longer halves; and their number."""
        taken, since, least = 0, 0, np.inf
        while taken < limit and since < _PATIENCE and not _met(goal, found):
            found, taken, since = self.advance(), taken + 1, since + 1
            if found.gap <= 0.5 * least:
                least, since = found.gap, 0
        return found, taken

    def polish(self, found: Certified, goal: Goal[Certified]) -> Certified:
        """Sweeps past the gap aimed at, until D stands still: a gap of g leaves W uncertain by its square root."""
        for _ in range(_POLISHING):
            if self.move <= _STILL and _met(goal, found):
                break
            found = self.advance()
        return found

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
