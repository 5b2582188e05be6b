"""Tall matrices known by their Gram matrices: singular values and vectors, and the prox, from (p, p) arrays alone.

Eigenvalues of A'A carry an error of about 1e-16 of the largest, so singular values below 1e-8 of the largest drown.
What is below ``CUT`` of it therefore counts as zero: at the optimum that costs the objective about 1e-14 L s_1^2, L
the smoothness. Of a product U B, U's columns orthonormal or nearly, ``singular`` finds them to 1e-16 of the largest.
"""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.penalties.learned import maximise_on_spectrum

CUT = 1e-7


@dataclass(frozen=True)
class Factors:
    """A matrix U diag(s) Q' with U = A T, for some known array A of shape (m, p).

    Parameters
    ----------
    T : array of shape (p, k)
        A T has orthonormal columns, nearly.
    s : array of shape (k,)
        Positive, descending.
    Q : array of shape (p, k)
        Orthonormal columns.
    """

    T: FloatArray
    s: FloatArray
    Q: FloatArray

    @property
    def right(self) -> FloatArray:
        """diag(s) Q', shape (k, p)."""
        return self.s[:, None] * self.Q.T

    @property
    def matrix(self) -> tuple[FloatArray, ...]:
        """T diag(s) Q' as one factor or as two, whichever is cheaper to multiply by."""
        return (self.T, self.right) if 2 * self.s.size < self.Q.shape[0] else (self.T @ self.right,)


def spectrum(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular values, descending, and right singular vectors, of an A given A'A.

    >>> spectrum(np.diag([1.0, 9.0]))[0]
    array([3., 1.])
    """
    values, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(values[::-1], 0.0)), vectors[:, ::-1]


def shrink(gram: FloatArray, ridge: float, nuclear: float) -> Factors:
    """The prox of ``spectral.SpectralPenalty`` at A, given A'A; ridge = 1 + lambda_1/L, nuclear = lambda_2/L.

    >>> shrink(np.diag([1.0, 9.0]), 1.0, 1.0).s
    array([1.5])
    """
    s, Q = spectrum(gram)
    x = maximise_on_spectrum(s, ridge, nuclear)
    k = int(np.count_nonzero((x > 0.0) & (s > CUT * s[0])))
    return Factors(Q[:, :k] / s[:k], x[:k], Q[:, :k])


def singular(gram: FloatArray, B: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Singular values and right singular vectors of U B, given U'U, shape (k, k), and B, shape (k, p)."""
    if B.shape[0] == 0:
        return np.empty(0), np.empty((B.shape[1], 0))
    s, Q = spectrum(gram)
    _, values, Qt = np.linalg.svd((s[:, None] * Q.T) @ B, full_matrices=False)
    return np.asarray(values), np.asarray(Qt.T)
