"""Problem (1) as arrays, and the way from a table of rows to the solver that serves it."""

from dataclasses import dataclass

import numpy as np

from patom.core.arrays import AnyArray, FloatArray
from patom.core.data_term import DataTerm, data_term
from patom.core.losses import Loss, loss_code
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import Penalty
from patom.core.rows import TaskRows, weights_of
from patom.core.solvers.accelerated import solve
from patom.core.solvers.alternating import alternate
from patom.core.solvers.choose import Layout, layout
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.shard import Shard
from patom.core.solvers.sharded.solver import solve_sharded
from patom.core.solvers.solution import Solution
from patom.models.linear import Table


@dataclass(frozen=True)
class Problem:
    """Problem (1) on given rows, for callers that solve it again and again; settings are those of the estimator."""

    rows: TaskRows  # grouped by task, the constant appended, labels encoded
    tasks: AnyArray  # the task labels, in the order of ``rows``, shape (m,)
    loss: Loss
    penalty: Penalty  # Omega learned or given
    tol: float
    max_iter: int
    solver: str = "accelerated"

    def solve(
        self,
        rows: TaskRows | None = None,
        start: FloatArray | None = None,
        *,
        polish: bool = True,
        tol: float = 0.0,
        term: DataTerm | None = None,
    ) -> Solution:
        """Solve on ``rows`` (default: the problem's own) from ``start``, shape (m, p) (default: cold).

        ``polish=False`` leaves out the last steps, which make W as precise as rounding allows after the gap is reached.
        ``tol`` replaces the problem's own tolerance where it is larger; ``term`` is the rows' data term, if known.
        """
        tol = max(tol, self.tol)
        if term is None:
            term = data_term(self.rows if rows is None else rows, self.loss)
        polishing = 2 if polish else None
        return _solve(term, self.penalty, self.solver, tol=tol, max_iter=self.max_iter, start=start, polish=polishing)


def solve_table(table: Table, loss: Loss, penalty: Penalty, solver: str, *, tol: float, max_iter: int) -> Solution:
    """Solve problem (1) on a table, in the layout that ``core.solvers.choose`` names; the weights are the same in each.

    ``solver`` is the estimators' setting.
    """
    m, p = table.groups.offsets.size - 1, table.X.shape[1] + 1
    plain = table.shares is None and weights_of(table.weighing, np.diff(table.groups.offsets)) is None
    shardable = isinstance(penalty, SpectralPenalty) and solver == "accelerated" and plain
    chosen = layout(m, p, table.X.size, shardable=shardable)
    if chosen is Layout.SHARDED:
        assert isinstance(penalty, SpectralPenalty)
        shard = Shard(table.X, table.y, table.groups.offsets, table.groups.order, loss_code(loss))
        return solve_sharded(ShardedProblem(shard, penalty, loss.curvature_bound), tol=tol, max_iter=max_iter)
    rows = table.borrowed() if chosen is Layout.BORROWED else table.grouped()
    return _solve(data_term(rows, loss), penalty, solver, tol=tol, max_iter=max_iter)


def _solve(
    term: DataTerm,
    penalty: Penalty,
    solver: str,
    *,
    tol: float,
    max_iter: int,
    start: FloatArray | None = None,
    polish: int | None = 2,
) -> Solution:
    """Solve problem (1) by the solver of this name in the estimators; the textbook's alternation starts cold."""
    if solver == "alternating":
        return alternate(term, *penalty.weights, tol=tol, max_iter=max_iter)
    return solve(term, penalty, tol=tol, max_iter=max_iter, start=start, polish=polish)
