"""The data term of problem (1), f(W) = sum_i 1/n_i sum_j l(w_i'x_ij, y_ij): value, gradient, Hessian.

Two forms of the same function: by second moments for a quadratic loss on many rows, whose cost does not depend on n
after one pass, and by rows otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.kernels import row_products
from patom.core.losses import Loss
from patom.core.rows import Rows, TaskRows, grouping, weights_of
from patom.core.solvers import choose
from patom.core.solvers.choose import BLOCK_ROWS
from patom.core.task_weights import TaskWeights

Operator = Callable[[FloatArray], FloatArray]


class DataTerm(Protocol):
    """f with its derivatives; ``smoothness`` bounds the Hessian's eigenvalues closely (see ``_power``)."""

    @property
    def shape(self) -> tuple[int, int]:
        """(m, p)."""

    @property
    def smoothness(self) -> float:
        """Lipschitz constant of the gradient, up to a few per cent."""

    def value_and_gradient(self, W: FloatArray) -> tuple[float, FloatArray]:
        """f(W) and its gradient, shape (m, p)."""

    def hessian(self, W: FloatArray) -> Operator:
        """The Hessian at W as a map V -> H V, block diagonal over tasks."""


@dataclass(frozen=True)
class Expansion:
    """f around some W, to second order."""

    gradient: FloatArray  # (m, p)
    hessian: Operator
    corner: float = 1.0  # how close the nearest row is to a jump of the curvature; 1 for a smooth loss


@dataclass(frozen=True)
class MomentTerm:
    """f for l = (y - z)^2 by second moments: means over each task's rows, by their shares if they have some.

    ``weighted`` multiplies a task's with what its loss weighs; rows are joined before.
    """

    A: FloatArray  # 2 X_i'X_i/n_i, shape (m, p, p)
    b: FloatArray  # 2 X_i'y_i/n_i, shape (m, p)
    square: FloatArray  # y_i'y_i/n_i, shape (m,)
    counts: IntArray  # n_i, shape (m,)

    @cached_property
    def constant(self) -> float:
        """f(0)."""
        return float(self.square.sum())

    @cached_property
    def columns(self) -> FloatArray:
        """Sizes of the columns, task by task, shape (m, p): roots of the Hessian's diagonal."""
        return np.asarray(np.sqrt(np.einsum("icc->ic", self.A)))

    @cached_property
    def smoothness(self) -> float:
        return _power(lambda V: _apply_blocks(self.A, V), self.b.shape)

    @property
    def shape(self) -> tuple[int, int]:
        return self.b.shape[0], self.b.shape[1]

    def value_and_gradient(self, W: FloatArray) -> tuple[float, FloatArray]:
        AW = _apply_blocks(self.A, W)
        return float(np.vdot(W, 0.5 * AW - self.b)) + self.constant, AW - self.b

    def hessian(self, W: FloatArray) -> Operator:  # noqa: ARG002  (the same everywhere)
        return lambda V: _apply_blocks(self.A, V)

    def expand(self, W: FloatArray) -> Expansion:
        return Expansion(self.value_and_gradient(W)[1], self.hessian(W))

    def joined(self, X: FloatArray, y: FloatArray, task_index: IntArray) -> "MomentTerm":
        """With more rows, ``X``: (r, p) with the constant, ``y``: (r,), ``task_index``: (r,).

        Costs a copy, and r p^2 for the rows; blocks of tasks without new rows keep their bits.

        >>> from patom.core.rows import TaskRows
        >>> rows = TaskRows(np.eye(2), np.ones(2), np.array([0, 1, 2]))
        >>> more = moments(rows).joined(np.array([[0.0, 3.0]]), np.array([2.0]), np.array([1]))
        >>> more.A[1], more.b[1], more.square
        (array([[ 0.,  0.],
               [ 0., 10.]]), array([0., 7.]), array([1. , 2.5]))
        """
        groups = grouping(task_index, self.counts.size)
        offsets = groups.offsets
        A, b, square, counts = self.A.copy(), self.b.copy(), self.square.copy(), self.counts + np.diff(offsets)
        X, y = groups.arrange(X), groups.arrange(y)
        for i in np.flatnonzero(np.diff(offsets)):
            own, targets = (part[offsets[i] : offsets[i + 1]] for part in (X, y))
            stay, join = self.counts[i] / counts[i], 2.0 / counts[i]
            A[i] = stay * A[i] + join * (own.T @ own)
            b[i] = stay * b[i] + join * (own.T @ targets)
            square[i] = stay * square[i] + 0.5 * join * (targets @ targets)
        return MomentTerm(A, b, square, counts)

    def weighted(self, weighing: TaskWeights | None) -> "MomentTerm":
        """With each task's loss times its weight; costs a copy where they are not all 1."""
        c = weights_of(weighing, self.counts)
        if c is None:
            return self
        return MomentTerm(c[:, None, None] * self.A, c[:, None] * self.b, c * self.square, self.counts)


