"""The game behind the bound: weights W against the worst rows for them, solved from both sides."""

from dataclasses import dataclass, replace

import numpy as np

from patom.attacks.certified.worst_rows import worst_rows
from patom.attacks.injection import Injection, stacked
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray, IntArray
from patom.core.data_term import RowTerm, mean_loss_by_task
from patom.core.rows import TaskRows, append_constant, inject_rows
from patom.core.solvers.accelerated import solve
from patom.core.solvers.solution import Solution


@dataclass(frozen=True)
class Game:
    """How far both sides came.

    Parameters
    ----------
    upper : float
        min over W of the objective with the worst rows is at most this, reached at ``W``.
    lower : float
        And at least this, by the attacker's mixture of rows.
    W : array of shape (m, p)
    rows : Injection
        The rows of the mixture.
    mixture : array of shape (k,)
        How many of each; they add up to the budget in every attacking task.
    """

    upper: float
    lower: float
    W: FloatArray
    rows: Injection
    mixture: FloatArray


def play(program: Bilevel, max_iter: int, tol: float) -> Game:
    """Minimise G(W) = sum_i 1/(n_i + r_i) (sum_j l(w_i'x_ij, y_ij) + r_i max over F_i of l(w_i'x, y)) + R(W).

    Against a mixture of rows with weights q, G is a plain problem (1), whose optimum is concave in q with the rows'
    losses as its gradient. Frank and Wolfe's steps on q add the worst rows for the last W; each W bounds the game
    from above, each q from below. Ends where the two are within ``tol`` of each other, relatively. Costs a fit a step.
    """
    counts = program.counts.astype(np.float64)
    W = program.problem.solve(polish=False).W
    rows, losses = worst_rows(program, W)
    game = Game(upper_value(program, W, losses), 0.0, W, rows, counts)
    for step in range(max_iter):
        solution = solve_mixture(program, game.rows, game.mixture, W)
        W = solution.W
        rows, losses = worst_rows(program, W)
        upper, lower = upper_value(program, W, losses), solution.objective - solution.duality_gap
        game = replace(game, lower=max(game.lower, lower))
        if upper < game.upper:
            game = replace(game, upper=upper, W=W)
        if game.upper - game.lower <= tol * game.upper or step == max_iter - 1:
            break
        share = 2.0 / (step + 3.0)
        game = replace(
            game,
            rows=stacked([game.rows, rows]),
            mixture=np.concatenate([(1.0 - share) * game.mixture, share * counts]),
        )
    return game


def upper_value(program: Bilevel, W: FloatArray, losses: FloatArray) -> float:
    """G(W), given the largest loss of a row in each attacking task."""
    problem, share = program.problem, clean_share(program)
    clean = float(share @ mean_loss_by_task(problem.rows, problem.loss, W))
    return clean + float((1.0 - share[program.attackers]) @ losses) + problem.penalty.value(W)


def solve_mixture(program: Bilevel, rows: Injection, mixture: FloatArray, start: FloatArray) -> Solution:
    """Problem (1) on clean rows and a mixture of injected ones."""
    clean, total = program.problem.rows, totals(program)
    both = inject_rows(clean, append_constant(rows.X), rows.y, rows.task_index)
    order = np.argsort(np.concatenate([clean.task_index, rows.task_index]), kind="stable")
    weights = np.concatenate([1.0 / total[clean.task_index], mixture / total[rows.task_index]])[order]
    return solve_weighted(program, both, weights, start)


def solve_weighted(program: Bilevel, rows: TaskRows, weights: FloatArray, start: FloatArray) -> Solution:
    """Problem (1) with given weights of the rows' losses."""
    problem = program.problem
    weighted = replace(rows, shares=weights)
    return solve(
        RowTerm(weighted, problem.loss), problem.penalty,
        tol=problem.tol, max_iter=problem.max_iter, start=start, polish=False,
    )  # fmt: skip


def totals(program: Bilevel) -> IntArray:
    """Rows of each task with the injected ones, n_i + r_i, shape (m,)."""
    total = program.problem.rows.counts.copy()
    total[program.attackers] += program.counts
    return total


def clean_share(program: Bilevel) -> FloatArray:
    """n_i / (n_i + r_i), shape (m,)."""
    return np.asarray(program.problem.rows.counts / totals(program))
