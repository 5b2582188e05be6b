"""Injected rows as attacks move them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patom.core.arrays import BoolArray, FloatArray, IntArray
from patom.core.rows import append_constant


@dataclass(frozen=True)
class Injection:
    """Injected rows as the lower level sees them."""

    X: FloatArray  # features, shape (r, d), without the constant
    y: FloatArray  # targets, shape (r,); -1 or +1 for a classifier
    task_index: IntArray  # position of each row's task, shape (r,)

    def predictions(self, W: FloatArray) -> FloatArray:
        """The rows' predictions with weights W, shape (m, p), by their features as they are; shape (r,)."""
        return np.asarray(np.einsum("rp,rp->r", append_constant(self.X), W[self.task_index]))

    def chosen(self, rows: IntArray | BoolArray) -> "Injection":
        """Some of the rows, by their positions or by a mask."""
        return Injection(self.X[rows], self.y[rows], self.task_index[rows])


def stacked(parts: Sequence[Injection]) -> Injection:
    """Several injections as one, in their order."""
    X, y, task_index = (np.concatenate([getattr(part, name) for part in parts]) for name in ("X", "y", "task_index"))
    return Injection(X, y, task_index)
