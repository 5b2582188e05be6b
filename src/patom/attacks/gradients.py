"""The gradient of the attacker's utility through the learner's optimum: exact, and two that freeze parts of it.

All three are one formula, dU/dx^_ij = -(1/(n_i + n^_i)) [l'(z, y^) v_i + l''(z, y^) (x^'v_i) w_i], z = w_i'x^_ij.
In it v, the adjoint, solves (H + K) v = dU/dW on the manifold along which W moves: H is the Hessian of the losses and K
that of the penalty. With a frozen Omega, K = lambda_1 I + lambda_2 Omega^+. The paper's gradient (eq. 15 and 16, which
follow from eq. 7) drops H and the second term, and has v = Phi dU/dW.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from patom.attacks.adversary.objectives import Availability, Objective
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel, bilevel, with_accounts
from patom.core.arrays import AnyArray, FloatArray
from patom.core.data_term import Expansion, MomentTerm, RowTerm, data_term
from patom.core.exact import exact_column
from patom.core.labels import as_labels, encode, places, positions, require_new
from patom.core.penalties.given import QuadraticPenalty, ridge
from patom.core.penalties.penalty import RankedModel
from patom.core.solvers.compiled.adjoint import solve_adjoint
from patom.core.solvers.newton import LinearSolution
from patom.core.task_weights import ByRows, Repeated
from patom.defenses.coupling.rule import by_weights
from patom.defenses.parts import rows_of_tasks
from patom.models.reading import reading
from patom.models.settings import require_choice, require_features
from patom.models.threads import one_blas_thread

Gradient = Literal["paper", "frozen_covariance", "exact"]
GRADIENTS = get_args(Gradient)
KINK = 1e-9
"""Relative distance from a corner of the loss or a change of rank below which the map counts as not smooth."""
LOOSE = 1e-6
"""Relative residual of the optimum or of the linear system above which the gradient counts as not solved."""


@dataclass(frozen=True)
class Accuracy:
    """How a gradient's linear system is solved: by conjugate gradients, up to a residual or a number of products.

    ``tolerance`` is the relative residual. With ``factored`` a factor of the system, where it is cheap, leaves a
    product or two.
    """

    tolerance: float = 1e-12
    max_products: int = 2_000
    factored: bool = False


ACCURATE = Accuracy()
ROUGH = Accuracy(1e-3, 500, factored=True)
"""Enough for a direction whose length matters more, and for a ranking."""


class GradientStatus(Enum):
    """How far a gradient can be trusted. The value is a sentence."""

    SMOOTH = "The optimum moves smoothly with the injected rows here, and the linear system was solved."
    KINK = "The utility has a kink here (a change of rank, a row at the loss's corner, a tie): one of its slopes."
    UNSOLVED = "The linear system was not solved to its tolerance, or the fit is not at its optimum: an approximation."


@dataclass(frozen=True)
class Hypergradient:
    """Derivatives of the attacker's utility by the injected rows.

    Parameters
    ----------
    features : array of shape (r, d)
        By the injected rows' features.
    labels : array of shape (r,)
        By their targets; for a classifier by y in -1 to +1, where a value in between stands for a row of both
        classes in proportion.
    adjoint : array of shape (m, p)
        v, how dU/dW is carried back.
    products : int
        Products with the second derivative that v took.
    status : GradientStatus
    """

    features: FloatArray
    labels: FloatArray
    adjoint: FloatArray
    products: int
    status: GradientStatus

    def times(self, factor: float) -> "Hypergradient":
        """Derivatives of the utility times ``factor``."""
        return replace(
            self, features=factor * self.features, labels=factor * self.labels, adjoint=factor * self.adjoint
        )


def hypergradient(
    model: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any = None,
    X_poison: npt.ArrayLike,
    y_poison: npt.ArrayLike,
    task_poison: Any = None,
    targets: Any,
    objective: Objective | None = None,
    gradient: Gradient = "exact",
    full: bool = False,
) -> FloatArray | Hypergradient:
    """Differentiate the attacker's utility by the injected rows, at rows of your choice.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The victim's settings; its ``tol`` bounds how well the optimum is known, so keep it at 1e-8 or below.
    X, y, task
        Clean data, as for ``fit``.
    X_poison, y_poison, task_poison
        Injected rows: shapes (r, d), (r,) and (r,), in the labels of the data. A task that the data do not have is a
        new one, an account whose rows are all the attacker's.
    targets : task labels
        Whose clean rows' summed loss U is (eq. 2).
    objective : Objective, optional
        Differentiate the utility of this one in place of the summed loss.
    gradient : {"exact", "frozen_covariance", "paper"}
        Of the whole bilevel map; with Omega held fixed; or with Omega and the duals held fixed (eq. 15, 16).
    full : bool, default False
        Return a ``Hypergradient``, with the derivatives by labels and a status, in place of the features' alone.

    Returns
    -------
    array of shape (r, d), or Hypergradient
        One solve of (1) and one linear system; the exact gradient agrees with finite differences to rounding
        where the optimum moves smoothly.

    Raises
    ------
    ValueError, TypeError
        As ``PATOM.poison``.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X, y = np.linspace(-1, 1, 8).reshape(-1, 1), np.linspace(-1, 1, 8)
    >>> row = {"X_poison": [[0.5]], "y_poison": [-0.5], "targets": [0]}
    >>> bool(hypergradient(MTRLRegressor(), X, y, **row)[0, 0] > 0.0)  # further out it does more harm
    True
    """
    require_choice("hypergradient", GRADIENTS, gradient=gradient)
    X_, y_, task_ = _injected(X_poison, y_poison, task_poison)
    aimed = ThreatModel(targets, targets, budget=1.0, objective=Availability() if objective is None else objective)
    program = bilevel(model, X, y, task, aimed)  # the rows are given below
    if X_.shape[1] != program.problem.rows.n_columns - 1:
        raise ValueError(f"X_poison has {X_.shape[1]} columns; X has {program.problem.rows.n_columns - 1}.")
    if task_poison is not None:
        program = _with_new_tasks(program, aimed, task_)
    index = positions(task_, program.problem.tasks, argument="task_poison")
    injection = Injection(X_, program.victim.known_targets(y_), index)
    with one_blas_thread():
        solution = program.solve(injection, start=program.clean.W)
        found = implicit_gradient(program, injection, solution.W, gradient)
    if objective is None:  # a sum, where the aim is a mean
        found = found.times(program.aim.size)
    return found if full else found.features


def implicit_gradient(
    program: Bilevel, injection: Injection, W: FloatArray, gradient: str = "exact", accuracy: Accuracy = ACCURATE
) -> Hypergradient:
    """The gradient at the optimum ``W`` of clean and injected rows together.

    Costs one linear system; none for "paper". The exact one follows Omega through the victim's rule, if it has one,
    with a second system.
    """
    found, status = adjoint(program, injection, W, gradient, accuracy)
    features, labels = through_rows(program, injection, W, found.v, curved=gradient != "paper")
    pair = through_rule(program, injection, W, found.v, accuracy) if gradient == "exact" else None
    if pair is not None:
        more = through_rows(program, injection, *pair)
        features, labels = features + more[0], labels + more[1]
    return Hypergradient(features, labels, found.v, found.products, status)


def through_rows(
    program: Bilevel, injection: Injection, W: FloatArray, v: FloatArray, *, curved: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Derivatives of -<v, grad f(W)> by the injected rows' features, shape (r, d), and targets, (r,); v and W fixed.

    ``curved=False`` leaves the l'' term out. Costs one pass over the injected rows.
    """
    task, x, y = injection.task_index, program.lower.entering(injection), injection.y
    z, along = np.einsum("rp,rp->r", x, W[task]), np.einsum("rp,rp->r", x, v[task])
    weight = -program.lower.weights(injection)
    loss = program.problem.loss
    features = (weight * loss.slope(z, y))[:, None] * v[task, :-1]
    if curved:
        features += (weight * loss.curvature(z, y) * along)[:, None] * W[task, :-1]
    return program.lower.pulled_back(injection, features), weight * loss.cross(z, y) * along


