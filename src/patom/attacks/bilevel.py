"""The bilevel program (paper, eq. 2 and 3): the attacker's utility above, problem (1) on poisoned rows below."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from patom.attacks.threat import ThreatModel
from patom.core.arrays import FloatArray, IntArray
from patom.core.kernels import row_products
from patom.core.regions import Region
from patom.core.rows import append_constant, inject_rows
from patom.core.solution import Solution
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.problem import Problem

MTRL = MTRLRegressor | MTRLClassifier


@dataclass(frozen=True)
class Injection:
    """Injected rows as the lower level sees them.

    Parameters
    ----------
    X : array of shape (r, d)
        Features, without the constant.
    y : array of shape (r,)
        Targets, -1 or +1 for a classifier.
    task_index : array of shape (r,)
        Position of each row's task.
    """

    X: FloatArray
    y: FloatArray
    task_index: IntArray


@dataclass(frozen=True)
class Bilevel:
    """Clean rows, the victim's problem (1) and the attacker's aims.

    Parameters
    ----------
    victim : MTRLRegressor or MTRLClassifier
        An unfitted clone that knows the labels of tasks and classes.
    problem : Problem
        Problem (1) on the clean rows.
    targets, attackers : arrays of positions, ascending
        Of the attackers, those whose budget comes to a row.
    counts : array
        Rows to inject into each attacker, at least 1.
    region : Region
    """

    victim: MTRL
    problem: Problem
    targets: IntArray
    attackers: IntArray
    counts: IntArray
    region: Region

    def solve(self, injection: Injection, start: FloatArray, *, polish: bool = True) -> Solution:
        """The lower level: problem (1) on clean and injected rows together (eq. 3)."""
        X = append_constant(injection.X)
        rows = inject_rows(self.problem.rows, X, injection.y, injection.task_index)
        return self.problem.solve(rows, start, polish=polish)

    def target_rows(self) -> IntArray:
        """Positions of the target tasks' clean rows among the grouped rows."""
        offsets = self.problem.rows.offsets
        return np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in self.targets])

    def utility(self, W: FloatArray) -> float:
        """Mean loss of the target tasks' clean rows (eq. 2 sums it)."""
        rows, chosen = self.problem.rows, self.target_rows()
        z = row_products(rows.X, rows.offsets, W)
        return float(self.problem.loss.value(z[chosen], rows.y[chosen]).mean())

    def duals(self, injection: Injection, W: FloatArray) -> FloatArray:
        """a_ij = -l'(w_i'x_ij, y_ij) / (n_i + n^_i) of the injected rows, shape (r,) (eq. 5)."""
        z = np.einsum("rp,rp->r", append_constant(injection.X), W[injection.task_index])
        n = self.problem.rows.counts + np.bincount(injection.task_index, minlength=W.shape[0])
        return -self.problem.loss.slope(z, injection.y) / n[injection.task_index]


def bilevel(model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any, threat: ThreatModel) -> Bilevel:
    """Check model, data and threat against each other; the model passed in is left untouched."""
    if not isinstance(model, MTRL):
        raise TypeError(
            f"model must be an MTRLRegressor or MTRLClassifier to be attacked; got {type(model).__name__}. "
            "Attack one of these, then replay the result against any other model."
        )
    if not isinstance(threat, ThreatModel):
        raise TypeError(f"threat must be a ThreatModel; got {type(threat).__name__}.")
    victim = clone(model)
    problem = victim.problem(X, y, task=task)
    # Sorted: the answer must not depend on the order of the labels, which in a set differs from run to run.
    targets = np.sort(threat.target_positions(problem.tasks))
    attackers = np.sort(threat.attacker_positions(problem.tasks))
    counts = threat.injected_counts(problem.rows.counts[attackers])
    active = counts > 0
    return Bilevel(victim, problem, targets, attackers[active], counts[active], threat.region)
