"""Back-gradient ascent: the fit is a fixed number of steps, and the gradient runs backwards through them."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.ascent.coordinates import typical_distance
from patom.attacks.ascent.spectral_steps import first_scales
from patom.attacks.draws import FEATURES, LABELS, draw
from patom.attacks.gradients import through_rows
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel, bilevel
from patom.attacks.recording import Recorder, assemble
from patom.attacks.result import AttackResult, AttackStatus
from patom.core.arrays import FloatArray
from patom.core.data_term import DataTerm, data_term
from patom.models.settings import require_at_least, require_choice
from patom.models.threads import one_blas_thread


@dataclass(frozen=True)
class BackGradient:
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
    >>> from patom import Ball, MTRLRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, task = Ball().sample(60, 3, rng), np.repeat(["a", "b"], 30)
    >>> threat = ThreatModel(targets=["a"], attackers=["a"], budget=0.2)
    >>> model = MTRLRegressor(lambda_1=0.01, lambda_2=0.01)
    >>> result = BackGradient().poison(model, X, X @ [1.0, 2.0, 3.0], task=task, threat=threat, random_state=0)
    >>> bool(result.utility > 2.0 * result.clean_utility)
    True
    """

    step_size: float = 0.1
    max_iter: int = 40
    inner_steps: int = 60
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def __post_init__(self) -> None:
        require_at_least("BackGradient", 0.0, strict=True, step_size=self.step_size)
        require_at_least("BackGradient", 0, whole=True, max_iter=self.max_iter)
        require_at_least("BackGradient", 1, whole=True, inner_steps=self.inner_steps, n_starts=self.n_starts)
        require_choice("BackGradient", FEATURES, features=self.features)
        require_choice("BackGradient", LABELS, labels=self.labels)

    def poison(
        self,
        model: Any,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        task: Any = None,
        threat: ThreatModel,
        random_state: int | np.random.Generator | None = None,
    ) -> AttackResult:
        """Compute the rows to inject; arguments and errors as in ``PATOM.poison``."""
        program = bilevel(model, X, y, task, threat)
        rngs = np.random.default_rng(random_state).spawn(self.n_starts)
        with one_blas_thread():
            clean = program.solve(None)
            runs = [self._ascend(program, clean.W, rng) for rng in rngs]
        settings = {"name": "BackGradient", **asdict(self)}
        return assemble(program, threat, settings, clean, runs, (X, y, task), model)

    def _ascend(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Recorder:
        here = draw(program, self.features, self.labels, rng)
        record = Recorder(here)
        length = self.step_size * typical_distance(program, here, rng)
        start = program.solve(here, start=W)
        record.note(0, program.utility(start.W), start)
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
            _keep(program, record, *found)
        return record


def _keep(program: Bilevel, record: Recorder, iteration: int, injection: Injection, W: FloatArray) -> None:
    """Put rows on the record if they do more harm than those there, fitted to the victim's tolerance."""
    solution = program.solve(injection, start=W)
    utility = program.utility(solution.W)
    if utility > record.utility:
        record.injection = injection
        record.note(iteration, utility, solution)


@dataclass(frozen=True)
class Descent:
    """Plain proximal gradient steps of problem (1) on clean and injected rows.

    Parameters
    ----------
    term : DataTerm
        f on these rows.
    L : float
        The inverse of the steps' length.
    W : list of arrays of shape (m, p)
        Where each step began, and the end.
    Z : list of arrays of shape (m, p)
        What each step took the prox of.
    """

    term: DataTerm
    L: float
    W: list[FloatArray]
    Z: list[FloatArray]

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
