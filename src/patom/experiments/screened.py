"""Screening of what a cell's attack left behind: the scores of every task, clean and poisoned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from patom.attacks import AttackResult
from patom.attacks.bilevel import MTRL
from patom.core.arrays import FloatArray
from patom.datasets.dataset import Dataset
from patom.defenses import Screening, screen
from patom.defenses.screening import SCORES

_UNTRUSTED = ("own_loss", "harm", "reach")  # what needs no trusted rows


@dataclass(frozen=True)
class Before:
    """What cells of one draw of the data share.

    Parameters
    ----------
    learner : MTRLRegressor or MTRLClassifier
        The victim's; not changed.
    data : Dataset
    trusted : fitted MTRLRegressor or MTRLClassifier
        On the test rows, which nobody poisons and the victim has not seen.
    suspicion : array of shape (m,)
        Of the clean tasks.
    """

    learner: MTRL
    data: Dataset
    trusted: MTRL
    suspicion: FloatArray


def before(learner: MTRL, data: Dataset) -> Before:
    """Fit the trusted model, screen the clean rows."""
    X, y, task = data.train
    trusted = clone(learner).fit(data.test.X, data.test.y, task=data.test.task)
    return Before(learner, data, trusted, _suspicion(screen(learner, X, y, task=task)))


def screening_record(clean: Before, result: AttackResult, attackers: tuple[Any, ...]) -> dict[str, Any]:
    """What the columns of the table say: scores by task, suspicions, and whom to look at once one is found out.

    Parameters
    ----------
    clean : Before
    result : AttackResult
    attackers : tuple of task labels
        The malicious tasks; the first of them in the ranking is the one that is found out.
    """
    poisoned = result.combine(*clean.data.train)
    found = screen(clean.learner, poisoned.X, poisoned.y, task=poisoned.task, reference=clean.trusted)
    place = {label: k for k, label in enumerate(found.tasks.tolist())}
    suspicion = _suspicion(found)
    first = max(attackers, key=lambda label: float(suspicion[place[label]]))
    return {
        "tasks": [str(label) for label in found.tasks.tolist()],
        **{f"score_{name}": found.scores[name].tolist() for name in SCORES.names or ()},
        "suspicion": suspicion.tolist(),
        "suspicion_trusted": found.suspicion.tolist(),
        "suspicion_clean": clean.suspicion.tolist(),
        "next_to": [str(label) for label in found.next_to([first]).tolist()],
    }


def _suspicion(found: Screening) -> FloatArray:
    """As without a reference."""
    return np.asarray(np.max([found.deviation[name] for name in _UNTRUSTED], axis=0))
