"""Omega mixed with the one of independent tasks."""

import numpy as np

from patom.core.arrays import FloatArray
from patom.defenses.coupling.rule import Linear, Reshaping
from patom.models.settings import require_at_least


class Shrunken(Reshaping):
    """(1 - share) Omega + share I/m, Omega learned: every task keeps freedom of its own, whatever the others do.

    Parameters
    ----------
    share : float, default 0.5
        From 0, the learned Omega, to 1, tasks apart.

    Notes
    -----
    The form of Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices", with
    the share given. Costs a fit.

    Examples
    --------
    >>> Shrunken(0.5).reshape(np.array([[0.5, 0.5], [0.5, 0.5]]))[0]
    array([[0.5 , 0.25],
           [0.25, 0.5 ]])
    """

    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def check(self) -> None:
        """Refuse settings that cannot be used."""
        require_at_least("Shrunken", 0.0, share=self.share)
        if self.share > 1.0:
            raise ValueError(f"share of Shrunken must be at most 1; got {self.share!r}.")

    def reshape(self, omega: FloatArray) -> tuple[FloatArray, Linear]:
        """The mixture."""
        m, kept = omega.shape[0], 1.0 - self.share
        return kept * omega + self.share / m * np.eye(m), lambda B: kept * B
