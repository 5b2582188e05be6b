"""The task covariance Omega, kept as its spectrum and factors: an (m, m) array is made on request only."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from patom.core.arrays import FloatArray, IntArray

_BLOCK = 2**22  # entries of Phi at a time: 32 MiB


class TooManyTasksError(MemoryError):
    """An array over all pairs of tasks would not fit into memory."""


def _require_memory(n_tasks: int, *, arrays: int) -> None:
    """Raise TooManyTasksError where so many (m, m) arrays at a time take more than the memory that is free."""
    size, free = 8.0 * n_tasks**2 / 2.0**30, free_memory() / 2.0**30
    if arrays * size > free:
        raise TooManyTasksError(
            f"A matrix over all pairs of {n_tasks} tasks takes {size:.1f} GiB, {arrays} of them are needed at a "
            f"time and {free:.1f} GiB are free; use task_spectrum_, and task_covariance_of(tasks) or "
            "task_correlation_of(tasks) for chosen tasks."
        )


def free_memory() -> float:
    """Bytes that are available without swapping; all of the machine's where the system does not say."""
    report = Path("/proc/meminfo")
    if report.exists():
        for line in report.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    return float("inf")


@dataclass(frozen=True)
class Relationship:
    """Omega = U diag(spectrum) U' on its range, together with the two weights of problem (1).

    >>> Relationship(np.array([[0.6], [0.8]]), np.ones(1), 0.1, 0.1).correlation()
    array([[1., 1.],
           [1., 1.]])
    """

    vectors: FloatArray  # U, orthonormal columns, shape (m, k)
    spectrum: FloatArray  # positive eigenvalues, descending, shape (k,)
    lambda_1: float
    lambda_2: float

    @property
    def n_tasks(self) -> int:
        """Number of tasks m."""
        return int(self.vectors.shape[0])

    def among(self, tasks: IntArray) -> FloatArray:
        """The rows of U that belong to ``tasks`` (positions)."""
        return self.vectors[tasks]

    def covariance(self, tasks: IntArray | None = None) -> FloatArray:
        """Omega, shape (m, m), or its block among ``tasks`` (positions)."""
        if tasks is None:
            _require_memory(self.n_tasks, arrays=1)
        vectors = self.vectors if tasks is None else self.among(tasks)
        return np.asarray((vectors * self.spectrum) @ vectors.T)

    def correlation(self, tasks: IntArray | None = None) -> FloatArray:
        """Task correlations, all or among ``tasks``; 0 between a task of zero variance and any other."""
        if tasks is None:
            _require_memory(self.n_tasks, arrays=4)
        covariance = self.covariance(tasks)
        deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
        correlation: FloatArray = np.clip(covariance * np.outer(inverse, inverse), -1.0, 1.0)
        np.fill_diagonal(correlation, 1.0)
        return correlation

    def correlation_blocks(self, rows: IntArray) -> Iterator[tuple[slice, FloatArray]]:
        """The correlations of ``rows`` with all tasks, cut as ``coupling_blocks`` are."""
        scaled = self.vectors * np.sqrt(self.spectrum)
        deviation = np.linalg.norm(scaled, axis=1, keepdims=True)
        scaled = np.divide(scaled, deviation, out=np.zeros_like(scaled), where=deviation > 0.0)
        for part in _cut(rows.size, scaled.shape[0]):
            block: FloatArray = np.clip(scaled[rows[part]] @ scaled.T, -1.0, 1.0)
            block[np.arange(len(block)), rows[part]] = 1.0
            yield part, block

    def coupling(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """The block of Phi = Omega (lambda_1 Omega + lambda_2 I)^-1 that couples two sets of tasks.

        Phi carries a change of task p's data to task i's weights (paper, eq. 13); with lambda_2 = 0 nothing
        couples and Phi = I / lambda_1.
        """
        if self.lambda_2 == 0.0:
            return np.asarray((rows[:, None] == columns[None, :]) / self.lambda_1)
        gain = self.spectrum / (self.lambda_1 * self.spectrum + self.lambda_2)
        return np.asarray((self.among(rows) * gain) @ self.among(columns).T)

    def coupling_blocks(self, rows: IntArray, columns: IntArray) -> Iterator[tuple[slice, FloatArray]]:
        """``coupling`` a few rows at a time: which of ``rows``, and their part, of 32 MiB at most (a row at least)."""
        for part in _cut(rows.size, columns.size):
            yield part, self.coupling(rows[part], columns)

    def carry(self, V: FloatArray) -> FloatArray:
        """Phi V, shape (m, p), by Phi's factors."""
        if self.lambda_2 == 0.0:
            return np.asarray(V / self.lambda_1)
        vectors, gain = self.vectors, self.spectrum / (self.lambda_1 * self.spectrum + self.lambda_2)
        return np.asarray(vectors @ (gain[:, None] * (vectors.T @ V)))


def _cut(n_rows: int, width: int) -> Iterator[slice]:
    height = max(1, _BLOCK // max(1, width))
    return (slice(first, min(first + height, n_rows)) for first in range(0, n_rows, height))


class RelationshipOfWeights(Relationship):
    """Omega of W = U diag(s) Q' for very many tasks; U = W T, T = Q diag(1/s), is made on request, for some tasks."""

    _W: FloatArray
    _T: FloatArray

    def __init__(self, W: FloatArray, T: FloatArray, spectrum: FloatArray, lambda_1: float, lambda_2: float) -> None:
        vars(self).update(_W=W, _T=T, spectrum=spectrum, lambda_1=lambda_1, lambda_2=lambda_2)

    @property
    def vectors(self) -> FloatArray:
        """U; each call makes it anew."""
        return np.asarray(self._W @ self._T)

    @property
    def n_tasks(self) -> int:
        return int(self._W.shape[0])

    def among(self, tasks: IntArray) -> FloatArray:
        return np.asarray(self._W[tasks] @ self._T)


class UniformRelationship(Relationship):
    """Omega = I/m, which (1) starts from, and which stands for Omega where W = 0 leaves it open.

    Takes O(m).

    >>> UniformRelationship(4, 0.1, 0.1).covariance(np.array([0, 3]))
    array([[0.25, 0.  ],
           [0.  , 0.25]])
    """

    def __init__(self, n_tasks: int, lambda_1: float, lambda_2: float) -> None:
        vars(self).update(spectrum=np.full(n_tasks, 1.0 / n_tasks), lambda_1=lambda_1, lambda_2=lambda_2)

    @property
    def vectors(self) -> FloatArray:
        """The identity; each call makes it anew."""
        _require_memory(self.n_tasks, arrays=1)
        return np.eye(self.n_tasks)

    @property
    def n_tasks(self) -> int:
        return self.spectrum.size

    def among(self, tasks: IntArray) -> FloatArray:
        return np.asarray(tasks[:, None] == np.arange(self.n_tasks), dtype=np.float64)

    def covariance(self, tasks: IntArray | None = None) -> FloatArray:
        if tasks is None:
            return self.vectors / self.n_tasks
        return np.asarray((tasks[:, None] == tasks) / self.n_tasks)

    def correlation_blocks(self, rows: IntArray) -> Iterator[tuple[slice, FloatArray]]:
        for part in _cut(rows.size, self.n_tasks):
            yield part, self.among(rows[part])

    def coupling(self, rows: IntArray, columns: IntArray) -> FloatArray:
        return np.asarray((rows[:, None] == columns) * self._gain)

    def carry(self, V: FloatArray) -> FloatArray:
        return self._gain * V

    @property
    def _gain(self) -> float:
        return 1.0 / (self.lambda_1 + self.lambda_2 * self.n_tasks)
