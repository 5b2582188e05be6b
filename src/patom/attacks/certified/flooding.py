"""Upper bounds on what an attacker reaches from outside of the target tasks, whatever she injects there.

They hold for problem (1) with a learned Omega on all clean rows of the targets, in new tasks as in old ones.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.lower_level import LowerLevel
from patom.attacks.program import Bilevel, bilevel
from patom.core.arrays import FloatArray, IntArray
from patom.core.data_term import data_term, mean_loss_by_task
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import TaskRows, weights_of
from patom.core.solvers.accelerated import solve
from patom.defenses.parts import rows_of_tasks
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.threads import one_blas_thread

_STRENGTHS = np.geomspace(1.0, 1e4, 41)  # of lambda_2, at which weights for the flooding bound are tried
_HALF = ("squared_error", "squared_hinge", "unclipped_hinge", "logistic")  # losses for which kappa is 1/2, see below


def flooding_bound(model: Any, X: npt.ArrayLike, y: npt.ArrayLike, *, task: Any = None, threat: ThreatModel) -> float:
    """Bound the target tasks' training loss where all injected rows go into other tasks, new ones included.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The victim, with fixed lambdas, a learned Omega and without a filter.
    X, y, task : arrays
        Clean training rows, as for ``fit``.
    threat : ThreatModel
        Its region plays no part: the bound holds for features of any size.

    Returns
    -------
    float
        Upper bound on the mean loss of the target tasks' clean rows; infinite where rows go into a target, where
        lambda_2 is 0, and for a model with a given Omega or with a filter.

    Raises
    ------
    TypeError, ValueError
        For a model, threat or setting that cannot be used, with the argument's name.

    Notes
    -----
    Let V and A be the weights of targets and others at the optimum, f_T and f_A their data terms. Since ||[V A]||_*^2
    is at least ||V||_*^2 + ||A||_*^2 (the trace norm's square is superadditive over blocks of columns), putting any
    other V' in place of V shows

        f_T(V) <= f_T(V') + lambda_1/2 ||V'||^2 + lambda_2/2 ||V'||_*^2 + lambda_2 ||A||_* ||V'||_*,

    and the others' norm is bounded by what they lose at zero. Along s A, 0 <= s <= 1, ||[V sA]||_*^2 grows at the end
    at least as 2 ||A||_*^2, so that at the optimum lambda_2 ||A||_*^2 <= -<grad f_A(A), A> <= kappa f_A(0), where
    kappa = max over z, y of -l'(z, y) z / l(0, y): 1/2 for the squared error and both squared hinges, below 1/2 for the
    logistic loss, and 1 for any convex loss. f_A(0) is the mean loss at zero of each other task with its worst labels:
    k accounts with targets up to B add at most k B^2. Costs about 40 fits of the targets alone.

    Examples
    --------
    >>> from patom import NewTasks
    >>> X, y = np.linspace(-1.0, 1.0, 20).reshape(-1, 1), np.linspace(-1.0, 1.0, 20)
    >>> bounds = [
    ...     flooding_bound(MTRLRegressor(0.1, 1e-3), X, y, threat=ThreatModel([0], NewTasks(k, 2))) for k in (1, 100)
    ... ]
    >>> bounds[0] < bounds[1]
    True
    """
    if not isinstance(model, MTRLRegressor | MTRLClassifier):
        raise TypeError(
            f"model of flooding_bound must be an MTRLRegressor or MTRLClassifier; got {type(model).__name__}."
        )
    program = bilevel(model, X, y, task, threat)
    with one_blas_thread():
        return flooding(program)


def zero_bound(program: Bilevel) -> float:
    """Mean loss of the targets' clean rows at zero, which no attack from outside gets above; else infinite.

    At the optimum each task i that holds clean rows only has f_i(w_i) + lambda_1/2 ||w_i||^2 <= f_i(0): putting w_i = 0
    lowers every other part of the objective, since the singular values of a matrix fall when a column becomes 0.
    """
    if not from_outside(program):
        return float("inf")
    counts = program.problem.rows.counts[program.targets]
    return float(zero_bounds(program, program.problem.tol)[program.targets] @ counts / counts.sum())


def zero_bounds(program: Bilevel, gap: float) -> FloatArray:
    """``zero_bound`` of each task, shape (m,), for a fit with this duality gap; infinite where it gets rows."""
    bounds = _losses_at_zero(program) + gap / weights_with(program, totals(program))
    bounds[program.attackers] = np.inf
    return bounds


def flooding(program: Bilevel) -> float:
    """``flooding_bound`` of a program."""
    lambda_1, lambda_2 = program.problem.penalty.weights
    if not from_outside(program) or lambda_2 == 0.0:
        return float("inf")
    others, rows = longest_others(program), _of_targets(program)
    term, best, W = data_term(rows, program.problem.loss), float("inf"), None
    fit = partial(solve, tol=program.problem.tol, max_iter=program.problem.max_iter, polish=None)
    for strength in _STRENGTHS:  # any weights give a bound; those of (1) with a larger lambda_2 have the right form
        W = fit(term, SpectralPenalty(lambda_1, strength * lambda_2), start=W).W
        norm = float(np.linalg.svd(W, compute_uv=False).sum())
        value = term.value_and_gradient(W)[0] + 0.5 * lambda_1 * float(np.sum(W**2))
        best = min(best, value + 0.5 * lambda_2 * norm**2 + lambda_2 * others * norm)
    least = float(rows.weights.min())  # f_T is at least this times the sum of all losses
    return (best + program.problem.tol) / (least * rows.y.size)


def learns_omega(program: Bilevel) -> bool:
    """Whether the victim solves (1) with Omega learned on all rows, behind no filter."""
    return type(program.lower) is LowerLevel and isinstance(program.problem.penalty, SpectralPenalty)


def from_outside(program: Bilevel) -> bool:
    """Whether Omega is learned from all rows, and no injected row goes into a target."""
    return learns_omega(program) and not np.isin(program.attackers, program.targets).any()


def longest_others(program: Bilevel) -> float:
    """Upper bound on ||A||_*, the trace norm of the weights of all tasks that are not targets, accounts included."""
    problem, total = program.problem, totals(program)
    clean, labels = _losses_at_zero(program), program.extremes(np.arange(total.size))
    worst = np.max([problem.loss.value(np.zeros(total.size), targets) for targets in labels], axis=0)
    share = problem.rows.counts / total
    each = weights_with(program, total) * (share * clean + (1.0 - share) * worst)
    each[program.targets] = 0.0
    kappa = 0.5 if problem.loss.name in _HALF else 1.0
    return float(np.sqrt(kappa * each.sum() / problem.penalty.weights[1]))


def totals(program: Bilevel) -> IntArray:
    """Rows of each task with the injected ones, n_i + r_i, shape (m,)."""
    total = program.problem.rows.counts.copy()
    total[program.attackers] += program.counts
    return total


def weights_with(program: Bilevel, total: IntArray) -> FloatArray:
    """c_i of tasks with so many rows in all, shape (m,)."""
    found = weights_of(program.problem.rows.weighing, total)
    return np.ones(total.size) if found is None else found


def _losses_at_zero(program: Bilevel) -> FloatArray:
    """Mean loss of each task's clean rows at zero, shape (m,); 0 for an account."""
    rows = program.problem.rows
    return mean_loss_by_task(rows, program.problem.loss, np.zeros((rows.n_tasks, rows.n_columns)))


def _of_targets(program: Bilevel) -> TaskRows:
    """The targets' clean rows with their factors in problem (1)."""
    rows = rows_of_tasks(program.problem.rows, program.targets)
    each = weights_with(program, totals(program))[program.targets] / rows.counts
    return replace(rows, shares=np.repeat(each, rows.counts), weighing=None)
