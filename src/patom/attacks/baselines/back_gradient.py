"""Back-gradient ascent: the fit is a fixed number of steps, and the gradient runs backwards through them."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from patom.attacks.ascent.spectral import first_scales, typical_distance
from patom.attacks.base import Attack, Run
from patom.attacks.draws import draw
from patom.attacks.gradients import through_rows
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.attacks.records import AttackStatus
from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm, data_term
from patom.results.methods import Method


@dataclass(frozen=True)
class BackGradient(Attack):
    """Poisoning by back-gradient optimisation (Munoz-Gonzalez et al. 2017, section 3, algorithms 1 and 2).

    The attacker does not solve (1): from the W that she has, she takes a fixed number of gradient steps, and
    differentiates their end by the injected rows in reverse mode. For (1) the steps are W <- prox(W - grad f(W)/L),
    L held fixed, and each passes a derivative dW back as J dW - H J dW / L, J being that of the prox. With ever more
    steps this is the exact gradient.

    What does not carry over: the paper retraces its steps backwards in place of storing them. The prox, which cuts
    the rank, has no inverse, so all steps are stored. And where the paper writes out the gradient of one row, here all
    rows move at once.

    Parameters
    ----------
    step_size : float, default 0.1
        Length of every row's move along its slope, over the typical distance between two rows that may be injected;
        it never changes.
    max_iter : int, default 40
        Moves in each start, each followed by one descent from the end of the last.
    inner_steps : int, default 60
        Steps of a descent, the paper's T.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, see ``patom.attacks.draws.draw``. Labels stay.
    n_starts : int, default 1
        Independent starts; the one with the highest final utility is kept.

    Notes
    -----
    Returned are the rows with the highest utility at the end of their descent, as the attacker saw it, unless the
    start proves better once both are fitted to the victim's tolerance; ``history`` holds these two fits only. A move
    costs ``inner_steps`` gradients, as many products with the Hessian, and two singular value decompositions for
    each; ``cost`` counts them among the solver's steps and the products. Memory: two arrays (m, p) a step.

    Examples
    --------
    >>> from patom import MTRLRegressor, ThreatModel
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> threat = ThreatModel(targets=[0], attackers=[0], budget=0.25)
    >>> result = BackGradient().poison(MTRLRegressor(), X, y, threat=threat, random_state=0)
    >>> bool(result.utility > 2.0 * result.clean_utility)
    True
    """

    name: ClassVar[Method] = Method.BACK_GRADIENT

    step_size: float = 0.1
    max_iter: int = 40
    inner_steps: int = 60
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        return [self._ascend(program, W, rng) for rng in rngs]

    def _ascend(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Run:
        here = draw(program, self.features, self.labels, rng)
        record = Run(here)
        length = self.step_size * typical_distance(program, here, rng)
        start = record.fit(program, 0, W)
        descent = descend(program, here, start.W, self.inner_steps)
        best, found = record.utility, None
        for iteration in range(1, self.max_iter + 1):
            slopes = back_gradient(program, here, descent)
            if not slopes.any():
                record.settle(AttackStatus.LOCAL_OPTIMUM)
                break
            moved = here.X + first_scales(slopes, length, per_row=True) * slopes
            here = replace(here, X=program.project(moved, here))
            descent = descend(program, here, descent.end, self.inner_steps)
            if program.utility(descent.end) > best:
                best, found = program.utility(descent.end), (iteration, here, descent.end)
        if found is not None:
            record.keep_if_better(program, *found)
        return record


@dataclass(frozen=True)
class Descent:
    """Plain proximal gradient steps of problem (1) on clean and injected rows."""

    term: DataTerm  # f on these rows
    L: float  # the inverse of the steps' length
    W: list[FloatArray]  # where each step began, and the end; shapes (m, p)
    Z: list[FloatArray]  # what each step took the prox of

    @property
    def end(self) -> FloatArray:
        """W after the last step."""
        return self.W[-1]


def descend(program: Bilevel, injection: Injection, W: FloatArray, steps: int) -> Descent:
    """``steps`` times W <- prox(W - grad f(W)/L)."""
    term, penalty = data_term(program.lower.rows(injection), program.problem.loss), program.lower.penalty(injection)
    descent = Descent(term, term.smoothness, [W], [])
    for _ in range(steps):
        descent.Z.append(descent.end - term.value_and_gradient(descent.end)[1] / descent.L)
        descent.W.append(penalty.prox(descent.Z[-1], descent.L))
    program.tally.solver_steps += steps
    return descent


def back_gradient(program: Bilevel, injection: Injection, descent: Descent) -> FloatArray:
    """Derivative of the utility at the descent's end by the injected features, shape (r, d); L and W_0 held fixed."""
    L, dW, penalty = descent.L, program.aim.gradient(descent.end), program.lower.penalty(injection)
    features = np.zeros(injection.X.shape)
    for W, Z in zip(descent.W[-2::-1], descent.Z[::-1], strict=True):
        v = penalty.prox_derivative(Z, L)(dW) / L
        features += through_rows(program, injection, W, v)[0]
        dW = L * v - descent.term.hessian(W)(v)
    program.tally.products += len(descent.Z)
    return features
