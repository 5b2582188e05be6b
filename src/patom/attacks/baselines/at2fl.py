"""AT2FL: poisoning federated multi-task learning while it learns."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from patom.attacks.base import Attack, Run
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm
from patom.core.penalties.given import IndependentPenalty
from patom.core.relationship import Relationship
from patom.core.solvers.newton import solve_tangent
from patom.results.methods import Method

_LENGTHS = tuple(0.5**k for k in range(10))  # of a Newton step, until the local objective falls


@dataclass(frozen=True)
class AT2FL(Attack):
    """The attack on federated multi-task learning (Sun et al. 2020, algorithm 1, eq. 6 to 14).

    Tasks are nodes that learn together by MOCHA (Smith et al. 2017): in a round every node improves the dual
    variables of its own rows with Omega and the other nodes held still, then a server gathers W and Omega. An
    iteration is one round, from an untrained federation on, and one projected step of the injected rows along the
    implicit gradient with Omega and the duals frozen, summed over all rows aimed at. So the rows move while the
    lower level is far from its optimum; (1) itself is solved at the start and at the end
    only, which are the two rows of ``history``.

    Parameters
    ----------
    step_size : float, default 100.0
        eta_1, for the summed loss of eq. 2; the default is PATOM's.
    max_iter : int, default 20
        Rounds, each with a move of the injected rows.
    local_steps : int, default 3
        Newton steps of a node within a round. MOCHA leaves open how well a node solves its subproblem.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, see ``patom.attacks.draws.draw``. Labels stay.
    n_starts : int, default 1
        Independent starts; the one with the highest utility is kept.

    Notes
    -----
    With Omega fixed, W = Phi V, where row i of V is the node's sum of its rows times their duals a_ij and Phi =
    Omega (lambda_1 Omega + lambda_2 I)^-1. MOCHA's subproblem replaces Phi by the diagonal s_i = sum_j |Phi_ij|, which
    is above it, so that no round overshoots. Its dual variables are those of a problem in as many unknowns as there
    are features, which is what we solve: min_u f_i(w_i + u) + v_i'u + ||u||^2 / (2 s_i), f_i the node's mean loss;
    then a_ij = -l'((w_i + u)'x_ij, y_ij) / (n_i + n^_i). A row's step is eta_1 a_ij sum_t Phi_it dU/dw_t.

    PATOM has the same frozen gradient, but an exact fit before each move and a projection after every sample. Nodes
    that lag or drop out play no part here; the penalty is that of (1) and the utility is the threat's own.

    A round costs a Newton system of each node's data for every local step, and O(m^2 k) products for the s_i.

    Examples
    --------
    >>> from patom import MTRLRegressor, ThreatModel
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> threat = ThreatModel(targets=[0], attackers=[0], budget=0.25)
    >>> result = AT2FL().poison(MTRLRegressor(), X, y, threat=threat, random_state=0)
    >>> result.X.shape, bool(result.utility > result.clean_utility)
    ((5, 1), True)
    """

    name: ClassVar[Method] = Method.AT2FL

    step_size: float = 100.0
    max_iter: int = 20
    local_steps: int = 3
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        return [self._learn_and_poison(program, W, rng) for rng in rngs]

    def _learn_and_poison(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Run:
        record = Run(draw(program, self.features, self.labels, rng))
        solution = record.fit(program, 0, W)
        if self.max_iter == 0:
            return record
        learning = Federation(
            np.zeros(W.shape), program.lower.penalty(record.injection).relationship(np.zeros(W.shape))
        )
        for _ in range(self.max_iter):
            learning, duals = communicate(program, record.injection, learning, self.local_steps)
            record.injection, learning = self._move(program, record.injection, learning, duals)
        record.fit(program, self.max_iter, solution.W)
        return record

    def _move(
        self, program: Bilevel, injection: Injection, learning: "Federation", duals: FloatArray
    ) -> tuple[Injection, "Federation"]:
        """One projected step along the summed gradient; the duals stay, so that V follows the rows."""
        carried = learning.omega.carry(program.aim.size * program.aim.gradient(learning.W))  # of eq. 2's sum
        step = self.step_size * duals[:, None] * carried[injection.task_index, :-1]
        X = program.project(injection.X + step, injection)
        V = learning.V.copy()
        np.add.at(V[:, :-1], injection.task_index, duals[:, None] * (X - injection.X))
        return replace(injection, X=X), replace(learning, V=V)


@dataclass(frozen=True)
class Federation:
    """What the server knows between two rounds."""

    V: FloatArray  # each node's sum of its rows times their dual variables, shape (m, p)
    omega: Relationship  # that of the round to come

    @property
    def W(self) -> FloatArray:  # noqa: N802
        """The weights that belong to the duals, Phi V, shape (m, p)."""
        return self.omega.carry(self.V)

    @property
    def bounds(self) -> FloatArray:
        """The sum of each row's absolute values in Phi, shape (m,), Phi a part at a time."""
        tasks = np.arange(self.V.shape[0])
        return np.concatenate([np.abs(part).sum(axis=1) for _, part in self.omega.coupling_blocks(tasks, tasks)])


def communicate(
    program: Bilevel, injection: Injection, learning: Federation, local_steps: int
) -> tuple[Federation, FloatArray]:
    """One round: the nodes' duals with Omega still, then Omega; returns the injected rows' duals, shape (r,), too.

    Costs ``local_steps`` Newton systems of a node's own data, in all nodes side by side.
    """
    term = program.lower.term(injection)
    W = learning.W
    ahead = W + _local_moves(program, term, W, learning.V, learning.bounds, local_steps)
    V = -term.value_and_gradient(ahead)[1]
    omega = program.lower.penalty(injection).relationship(learning.omega.carry(V))
    return Federation(V, omega), program.lower.duals(injection, ahead)


def _local_moves(
    program: Bilevel, term: DataTerm, W: FloatArray, V: FloatArray, size: FloatArray, steps: int
) -> FloatArray:
    """Damped Newton steps towards u of every node's subproblem (see ``AT2FL``), shape (m, p); ``size`` holds s_i."""
    near = IndependentPenalty(1.0 / np.maximum(size, np.finfo(float).eps * size.max()))  # ||u_i||^2 / (2 s_i)
    U = np.zeros(W.shape)
    value, slope = term.value_and_gradient(W)
    for _ in range(steps):
        model = near.model(U, slope + V)
        found = solve_tangent(model, term.hessian(W + U), -model.gradient, tolerance=1e-3, max_products=500)
        program.tally.solver_steps += 1
        here, fall = value + float(np.vdot(V, U)) + near.value(U), float(np.vdot(model.gradient, found.v))
        for length in _LENGTHS:
            ahead = U + length * found.v
            value, slope = term.value_and_gradient(W + ahead)
            if value + float(np.vdot(V, ahead)) + near.value(ahead) <= here + 0.1 * length * fall:
                break
        U = ahead
    return U
