"""Projected gradient ascent with any gradient of the family, and steps that need no tuning."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.bilevel import Bilevel, Injection, bilevel
from patom.attacks.draws import FEATURES, LABELS, draw, label_bounds
from patom.attacks.gradients import GRADIENTS, Gradient, Hypergradient, implicit_gradient
from patom.attacks.result import AttackResult, AttackStatus, Recorder, assemble
from patom.attacks.threat import ThreatModel
from patom.core.arrays import FloatArray
from patom.core.solution import Solution
from patom.models.settings import require_at_least, require_choice
from patom.models.threads import one_blas_thread

_SMALLEST_STEP = 1e-4  # of the region's size
_TOLERANCE, _PRODUCTS = 1e-3, 500  # of the gradient's linear system: the step's length matters more


@dataclass(frozen=True)
class ProjectedAscent:
    """Move all injected rows along the gradient at once, and keep a move only if the utility rises.

    Every row moves the same distance along its own gradient and is projected, so the scales of losses, targets
    and lambdas drop out. The distance starts at the size of the region, doubles after a move that was kept and
    falls to a quarter after one that was not. The utility never falls, and the last iterate kept is the best.

    Parameters
    ----------
    gradient : {"exact", "frozen_covariance", "paper"}, default "exact"
        See ``patom.attacks.gradients``. The paper's is the cheapest and, for indirect attacks, poor.
    max_iter : int, default 40
        Moves tried, each with one solve of (1) from the optimum before; every move that is kept costs a linear
        system besides, but for the paper's gradient.
    optimise_labels : bool, default False
        Move targets too: between the smallest and largest clean target of the task; classes flip where the
        gradient says that flipping pays, the most promising first. Otherwise they stay as drawn.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, see ``patom.attacks.draws.draw``.
    n_starts : int, default 3
        Independent starts, of which the first is the random attack's; the one with the highest utility is kept. An
        ascent ends in a local optimum, and with few rows to inject they differ.

    Examples
    --------
    >>> from patom import PATOM, Ball, MTRLRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, task = Ball().sample(60, 3, rng), np.repeat(["a", "b"], 30)
    >>> data = {"X": X, "y": X @ [1.0, 2.0, 3.0] + (task == "b"), "task": task}
    >>> threat = ThreatModel(targets=["a"], attackers=["b"], budget=0.2)
    >>> model = MTRLRegressor(lambda_1=0.01, lambda_2=0.01)
    >>> ours = ProjectedAscent().poison(model, **data, threat=threat, random_state=0)
    >>> bool(ours.utility > PATOM().poison(model, **data, threat=threat, random_state=0).utility)
    True
    """

    gradient: Gradient = "exact"
    max_iter: int = 40
    optimise_labels: bool = False
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 3

    def __post_init__(self) -> None:
        require_choice("ProjectedAscent", GRADIENTS, gradient=self.gradient)
        require_at_least("ProjectedAscent", 0, whole=True, max_iter=self.max_iter)
        require_at_least("ProjectedAscent", 1, whole=True, n_starts=self.n_starts)
        require_choice("ProjectedAscent", FEATURES, features=self.features)
        require_choice("ProjectedAscent", LABELS, labels=self.labels)

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
        """Compute the rows to inject; arguments and errors as in ``PATOM.poison``.

        ``history`` has a row for the start and one for each move that was kept, numbered as it was tried.
        """
        program = bilevel(model, X, y, task, threat)
        rngs = np.random.default_rng(random_state).spawn(self.n_starts)
        with one_blas_thread():
            clean = program.problem.solve()
            runs = [self._ascend(program, clean.W, rng) for rng in rngs]
        settings = {"name": "ProjectedAscent", **asdict(self)}
        return assemble(program, threat, settings, clean, runs, (X, y, task))

    def _ascend(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Recorder:
        record = Recorder(draw(program, self.features, self.labels, rng), AttackStatus.COMPLETED)
        size = _size(program, record.injection, rng)
        solution = program.solve(record.injection, start=W)
        record.note(0, program.utility(solution.W), solution)
        slopes, step = self._slopes(program, record.injection, solution), 1.0
        for iteration in range(1, self.max_iter + 1):
            moved = self._move(program, record.injection, slopes, step, size)
            # The last digits of W, which polishing brings, move the utility less than a kept step by far.
            ahead = program.solve(moved, start=solution.W, polish=False)
            reached = program.utility(ahead.W)
            if reached > record.utility:
                record.injection, solution = moved, ahead
                record.note(iteration, reached, solution)
                slopes, step = self._slopes(program, moved, solution), min(2.0 * step, 1.0)
            elif (step := 0.25 * step) < _SMALLEST_STEP:
                record.settle(AttackStatus.LOCAL_OPTIMUM)
                break
        return record

    def _slopes(self, program: Bilevel, injection: Injection, solution: Solution) -> Hypergradient:
        return implicit_gradient(
            program, injection, solution.W, self.gradient, tolerance=_TOLERANCE, max_products=_PRODUCTS
        )

    def _move(
        self, program: Bilevel, injection: Injection, slopes: Hypergradient, step: float, size: float
    ) -> Injection:
        X = program.region.project(injection.X + step * size * _directions(slopes.features))
        y = _move_labels(program, injection, slopes.labels, step) if self.optimise_labels else injection.y
        return Injection(X, y, injection.task_index)


def _directions(G: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(G, axis=1, keepdims=True)
    return np.asarray(np.divide(G, lengths, out=np.zeros_like(G), where=lengths > 0.0))


def _move_labels(program: Bilevel, injection: Injection, slopes: FloatArray, step: float) -> FloatArray:
    """Targets a step further; of the classes for which flipping pays, the share ``step`` that pays most."""
    if not program.problem.loss.margin:
        low, high = label_bounds(program, injection.task_index)
        return np.clip(injection.y + step * (high - low) * np.sign(slopes), low, high)
    gain = -injection.y * slopes
    chosen = np.argsort(-gain, kind="stable")[: int(np.ceil(step * np.count_nonzero(gain > 0.0)))]
    y = injection.y.copy()
    y[chosen] *= -1.0
    return y


def _size(program: Bilevel, injection: Injection, rng: np.random.Generator) -> float:
    """How far two rows of the region lie apart, root mean square."""
    n, d = injection.X.shape
    other = program.region.sample(n, d, rng)
    return float(np.sqrt(((injection.X - other) ** 2).sum(axis=1).mean()))
