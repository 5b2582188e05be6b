"""The Omega that problem (1) learns, and how a change of the weights moves it."""

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import TaskRows


def among(omega: FloatArray, tasks: IntArray) -> FloatArray:
    """Omega's block among some tasks with its trace made 1; I/k where it is 0. Shape (k, k).

    >>> among(np.diag([0.5, 0.3, 0.2]), np.array([1, 2])).round(3)
    array([[0.6, 0. ],
           [0. , 0.4]])
    """
    block = omega[np.ix_(tasks, tasks)]
    trace = float(np.trace(block))
    return np.asarray(block / trace) if trace > 0.0 else np.eye(tasks.size) / tasks.size


def rows_of(rows: TaskRows, tasks: IntArray) -> TaskRows:
    """The rows of some tasks, positions ascending."""
    stay = np.isin(rows.task_index, tasks)
    offsets = np.concatenate([[0], np.cumsum(rows.counts[tasks])]).astype(np.int64)
    return TaskRows(np.ascontiguousarray(rows.X[stay]), rows.y[stay], offsets)


def by_weights(W: FloatArray, B: FloatArray) -> FloatArray:
    """Gradient by W, shape (m, p), of <B, Omega(W)> along the matrices of W's rank; B symmetric, shape (m, m).

    Omega = S / tr S with S = (W W')^(1/2) (Zhang and Yeung 2010; W has a row a task here). With W = U diag(s) Q', a
    change of W W' by M turns into one of S by U'MU_ij / (s_i + s_j) on the range, and by U'M / s_i off it.
    """
    if not W.any():
        return np.zeros_like(W)
    U = SpectralPenalty(0.0, 1.0).relationship(W).vectors
    scaled = U.T @ W  # diag(s) Q'
    s = np.linalg.norm(scaled, axis=1)
    Qt, total, BU = scaled / s[:, None], float(s.sum()), B @ U
    inside = U.T @ BU
    off = BU - U @ inside
    shared = float(s @ np.diag(inside)) / total**2  # <B, Omega> / tr S: the trace is held
    inner = 2.0 / total * inside * s / np.add.outer(s, s) - shared * np.eye(s.size)
    return np.asarray(U @ (inner @ Qt) + (2.0 / total) * off @ Qt)
