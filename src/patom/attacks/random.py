"""The paper's baselines: rows drawn at random, into the target tasks (direct) or into others (indirect)."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.draws import FEATURES, LABELS, draw
from patom.attacks.program import bilevel
from patom.attacks.recording import Recorder, assemble
from patom.attacks.result import AttackResult
from patom.models.settings import require_choice
from patom.models.threads import one_blas_thread


@dataclass(frozen=True)
class RandomAttack:
    """Inject random rows; direct, indirect or hybrid as the threat model has it.

    Parameters
    ----------
    features, labels : str, default "uniform" and "resampled"
        As in ``patom.attacks.draws.draw``. ``features="resampled", labels="flipped"`` is label flipping.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> threat = ThreatModel(targets=[0], attackers=[0], budget=0.25)
    >>> result = RandomAttack().poison(MTRLRegressor(), X, y, threat=threat, random_state=0)
    >>> result.y.size, len(result.history)
    (5, 1)
    """

    features: str = "uniform"
    labels: str = "resampled"

    def __post_init__(self) -> None:
        require_choice("RandomAttack", FEATURES, features=self.features)
        require_choice("RandomAttack", LABELS, labels=self.labels)

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
        """Draw the rows and fit the victim on them; arguments and errors as in ``PATOM.poison``."""
        program = bilevel(model, X, y, task, threat)
        (rng,) = np.random.default_rng(random_state).spawn(1)
        with one_blas_thread():
            clean = program.solve(None)
            record = Recorder(draw(program, self.features, self.labels, rng))
            solution = program.solve(record.injection, start=clean.W)
            record.note(0, program.utility(solution.W), solution)
        settings = {"name": "RandomAttack", **asdict(self)}
        return assemble(program, threat, settings, clean, [record], (X, y, task), model)
