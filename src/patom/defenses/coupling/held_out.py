"""Tasks coupled where this lowers their held-out losses."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from patom.core.arrays import BoolArray, FloatArray
from patom.core.data_term import data_term
from patom.core.kernels import row_products
from patom.core.penalties.given import fixed_covariance
from patom.core.rows import TaskRows
from patom.defenses.coupling.rule import Coupling, CouplingRule, Linear, Source, by_votes
from patom.defenses.parts import folds, kept_rows, task_slices
from patom.defenses.votes import votes_of
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_choice

VARIANCES = ("equal", "learned")


@dataclass(eq=False, repr=False)
class HeldOut(CouplingRule):
    """The learned correlations between tasks that help each other on held-out rows, 0 between all others.

    A pair is coupled if each of the two has a lower held-out loss when they are fitted together, with Omega's block for
    the two, than when they are fitted independently with the same variances: lower by more than ``errors`` standard
    errors over rows. Helpful relatedness stays, and a task that only harms another is no longer related to it. Each
    task is judged by its own rows: in an indirect attack, the rows of the task to be harmed are not the attacker's.

    Parameters
    ----------
    n_folds : int, default 3
        At least 2.
    errors : float, default 1.0
        At least 0.
    variances : {"equal", "learned"}, default "equal"
        Of the tasks; equal ones are in proportion to ``votes``. Learned variances share a trace of 1: a task that
        raises its own leaves less to all others, which are then shrunken more, coupled or not.
    votes : {"capped", "rows", "tasks"}, default "capped"
        Of a task in the equal variances, see ``by_votes``: with "tasks", m accounts that join halve those of the m
        others.
    random_state : int, default 0
        Of the folds.

    Notes
    -----
    Standley et al. 2020, "Which tasks should be learned together in multi-task learning?", choose networks' tasks by
    their effects on each other's held-out losses. Here a pair is fitted in one Newton step from the independent fit,
    which is exact for the squared error. All correlations are multiplied by the largest number up to 1 that leaves
    Omega positive semi-definite. A task of one row has nothing to hold out, and stays independent.
    With few rows the test has little power: of five tasks of 20 rows and 8 features, four with the same weights and
    noise of 0.7 times the signal, 40 % of the helpful pairs stay, and 5 % of those with a task of shuffled targets.

    Costs ``n_folds`` + 1 fits with Omega learned, ``n_folds`` independent fits, and a system of 2p unknowns for each
    fold and pair, in place of a fit.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> from patom.datasets import make_related_tasks
    >>> X, y, task = make_related_tasks(n_tasks=4, similarity=1.0, n_features=4, random_state=0).train
    >>> y[task == 2] = -y[task == 2][::-1]  # the wrong targets
    >>> HeldOut().covariance(MTRLRegressor(0.01, 0.01).problem(X, y, task=task))[2].round(3)
    array([0.  , 0.  , 0.25, 0.  ])
    """

    n_folds: int = 3
    errors: float = 1.0
    variances: str = "equal"
    random_state: int = 0

    def check(self) -> None:
        super().check()
        require_at_least("HeldOut", 2, whole=True, n_folds=self.n_folds)
        require_at_least("HeldOut", 0.0, errors=self.errors)
        require_choice("HeldOut", VARIANCES, variances=self.variances)
        require_at_least("HeldOut", 0, whole=True, random_state=self.random_state)

    def couple(self, problem: Problem, start: FloatArray | None = None) -> Coupling:
        W = problem.solve(start=start).W
        gains, known = self.gains(problem, W)
        helps = _above(gains, known, problem.rows, self.errors)
        even, back_even = self._even(problem.penalty.relationship(W).covariance(), problem.rows)
        omega, back = masked(even, helps & helps.T)
        return Coupling(omega, W, Source(np.arange(W.shape[0]), W, lambda B: back_even(back(B))))

    def gains(self, problem: Problem, W: FloatArray) -> tuple[FloatArray, BoolArray]:
        """By how much each row's held-out loss falls with each other task, shape (n, m), and which rows were held out.

        ``W``, shape (m, p), is where the fits of the folds start.
        """
        rows = problem.rows
        fold = folds(rows, self.n_folds, np.random.default_rng(self.random_state))
        gains = np.zeros((rows.y.size, rows.n_tasks))
        for number in range(self.n_folds if problem.penalty.weights[1] > 0.0 else 0):  # else nothing couples
            held = fold == number
            if held.any():
                train = kept_rows(rows, ~held)
                learned = problem.penalty.relationship(problem.solve(train, start=W, polish=False).W).covariance()
                gains[held] = pair_gains(problem, train, self._even(learned, rows)[0])[held]
        return gains, fold >= 0

    def _even(self, omega: FloatArray, rows: TaskRows) -> tuple[FloatArray, Linear]:
        if self.variances == "learned":
            return omega, lambda B: B
        return by_votes(omega, votes_of(self.votes, rows.counts), evened)


def pair_gains(problem: Problem, train: TaskRows, omega: FloatArray) -> FloatArray:
    """Every row's loss under its task's independent fit less its loss under the fit with each other task, shape (n, m).

    The fits are to ``train``, with the part of Omega, shape (m, m), that belongs to the tasks fitted.
    """
    rows, m = problem.rows, problem.rows.n_tasks
    l_1, l_2 = problem.penalty.weights
    independent = replace(problem, penalty=fixed_covariance(np.diag(np.diag(omega)), l_1, l_2))
    A = independent.solve(train, polish=False).W
    term = data_term(train, problem.loss)
    hessians, slope = _hessians(train, problem, A), term.value_and_gradient(A)[1]
    pulls = np.matmul(hessians, A[:, :, None])[:, :, 0] - slope
    together = np.repeat(A[:, None, :], m, axis=1)  # of the first task, with the second
    for i, j in combinations(range(m), 2):
        pair = np.array([i, j])
        together[i, j], together[j, i] = pair_step(hessians[pair], pulls[pair], omega[np.ix_(pair, pair)], l_1, l_2)
    before = problem.loss.value(row_products(rows.X, rows.offsets, A), rows.y)
    z = [row_products(rows.X, rows.offsets, np.ascontiguousarray(together[:, j])) for j in range(m)]
    return np.column_stack([before - problem.loss.value(z[j], rows.y) for j in range(m)])


def pair_step(H: FloatArray, pull: FloatArray, omega: FloatArray, l_1: float, l_2: float) -> FloatArray:
    """Minimise sum_i 1/2 w_i'H_i w_i - pull_i'w_i with the penalty of (1) for Omega given, shape (2, p).

    H has shape (2, p, p), pull (2, p), Omega (2, 2), singular or not: W = S B with S S' = Omega has the penalty
    l_1/2 ||S B||_F^2 + l_2/2 ||B||_F^2.
    """
    values, vectors = np.linalg.eigh(omega)
    S, p = vectors * np.sqrt(np.maximum(values, 0.0)), pull.shape[1]
    system = np.einsum("ia,ib,ipq->apbq", S, S, H).reshape(2 * p, 2 * p)
    system += np.kron(l_1 * S.T @ S + l_2 * np.eye(2), np.eye(p))
    system += np.finfo(float).eps * np.abs(system).max() * np.eye(2 * p)  # where rounding makes it singular
    return np.asarray(S @ np.linalg.solve(system, (S.T @ pull).ravel()).reshape(2, p))


def evened(omega: FloatArray) -> tuple[FloatArray, Linear]:
    """Omega's correlations over m, and the adjoint of the derivative; a task of variance 0 is related to none.

    >>> evened(np.array([[0.8, 0.2], [0.2, 0.2]]))[0]
    array([[0.5 , 0.25],
           [0.25, 0.5 ]])
    """
    m, inverse = omega.shape[0], _inverse_deviations(omega)
    scale = np.outer(inverse, inverse) / m
    even = np.asarray(omega * scale)
    np.fill_diagonal(even, 1.0 / m)

    def back(B: FloatArray) -> FloatArray:
        found = np.asarray(B * scale)
        found[np.diag_indices_from(found)] = inverse**2 * (even.diagonal() * B.diagonal() - (B * even).sum(axis=1))
        return found

    return even, back


def masked(omega: FloatArray, helps: BoolArray) -> tuple[FloatArray, Linear]:
    """Omega with 0 in place of the couplings that do not help, and the others as strong as possible, at most as before.

    Variances stay. The smallest eigenvalue l of the correlations that are left, with a diagonal of 0, gives the factor
    min(1, -1/l). Returns the adjoint of the derivative too, with the choice of couplings held fixed.
    """
    inverse = _inverse_deviations(omega)
    left = np.where(helps & ~np.eye(inverse.size, dtype=bool), omega, 0.0)
    values, vectors = np.linalg.eigh(left * np.outer(inverse, inverse))
    lowest, u = float(values[0]), inverse * vectors[:, 0]
    binds = lowest < -1.0
    factor = -1.0 / lowest if binds else 1.0

    def back(B: FloatArray) -> FloatArray:
        change = float(np.vdot(B, left)) / lowest**2 if binds else 0.0
        found = np.where(left != 0.0, factor * B + change * np.outer(u, u), 0.0)
        found[np.diag_indices_from(found)] = B.diagonal() - change * lowest * u**2
        return found

    return np.diag(np.diag(omega)) + factor * left, back


def _inverse_deviations(omega: FloatArray) -> FloatArray:
    deviation = np.sqrt(np.maximum(np.diag(omega), 0.0))
    return np.asarray(np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0))


def _hessians(rows: TaskRows, problem: Problem, W: FloatArray) -> FloatArray:
    """Second derivative of each task's mean loss at W, shape (m, p, p)."""
    weight = rows.weights * problem.loss.curvature(row_products(rows.X, rows.offsets, W), rows.y)
    return np.stack([rows.X[own].T @ (weight[own, None] * rows.X[own]) for own in task_slices(rows)])


def _above(gains: FloatArray, known: BoolArray, rows: TaskRows, errors: float) -> BoolArray:
    """Whether the mean gain of each task with each other is above so many standard errors, shape (m, m)."""
    helps = np.zeros((rows.n_tasks, rows.n_tasks), dtype=bool)
    for i in range(rows.n_tasks):
        own = gains[known & (rows.task_index == i)]
        if own.shape[0] > 1:
            helps[i] = own.mean(axis=0) > errors * own.std(axis=0, ddof=1) / np.sqrt(own.shape[0])
    return helps
