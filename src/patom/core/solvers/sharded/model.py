"""Where the weights would go next if every task answered as the tasks do in the mean.

Of (m, p) arrays only products are known. W and V = -grad f(W) are both combinations E M of p orthonormal columns E,
which are never formed: singular values and inner products of E M are those of M, shape (p, p).
"""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.penalties.learned import SpectralPenalty, maximise_on_spectrum

_MOST_STEPS, _FLOOR, _DROWNED = 150, 1e-12, 1e-14


@dataclass(frozen=True)
class Settled:
    """What a sweep tells of the settled weights W = a A', shape (m, p), and of V = -grad f(W), whose A'V is a.

    Parameters
    ----------
    A : array of shape (p, k)
        Orthogonal columns.
    N : array of shape (p, p - k)
        Orthonormal columns that complete them.
    aa, aV, VV : arrays of shapes (k, k), (k, p) and (p, p)
        a'a, a'V and V'V.
    resolvent : array of shape (k, k)
        Mean over tasks of (I + A'H_i A)^-1, H_i the data term's second derivative.
    bound : array of shape (p, p)
        A bound on the mean of H_i.
    """

    A: FloatArray
    N: FloatArray
    aa: FloatArray
    aV: FloatArray  # noqa: N815  (a'V)
    VV: FloatArray
    resolvent: FloatArray
    bound: FloatArray

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


def _root(gram: FloatArray) -> FloatArray:
    """R with R'R the Gram matrix; columns are scaled to length 1 first, so that small ones keep their digits."""
    sizes = np.sqrt(np.maximum(np.diag(gram), 0.0))
    scale = np.where(sizes > 0.0, sizes, 1.0)
    values, Q = np.linalg.eigh(gram / np.outer(scale, scale))
    return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * Q.T * scale)
