"""The paper's baselines: rows drawn at random, into the target tasks (direct) or into others (indirect)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from patom.attacks.base import OneShot
from patom.attacks.draws import draw
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.results.methods import Method


@dataclass(frozen=True)
class RandomAttack(OneShot):
    """Inject random rows; direct, indirect or hybrid as the threat model has it.

    Parameters
    ----------
    features, labels : str, default "uniform" and "resampled"
        As in ``patom.attacks.draws.draw``. ``features="resampled", labels="flipped"`` is label flipping.

    Examples
    --------
    >>> from patom import MTRLRegressor, ThreatModel
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> threat = ThreatModel(targets=[0], attackers=[0], budget=0.25)
    >>> result = RandomAttack().poison(MTRLRegressor(), X, y, threat=threat, random_state=0)
    >>> result.y.size, len(result.history)
    (5, 1)
    """

    name: ClassVar[Method] = Method.RANDOM

    features: str = "uniform"
    labels: str = "resampled"

    def _rows(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Injection:  # noqa: ARG002
        return draw(program, self.features, self.labels, rng)