def through_copies(program: Bilevel, injection: Injection, W: FloatArray, v: FloatArray) -> FloatArray:
    """Derivatives of -<v, grad f(W)> by the number of accounts that each account stands for, shape (k,).

    With c copies a row x enters as x/sqrt(c) with the weight c/n, z = u'x/sqrt(c): the derivative is
    -1/(2n) (v'x/sqrt(c)) [l'(z) - z l''(z)], summed over the account's rows. Where tasks weigh n_i/n_ref, copies move
    n_ref too, and with it all of f.
    """
    lower, task, y = program.lower, injection.task_index, injection.y
    assert lower.copies is not None
    x, loss, m = lower.entering(injection), program.problem.loss, lower.honest_tasks
    z, along = np.einsum("rp,rp->r", x, W[task]), np.einsum("rp,rp->r", x, v[task])
    each = -0.5 * lower.weights(injection) * along * (loss.slope(z, y) - z * loss.curvature(z, y))
    own = np.bincount(task, each, minlength=m + lower.accounts)[m:] / lower.copies
    weighing = lower.problem.rows.weighing
    if not (isinstance(weighing, Repeated) and isinstance(weighing.each, ByRows)):
        return own
    n = lower.problem.rows.counts + np.bincount(task, minlength=m + lower.accounts)
    all_rows = float(weighing.times @ n)
    n_ref = float(weighing.times @ n**2) / all_rows
    rise = n[m:] * (n[m:] - n_ref) / all_rows  # of n_ref by the copies
    fall = float(np.vdot(v, lower.term(injection).value_and_gradient(W)[1])) / n_ref
    return own + fall * rise


