"""Projected gradient ascent with any gradient of the family, and steps that need no tuning."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.ascent.climb import Climb
from patom.attacks.ascent.coordinates import Chart, typical_distance
from patom.attacks.draws import FEATURES, LABELS, draw, slipping
from patom.attacks.gradients import GRADIENTS, Gradient
from patom.attacks.program import Bilevel, bilevel
from patom.attacks.recording import Recorder, assemble
from patom.attacks.result import AttackResult
from patom.core.arrays import FloatArray
from patom.models.settings import require_at_least, require_choice
from patom.models.threads import one_blas_thread

_FURTHER_STARTS = ("corners", "clusters", "resampled", "uniform")


@dataclass(frozen=True)
class ProjectedAscent:
    """Move all injected rows along the gradient at once, in spectral projected steps that need no tuning.

    Steps have the length of Barzilai and Borwein, for each row its own or for all rows one, whichever gets on, and
    are shortened until the utility is above the lowest of the last five (Birgin, Martinez and Raydan 2000). So the
    scales of losses, targets and lambdas drop out. The iterates that are kept are those that reach a new highest
    utility: it never falls from one to the next, and the last is the best.

    Parameters
    ----------
    gradient : {"exact", "frozen_covariance", "paper"}, default "exact"
        See ``patom.attacks.gradients``. The paper's is the cheapest and, for indirect attacks, poor.
    max_iter : int, default 40
        Moves tried in each start, each with one solve of (1) from the optimum before; every move that is made costs a
        linear system besides, but for the paper's gradient.
    optimise_labels : bool, default False
        Move targets too: within the threat's range of labels together with the features; classes flip where the
        gradient says that flipping pays, the most promising first. Otherwise they stay as drawn.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows of the first start are drawn, see ``patom.attacks.draws.draw``; it is the random attack's.
    n_starts : int, default 3
        Starts, of which the one with the highest utility is kept: an ascent ends in a local optimum, and with few rows
        to inject they differ. After the first come rows in far corners of the region, in clusters there, and clean
        rows; with ``optimise_labels`` every other start has its labels flipped.

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

        ``history`` has a row for the start and one for each move that reached a new highest utility, numbered as it
        was tried.
        """
        program = bilevel(model, X, y, task, threat)
        rngs = np.random.default_rng(random_state).spawn(self.n_starts)
        with one_blas_thread():
            clean = program.solve(None)
            runs = [self._climb(program, clean.W, number, rng) for number, rng in enumerate(rngs)]
        settings = {"name": "ProjectedAscent", **asdict(self)}
        return assemble(program, threat, settings, clean, runs, (X, y, task), model)

    def _climb(self, program: Bilevel, W: FloatArray, number: int, rng: np.random.Generator) -> Recorder:
        features = self.features if number == 0 else _FURTHER_STARTS[(number - 1) % len(_FURTHER_STARTS)]
        injection = draw(program, features, "flipped" if self.optimise_labels and number % 2 else self.labels, rng)
        injection = slipping(program, injection, rng)
        classes = program.problem.loss.margin
        chart = Chart(program, typical_distance(program, injection, rng), self.optimise_labels and not classes)
        climb = Climb(program, chart, self.gradient, self.max_iter, flips=self.optimise_labels and classes)
        return climb.run(injection, W, per_row=number % 2 == 1)
