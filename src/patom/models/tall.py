"""Fits with so many tasks that their second moments would be large."""

from patom.core.compiled_losses import loss_code
from patom.core.losses import Loss
from patom.core.penalties.learned import SpectralPenalty
from patom.core.penalties.penalty import Penalty
from patom.core.solvers.compiled.oracle import LARGEST
from patom.core.solvers.sharded.problem import TallProblem
from patom.core.solvers.sharded.shard import Shard
from patom.core.solvers.sharded.shards import OneShard
from patom.core.solvers.sharded.solver import solve_tall
from patom.core.solvers.solution import Solution
from patom.models.linear import Table

FEW_ROWS = 2_000_000
"""Entries of all tasks' second moments from which on they are large where they outnumber the rows' own."""
TASKS_A_COLUMN = 4
"""Tasks a column from which on (p, p) matrices are small next to the weights."""


def is_tall(table: Table, penalty: Penalty, solver: str) -> bool:
    """Whether ``solve_rows`` is for this problem: Omega learned, many more tasks than columns, and all moments large.

    Rows with shares of their own are not, as its passes know 1/n_i only.

    Where they are not, the compiled solver is quicker, however many the rows.
    """
    tasks, columns = table.groups.offsets.size - 1, table.X.shape[1] + 1
    moments = tasks * columns**2
    large = moments > (FEW_ROWS if table.X.size < moments else LARGEST)
    return table.shares is None and (
        large and tasks >= TASKS_A_COLUMN * columns and solver == "accelerated" and isinstance(penalty, SpectralPenalty)
    )


def solve_rows(table: Table, loss: Loss, penalty: Penalty, *, tol: float, max_iter: int) -> Solution:
    """Solve problem (1) on rows that are not copied; the weights are those that ``Problem.solve`` gives."""
    assert isinstance(penalty, SpectralPenalty)
    shard = Shard(table.X, table.y, table.groups.offsets, table.groups.order, loss_code(loss))
    problem = TallProblem(OneShard(shard), penalty, loss.curvature_bound)
    return solve_tall(problem, tol=tol, max_iter=max_iter)
