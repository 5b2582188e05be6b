"""Screening of what a cell's attack left behind: the scores of every task, clean and poisoned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from patom.attacks import AttackResult
from patom.attacks.program import MTRL
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
    found : Screening
        Of the clean rows.
    """

    learner: MTRL
    data: Dataset
    trusted: MTRL
    found: Screening


def before(learner: MTRL, data: Dataset) -> Before:
    """Fit the trusted model, screen the clean rows."""
    X, y, task = data.train
    trusted = clone(learner).fit(data.test.X, data.test.y, task=data.test.task)
    return Before(learner, data, trusted, screen(learner, X, y, task=task, reference=trusted))


def screening_record(clean: Before, result: AttackResult, attackers: tuple[Any, ...]) -> dict[str, Any]:
    """What the columns of the table say, poisoned and clean: scores by task, suspicions, whom to look at next.

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
    after, before_it = _columns(found, first), _columns(clean.found, first)
    return {
        "tasks": [str(label) for label in found.tasks.tolist()],
        **after,
        **{f"{name}_clean": values for name, values in before_it.items()},
    }


def _columns(found: Screening, first: Any) -> dict[str, list[Any]]:
    return {
        **{f"score_{name}": found.scores[name].tolist() for name in SCORES.names or ()},
        "suspicion": _suspicion(found).tolist(),
        "suspicion_trusted": found.suspicion.tolist(),
        "next_to": [str(label) for label in found.next_to([first]).tolist()],
    }


def _suspicion(found: Screening) -> FloatArray:
    """As without a reference."""
    return np.asarray(np.max([found.deviation[name] for name in _UNTRUSTED], axis=0))
