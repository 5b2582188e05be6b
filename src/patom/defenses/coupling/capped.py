"""Omega with no direction above a share of the whole."""

import numpy as np

from patom.core.arrays import FloatArray
from patom.defenses.coupling.rule import Linear, Reshaping
from patom.models.settings import require_at_least


class Capped(Reshaping):
    """The matrix nearest to the learned Omega whose eigenvalues are ``largest`` at most.

    Eigenvalues and not correlations are capped: at rank one all correlations are +-1, whatever the data, and what
    spreads harm is that all tasks hang on one direction.

    Parameters
    ----------
    largest : float, default 0.5
        Above 0; of trace 1. At 1 and above nothing is capped, at 1/m and below Omega = I/m.

    Notes
    -----
    Nearest in the Frobenius norm among the positive semi-definite matrices of trace 1: the set is invariant under
    rotations, so the eigenvectors stay (von Neumann's trace inequality) and the eigenvalues are projected onto
    {0 <= x <= largest, sum x = 1}. What is cut off is spread evenly over all other directions, the empty ones too, so a
    cap that binds leaves no singular Omega. Costs a fit and O(m^3).

    Examples
    --------
    >>> Capped(0.6).reshape(np.diag([0.9, 0.1, 0.0]))[0].diagonal()
    array([0.6 , 0.25, 0.15])
    """

    def __init__(self, largest: float = 0.5) -> None:
        self.largest = largest

    def check(self) -> None:
        """Refuse settings that cannot be used."""
        require_at_least("Capped", 0.0, strict=True, largest=self.largest)

    def reshape(self, omega: FloatArray) -> tuple[FloatArray, Linear]:
        """The projection."""
        s, Q = np.linalg.eigh(omega)
        x = cap(s, max(self.largest, 1.0 / s.size))
        free = (x > 0.0) & (x < max(self.largest, 1.0 / s.size))
        rise, run = x[:, None] - x, s[:, None] - s
        apart = np.abs(run) > 1e-12
        slopes = np.divide(rise, run, out=(free[:, None] & free).astype(float), where=apart)

        def back(B: FloatArray) -> FloatArray:
            inner = Q.T @ B @ Q
            own = np.where(free, inner.diagonal(), 0.0)
            inner = slopes * inner
            inner[np.diag_indices_from(inner)] = own - free * (own.sum() / max(np.count_nonzero(free), 1))
            return np.asarray(Q @ inner @ Q.T)

        return np.asarray((Q * x) @ Q.T), back


def cap(s: FloatArray, largest: float) -> FloatArray:
    """Projection of s onto {0 <= x <= largest, sum x = 1}, shape (m,); m ``largest`` must be 1 at least.

    x = s + t clipped, for the t at which it sums to 1: between two neighbours of the points where a value meets a
    bound, the sum is linear in t.

    >>> cap(np.array([1.0, 0.0]), 0.75)
    array([0.75, 0.25])
    """
    corners = np.sort(np.concatenate([-s, largest - s]))
    sums = np.clip(s + corners[:, None], 0.0, largest).sum(axis=1)
    return np.asarray(np.clip(s + np.interp(1.0, sums, corners), 0.0, largest))
