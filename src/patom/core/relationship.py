"""The learned task covariance Omega, kept as its spectrum and factors: no (m, m) array unless asked for."""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Relationship:
    """Omega = U diag(spectrum) U' on its range, together with the two weights of problem (1).

    Parameters
    ----------
    vectors : array of shape (m, k)
        Orthonormal columns U.
    spectrum : array of shape (k,)
        Positive eigenvalues of Omega, descending.
    lambda_1, lambda_2 : float

    Examples
    --------
    >>> Relationship(np.array([[0.6], [0.8]]), np.ones(1), 0.1, 0.1).correlation()
    array([[1., 1.],
           [1., 1.]])
    """

    vectors: FloatArray
    spectrum: FloatArray
    lambda_1: float
    lambda_2: float

    def covariance(self, tasks: IntArray | None = None) -> FloatArray:
        """Omega, shape (m, m), or its block among ``tasks`` (positions)."""
        vectors = self.vectors if tasks is None else self.vectors[tasks]
        return np.asarray((vectors * self.spectrum) @ vectors.T)

    def correlation(self, tasks: IntArray | None = None) -> FloatArray:
        """Task correlations, all or among ``tasks``; 0 between a task of zero variance and any other."""
        covariance = self.covariance(tasks)
        deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
        correlation: FloatArray = np.clip(covariance * np.outer(inverse, inverse), -1.0, 1.0)
        np.fill_diagonal(correlation, 1.0)
        return correlation

    def coupling(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """The block of Phi = Omega (lambda_1 Omega + lambda_2 I)^-1 that couples two sets of tasks.

        Phi carries a change of task p's data to task i's weights (paper, eq. 7); with lambda_2 = 0 nothing
        couples and Phi = I / lambda_1.
        """
        if self.lambda_2 == 0.0:
            return np.asarray((rows[:, None] == columns[None, :]) / self.lambda_1)
        gain = self.spectrum / (self.lambda_1 * self.spectrum + self.lambda_2)
        return np.asarray((self.vectors[rows] * gain) @ self.vectors[columns].T)

    def carry(self, V: FloatArray) -> FloatArray:
        """Phi V, shape (m, p), by Phi's factors."""
        if self.lambda_2 == 0.0:
            return np.asarray(V / self.lambda_1)
        gain = self.spectrum / (self.lambda_1 * self.spectrum + self.lambda_2)
        return np.asarray(self.vectors @ (gain[:, None] * (self.vectors.T @ V)))


def uniform_relationship(n_tasks: int, lambda_1: float, lambda_2: float) -> Relationship:
    """Omega = I/m, what (1) starts from and what stands for Omega where W = 0 leaves it open."""
    return Relationship(np.eye(n_tasks), np.full(n_tasks, 1.0 / n_tasks), lambda_1, lambda_2)