def adjoint(
    program: Bilevel,
    injection: Injection | None,
    W: FloatArray,
    gradient: str = "exact",
    accuracy: Accuracy = ACCURATE,
) -> tuple[LinearSolution, GradientStatus]:
    """v, shape (m, p): to first order, U moves by -<v, G> where grad f at the optimum ``W`` moves by G.

    ``injection`` is None at the clean optimum. Costs as ``implicit_gradient``.
    """
    dU = program.aim.gradient(W)
    penalty = program.lower.penalty(injection)
    if gradient == "paper":
        v = penalty.relationship(W).carry(dU)
        return LinearSolution(v, 0.0, 0, positive=True), GradientStatus.SMOOTH
    data = program.lower.term(injection)
    term = data.expand(W)
    if penalty.weights[1] == 0.0:  # nothing confines W to a rank
        penalty = ridge(W.shape[0], penalty.weights[0])
    elif gradient == "frozen_covariance":
        penalty = QuadraticPenalty(penalty.relationship(W))
    model = penalty.model(W, term.gradient)
    found = _solved(program, data, term, model, W, dU, accuracy)
    scale = float(np.linalg.norm(model.project(term.gradient)))
    astray = float(np.linalg.norm(model.gradient)) / scale if scale > 0.0 else 0.0  # from the optimum, relatively
    solved = found.positive and found.residual <= max(accuracy.tolerance, LOOSE)
    if not solved or max(astray, -model.rank_margin) > LOOSE:
        return found, GradientStatus.UNSOLVED
    margins = (model.rank_margin, term.corner, program.aim.lead(W))
    smooth = min(margins) > max(KINK, astray)
    return found, GradientStatus.SMOOTH if smooth else GradientStatus.KINK


def by_omega(program: Bilevel, injection: Injection, W: FloatArray, v: FloatArray) -> FloatArray:
    """dU/dOmega at the optimum ``W``, symmetric, shape (m, m), for the adjoint ``v`` with Omega given.

    The optimum solves lambda_2 W = -Omega (grad f(W) + lambda_1 W), whether Omega is singular or not. Differentiated:
    U moves by -<y, dOmega (grad f + lambda_1 W)>, where lambda_2 y = dU/dW - (H + lambda_1) v and v = Omega y.
    """
    lambda_1, lambda_2 = program.problem.penalty.weights
    term = program.lower.term(injection).expand(W)
    y = (program.aim.gradient(W) - term.hessian(v) - lambda_1 * v) / lambda_2
    B = y @ (term.gradient + lambda_1 * W).T
    return np.asarray(-0.5 * (B + B.T))


def through_rule(
    program: Bilevel, injection: Injection, W: FloatArray, v: FloatArray, accuracy: Accuracy = ACCURATE
) -> tuple[FloatArray, FloatArray] | None:
    """The fit that the rule's Omega was made from, and its adjoint: two arrays of shape (m, p).

    The rows' derivatives are ``gradients.through_rows`` of this pair added to those of (W, v). None where Omega counts
    as given. What a rule chooses from a list (pairs, tasks) counts as chosen. Costs a linear system.
    """
    source = program.lower.source(injection)
    if source is None or program.problem.penalty.weights[1] == 0.0:
        return None
    pull = by_weights(source.W, source.back(by_omega(program, injection, W, v)))
    data = data_term(rows_of_tasks(program.lower.rows(injection), source.tasks), program.problem.loss)
    term = data.expand(source.W)
    model = program.problem.penalty.model(source.W, term.gradient)
    found = _solved(program, data, term, model, source.W, pull, accuracy)
    fitted, adjoint = np.zeros(W.shape), np.zeros(W.shape)
    fitted[source.tasks], adjoint[source.tasks] = source.W, found.v
    return fitted, adjoint


def _solved(
    program: Bilevel,
    data: MomentTerm | RowTerm,
    term: Expansion,
    model: RankedModel,
    W: FloatArray,
    right: FloatArray,
    accuracy: Accuracy,
) -> LinearSolution:
    """The tangent v with (H + K) v = ``right``, counted in the program's tally."""
    found = solve_adjoint(
        data, term, model, W, right, tolerance=accuracy.tolerance, max_products=accuracy.max_products,
        factored=accuracy.factored,
    )  # fmt: skip
    program.tally.adjoint_solves += 1
    program.tally.products += found.products
    return found


def _with_new_tasks(program: Bilevel, aimed: ThreatModel, task: AnyArray) -> Bilevel:
    """The program with those of the injected rows' tasks that the data do not have as accounts."""
    strange = task[places(task, program.problem.tasks) < 0]
    if not strange.size:
        return program
    require_new(strange, program.problem.tasks, argument="task_poison")
    labels, index = encode(strange)
    return with_accounts(program, aimed, labels, np.bincount(index))


def _injected(X: npt.ArrayLike, y: npt.ArrayLike, task: Any) -> tuple[FloatArray, AnyArray, AnyArray]:
    with reading(X_poison=X, y_poison=y):
        rows = check_array(X, dtype=np.float64, ensure_all_finite=False, input_name="X_poison")
    require_features(rows, name="X_poison")
    targets = column_or_1d(exact_column(y))
    check_consistent_length(rows, targets)
    return rows, targets, as_labels(task, rows.shape[0])
