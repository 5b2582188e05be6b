"""The victim of the ridge benchmark and its exact refit; NumPy alone, for the peers' own interpreters load it too.

Ridge regression with a free bias, as scikit-learn's ``Ridge`` and with it both peers have it:

    min_{w, b}  1/n sum_j (w'x_j + b - y_j)^2 + lam ||w||^2          over all n rows, clean and injected.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RidgeProblem:
    """Clean rows, and the injected rows that every contestant starts from.

    ``X``: (n, d) and ``X_start``: (r, d) in the unit box, ``y``: (n,), ``y_start``: (r,).
    """

    X: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    X_start: np.ndarray[Any, Any]
    y_start: np.ndarray[Any, Any]
    lam: float

    def loss(self, X: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
        """Mean squared error of the clean rows after a refit on these and the injected rows ``X``, ``y``."""
        rows, targets = np.concatenate([self.X, X]), np.concatenate([self.y, y])
        mean, level = rows.mean(axis=0), targets.mean()
        centred = rows - mean
        gram = centred.T @ centred / targets.size + self.lam * np.eye(rows.shape[1])
        w = np.linalg.solve(gram, centred.T @ (targets - level) / targets.size)
        return float(np.mean(((self.X - mean) @ w + level - self.y) ** 2))

    def save(self, path: Path) -> None:
        """Write the arrays to a NumPy archive."""
        np.savez(path, X=self.X, y=self.y, X_start=self.X_start, y_start=self.y_start, lam=self.lam)

    @classmethod
    def load(cls, path: Path) -> "RidgeProblem":
        """Read what ``save`` wrote."""
        with np.load(path) as file:
            return cls(file["X"], file["y"], file["X_start"], file["y_start"], float(file["lam"]))