@dataclass(frozen=True)
class RowTerm:
    """f for any loss by passes over the rows."""

    rows: Rows
    loss: Loss

    @cached_property
    def columns(self) -> FloatArray:
        """Sizes of the columns, task by task, shape (m, p): roots of a bound on the Hessian's diagonal; one pass."""
        return np.sqrt(self.loss.curvature_bound * self.rows.squares(self.rows.weights))

    @cached_property
    def smoothness(self) -> float:
        return _power(_row_operator(self.rows, self.rows.weights * self.loss.curvature_bound), self.shape)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.n_tasks, self.rows.n_columns

    def value_and_gradient(self, W: FloatArray) -> tuple[float, FloatArray]:
        rows, z = self.rows, self.rows.products(W)
        value = float(np.vdot(rows.weights, self.loss.value(z, rows.y)))
        slopes = rows.weights * self.loss.slope(z, rows.y)
        return value, rows.sums(slopes)

    def hessian(self, W: FloatArray) -> Operator:
        rows, z = self.rows, self.rows.products(W)
        return _row_operator(rows, rows.weights * self.loss.curvature(z, rows.y))

    def expand(self, W: FloatArray) -> Expansion:
        rows, z = self.rows, self.rows.products(W)
        slopes, bends = (rows.weights * part(z, rows.y) for part in (self.loss.slope, self.loss.curvature))
        gradient = rows.sums(slopes)
        return Expansion(gradient, _row_operator(rows, bends), self.loss.corner_distance(z, rows.y))


def column_sizes(term: DataTerm) -> FloatArray:
    """A term's ``columns``; for a term without them its smoothness, which bounds each."""
    known: FloatArray | None = getattr(term, "columns", None)
    return np.full(term.shape, np.sqrt(term.smoothness)) if known is None else known


def data_term(rows: Rows, loss: Loss) -> MomentTerm | RowTerm:
    """The cheaper form of f; by moments after one pass that costs n p^2."""
    return moments(rows).weighted(rows.weighing) if by_moments(rows, loss) else RowTerm(rows, loss)


def moments(rows: Rows) -> MomentTerm:
    """The squared error's f with tasks of weight 1; costs n p^2, and a copy of ``BLOCK_ROWS`` where rows are borrowed.

    A task without rows has moments of 0.
    """
    m, p, shares = rows.n_tasks, rows.n_columns, rows.shares
    A, b, square = np.zeros((m, p, p)), np.zeros((m, p)), np.zeros(m)
    for i, (start, stop) in enumerate(pairwise(rows.offsets.tolist())):
        for first in range(start, stop, BLOCK_ROWS):
            part = slice(first, min(first + BLOCK_ROWS, stop))
            X, y = rows.block(part), rows.y[part]
            weighted = X if shares is None else X * shares[part, None]
            A[i] += weighted.T @ X
            b[i] += weighted.T @ y
            square[i] += y @ (y if shares is None else shares[part] * y)
    counts = np.maximum(rows.counts, 1) if shares is None else np.ones(m)
    A *= (2.0 / counts)[:, None, None]
    b *= (2.0 / counts)[:, None]
    return MomentTerm(A, b, square / counts, rows.counts)


def by_moments(rows: Rows, loss: Loss) -> bool:
    """Whether the data term is best written by second moments, see ``solvers.choose``."""
    return loss.quadratic and choose.moments_are_cheaper(rows.n_tasks, rows.n_columns, rows.y.size)


def mean_loss_by_task(rows: TaskRows, loss: Loss, W: FloatArray) -> FloatArray:
    """Mean loss of each task's rows, by their shares where they have some, shape (m,); f(W) is their weighted sum.

    0 for a task without rows.
    """
    losses = loss.value(row_products(rows.X, rows.offsets, W), rows.y)
    some = rows.counts > 0  # an account has no clean rows
    means = np.zeros(rows.n_tasks)
    if rows.shares is not None:
        means[some] = np.add.reduceat(rows.shares * losses, rows.offsets[:-1][some])
    else:
        means[some] = np.add.reduceat(losses, rows.offsets[:-1][some]) / rows.counts[some]
    return means


def _apply_blocks(A: FloatArray, V: FloatArray) -> FloatArray:
    return np.asarray(np.matmul(A, V[:, :, None])[:, :, 0])


def _row_operator(rows: Rows, weight: FloatArray) -> Operator:
    return lambda V: rows.gram(weight, V)


def _power(blocks: Operator, shape: tuple[int, ...], steps: int = 20) -> float:
    # Power iteration on every task's block at once. It approaches the largest eigenvalue from below; the
    # margin covers the rest, and the solver doubles the constant should it see the objective rise.
    V = np.random.default_rng(0).standard_normal(shape)
    norms = np.ones(shape[0])
    for _ in range(steps):
        V /= np.maximum(np.linalg.norm(V, axis=1, keepdims=True), np.finfo(float).tiny)
        V = blocks(V)
        norms = np.linalg.norm(V, axis=1)
    return 1.05 * float(norms.max())
