"""One trial: plan an attack, fit the victim on clean and injected rows, predict the test rows."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from patom.attacks import AttackResult, AttackStatus, ThreatModel
from patom.attacks.transfer import SHARES, strongest_transfer
from patom.core.arrays import FloatArray
from patom.datasets.dataset import Kind, LongTable
from patom.evaluate.defended import Victim


class Split(Protocol):
    """Rows to train on and rows to test on, in long format."""

    @property
    def kind(self) -> Kind:
        """Of the targets."""

    @property
    def train(self) -> LongTable:
        """The rows that the attacker adds to."""

    @property
    def test(self) -> LongTable:
        """The rows that the damage is measured on; no attack sees them."""


@dataclass(frozen=True)
class Trial:
    """What an attack did.

    ``result`` has the injected rows and how they were found, without its model. ``model`` is the victim, fitted on
    clean plus injected rows, or None where only its predictions were kept: ``decision``, shape (n_test,), of the test
    rows; for a classifier, margins.
    """

    result: AttackResult
    model: Any
    decision: FloatArray

    @property
    def certified(self) -> bool:
        """Whether every fit that led to these rows met its tolerance."""
        return self.result.status is not AttackStatus.UNCERTIFIED


def attempt(
    victim: Victim,
    split: Split,
    threat: ThreatModel,
    attack: Any,
    rng: np.random.Generator,
    *,
    planned: Victim | None = None,
) -> Trial:
    """Attack, fit the victim again, predict the test rows.

    ``planned`` is what the attacker believes the victim to be; by default the attacker knows the victim. The generator
    keeps its state: attacks on several models in place of the victim all start from the same draws.

    A victim that cannot be differentiated has stand-ins. Each of them is attacked, and the rows that raise the victim's
    own loss most are kept (``strongest_transfer``).
    """
    believed = victim if planned is None else planned
    X, y, task = split.train
    with quiet():
        results = [
            attack.poison(model, X, y, task=task, threat=threat, random_state=deepcopy(rng))
            for model in believed.stand_ins or (believed.model,)
        ]
        if believed is victim and not victim.stand_ins:
            result, model = results[0], results[0].model
        else:
            harm = partial(target_loss, learner=victim.learner, split=split, targets=threat.targets)
            shares = SHARES if believed.stand_ins else (1.0,)
            met = strongest_transfer(results, victim.model, X, y, task=task, harm=harm, shares=shares)
            result, model = met.result, met.model
    return Trial(replace(result, model=None), model, decide(model, split.kind, split.test))


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of fits above their tolerance, which ``status_`` and ``certified`` report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def fit_quietly(model: Any, rows: LongTable) -> Any:
    """Fit a model on these rows, without a warning."""
    with quiet():
        return model.fit(rows.X, rows.y, task=rows.task)


def decide(model: Any, kind: Kind, rows: LongTable) -> FloatArray:
    """Predictions or, of a classifier, margins, shape (n,); 0 for rows of tasks that the model was not fitted on."""
    known = np.isin(rows.task, model.tasks_)
    decision = np.zeros(known.size)
    act = model.predict if kind == "regression" else model.decision_function
    if known.any():
        decision[known] = act(rows.X[known], task=rows.task[known])
    return decision


def target_loss(model: Any, learner: Any, split: Split, targets: tuple[Any, ...]) -> float:
    """Mean loss of the target tasks' clean training rows under a model; the loss is the learner's."""
    X, y, task = split.train
    own = np.isin(task, np.array(targets))
    problem = clone(learner).problem(X[own], y[own], task=task[own])
    order = np.argsort(np.searchsorted(problem.tasks, task[own]), kind="stable")
    decision = decide(model, split.kind, LongTable(X[own][order], y[own][order], task[own][order]))
    return float(np.mean(problem.loss.value(decision, problem.rows.y)))
