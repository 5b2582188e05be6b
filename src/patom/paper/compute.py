"""Compute one cell; nothing but the cell and the data files is read, so order and workers do not matter."""

import json
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from patom.attacks import AttackResult, AttackStatus, Availability, GreyBox, OwnData, Sparing, ThreatModel
from patom.attacks.program import MTRL
from patom.attacks.transfer import SHARES, strongest_replay
from patom.core.arrays import AnyArray, BoolArray, FloatArray
from patom.core.regions import Ball
from patom.datasets.dataset import Dataset
from patom.defenses import Sanitised
from patom.metrics import auc, mean_over_tasks, nmse, per_task, relative_damage
from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor
from patom.models.threads import one_thread
from patom.paper.cell import Cell, canonical
from patom.paper.constant import appended_before
from patom.paper.data import Data
from patom.paper.defended import behind, coupled, learner_of, other_learner
from patom.paper.description import Adversary, Defense
from patom.paper.methods import METHODS
from patom.paper.screened import Before, before, screening_record

METRICS: dict[str, tuple[str, Callable[..., float]]] = {"regression": ("NMSE", nmse), "classification": ("AUC", auc)}
QUANTILES = {"own-data": 0.95, "own-core": 0.7}
"""Of the distances of a task's own rows from their middle: how far out the attacker's may lie."""
Victim = Any  # MTRL or LambdaSearch, maybe behind filters or with a rule for Omega, or another learner
Record = dict[str, Any]
_TURN = threading.Lock()  # a dask worker may have many threads: the caches and the limits are its process's


@dataclass(frozen=True)
class Setting:
    """What cells share: the data, the model without an attack and its test scores by task.

    ``norm`` is what radius and step are to be multiplied with, see ``constant``. ``learner`` is that of (1), whose
    loss counts; ``stand_ins`` are attacked in place of a victim that cannot be seen through.
    """

    data: Dataset
    learner: MTRL
    stand_ins: tuple[Victim, ...]
    victim: Victim
    model: Victim
    scores: dict[Any, float]
    norm: float

    @cached_property
    def screened(self) -> Before:
        """The clean rows, screened; computed for the first cell that asks."""
        return before(clone(self.learner), self.data)


def compute(cell: Cell, home: str | None = None) -> tuple[Record, float]:
    """Attack, refit, measure.

    Parameters
    ----------
    cell : Cell
    home : str, optional
        The data home.

    Returns
    -------
    record : dict
        What the cell's row of the table says, of plain values; ``error`` alone is set where it failed.
    seconds : float
        Wall time. No part of the record, which is the same each time.
    """
    begin = time.perf_counter()
    with _TURN, one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the record says which fits are certified
        try:
            record = _record(cell, home)
        except Exception as error:
            record = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    return record, time.perf_counter() - begin


def load(data: dict[str, Any], seed: int, home: str | None) -> Dataset:
    """The data of a cell; the last few draws are kept."""
    return _load(canonical(data), seed, home)


@lru_cache(maxsize=4)
def _load(data: str, seed: int, home: str | None) -> Dataset:
    described: Any = TypeAdapter(Data).validate_json(data)
    dataset: Dataset = described.load(seed, home)
    return dataset


def _record(cell: Cell, home: str | None) -> Record:
    adversary, defense = Adversary(**cell.adversary), Defense(**cell.defense)
    clean = _setting(cell, home, adversary.tuning, defense)
    planned = clean if defense.known else _setting(cell, home, adversary.tuning, Defense())
    result, attacked = _attacked(cell, adversary, planned, clean)
    record = _measured(cell, clean, result, attacked)
    if not clean.stand_ins or cell.figure == "correlations":  # a map is read with its spectrum, whatever the learner
        record["spectrum_clean"] = clean.model.task_spectrum_.tolist()
        record["spectrum"] = attacked.task_spectrum_.tolist()
    if cell.figure == "correlations":
        record["tasks"] = [str(task) for task in clean.model.tasks_.tolist()]
        record["correlation_clean"] = clean.model.task_correlation_.ravel().tolist()
        record["correlation"] = attacked.task_correlation_.ravel().tolist()
    if cell.figure == "screening":
        record |= screening_record(clean.screened, result, cell.attackers)
    return record


def _attacked(cell: Cell, adversary: Adversary, planned: Setting, clean: Setting) -> tuple[AttackResult, Victim]:
    """The attack planned in one setting, and the true victim, which is that of the other, under it."""
    X, y, task = clean.data.train
    threat = _threat(cell, adversary, planned)
    results = [
        _attack(cell, planned).poison(plan, X, y, task=task, threat=threat, random_state=cell.rng())
        for plan in planned.stand_ins or (planned.victim,)
    ]
    if planned is clean and not planned.stand_ins:
        return results[0], results[0].model
    harm = partial(_target_loss, setting=clean, targets=cell.targets)
    shares = SHARES if planned.stand_ins else (1.0,)
    met = strongest_replay(results, clean.victim, X, y, task=task, harm=harm, shares=shares)
    return met.result, met.model


def _measured(cell: Cell, clean: Setting, result: AttackResult, attacked: Victim) -> Record:
    """What the attack did to the test metric and the training losses, and what it cost."""
    scores = _scores(attacked, clean.data)
    metric = METRICS[clean.data.kind][0]
    is_target = np.isin(np.array(list(scores)), list(cell.targets))
    before, after = _mean(clean.scores, is_target), _mean(scores, is_target)
    loss_before, loss_after = (_target_loss(model, clean, cell.targets) for model in (clean.model, attacked))
    return {
        "rows_injected": int(result.y.size),
        **_filtered(attacked, result.y.size),
        "metric": metric,
        "metric_clean": before,
        "metric_attacked": after,
        "damage": relative_damage(before, after, metric),  # type: ignore[arg-type]
        "others_clean": _mean(clean.scores, ~is_target),
        "others_attacked": _mean(scores, ~is_target),
        "task_metric_clean": [clean.scores[task] for task in cell.targets],
        "task_metric_attacked": [scores[task] for task in cell.targets],
        "target_loss_clean": loss_before,
        "target_loss": loss_after,
        "utility_clean": result.clean_utility,
        "utility": result.history["utility"].tolist(),
        "collateral": result.collateral,
        **asdict(result.cost),
        "gap": float(max([result.history["gap"].max(), *map(_gap, (attacked, clean.model))])),
        "certified": result.status is not AttackStatus.UNCERTIFIED,
        "status": result.status.value,
    }


def _setting(cell: Cell, home: str | None, tuning: str, defense: Defense) -> Setting:
    described = canonical(defense.model_dump(exclude={"known"}))
    return _kept_setting(canonical(cell.data), cell.seed, home, canonical(cell.model), tuning, described)


@lru_cache(maxsize=4)
def _kept_setting(data: str, seed: int, home: str | None, model: str, tuning: str, described: str) -> Setting:
    dataset, norm = _load(data, seed, home), 1.0
    settings = {name: value for name, value in json.loads(model).items() if value is not None}
    defense = Defense.model_validate_json(described)
    settings |= defense.settings
    if settings.pop("constant", "after") == "before":
        dataset, norm = appended_before(dataset)
        settings |= {name: norm**2 * settings[name] for name in ("lambda_1", "lambda_2")}
    victim: Victim = MTRLRegressor(**settings) if dataset.kind == "regression" else MTRLClassifier(**settings)
    if tuning != "none":
        victim = LambdaSearch(victim)
    if tuning == "once":
        searched = clone(victim).fit(dataset.train.X, dataset.train.y, task=dataset.train.task)
        victim = clone(searched.estimator_)
    learner, stand_ins = learner_of(victim), ()
    if defense.learner is not None:
        stand_ins = tuple(_filtering(defense, victim, coupled(rule, victim)) for rule in (None, "apart"))
        victim = _filtering(defense, victim, other_learner(defense.learner, victim))
    else:
        victim = _filtering(defense, victim, coupled(defense.rule, victim))
    fitted = clone(victim).fit(dataset.train.X, dataset.train.y, task=dataset.train.task)
    return Setting(dataset, learner, stand_ins, victim, fitted, _scores(fitted, dataset), norm)


def _filtering(defense: Defense, victim: MTRL | LambdaSearch, inside: Any) -> Victim:
    """What is inside, behind the defense's filters where it has some; those that fit a model fit the victim's."""
    if not defense.filters:
        return inside
    return behind(defense.filters, victim, defense.fraction, defense.quantile, defense.metric, inside)


def _attack(cell: Cell, clean: Setting) -> Any:
    settings = {name: value for name, value in cell.attack.items() if name != "name"}
    if "step_size" in settings:
        settings["step_size"] *= clean.norm**2
    return METHODS[cell.attack["name"]].attack(**settings)


def _threat(cell: Cell, adversary: Adversary, clean: Setting) -> ThreatModel:
    ball = Ball(radius=cell.radius * clean.norm)
    region = ball if adversary.region == "ball" else OwnData(quantile=QUANTILES[adversary.region], within=ball)
    availability = Availability(over_tasks=adversary.over_tasks)
    return ThreatModel(
        cell.targets, cell.attackers, cell.budget, region,
        objective=Sparing(availability, adversary.spare) if adversary.spare else availability,
        knowledge=_knowledge(adversary, clean.learner),
    )  # fmt: skip


def _knowledge(adversary: Adversary, learner: MTRL) -> GreyBox | None:
    """A grey-box attacker's, or None for one who knows everything."""
    if adversary.share is None and adversary.lambda_guess == 1.0:
        return None
    share, guess = 1.0 if adversary.share is None else adversary.share, adversary.lambda_guess
    if guess == 1.0:
        return GreyBox(share)
    return GreyBox(share, lambda_1=guess * learner.lambda_1, lambda_2=guess * learner.lambda_2)


def _scores(model: Victim, data: Dataset) -> dict[Any, float]:
    """The test metric of each task."""
    X, y, task = data.test
    return per_task(METRICS[data.kind][1], y, _decide(model, data, X, task), task).as_dict()


def _decide(model: Victim, data: Dataset, X: FloatArray, task: AnyArray) -> FloatArray:
    """Predictions or, of a classifier, margins."""
    decision: FloatArray
    decision = model.predict(X, task=task) if data.kind == "regression" else model.decision_function(X, task=task)
    return decision


def _target_loss(model: Victim, setting: Setting, targets: tuple[Any, ...]) -> float:
    """Mean loss of the target tasks' clean training rows under the true victim.

    The utility of the paper's attacker; others see, or want, something else.
    """
    X, y, task = setting.data.train
    own = np.isin(task, np.array(targets))
    problem = clone(setting.learner).problem(X[own], y[own], task=task[own])
    order = np.argsort(np.searchsorted(problem.tasks, task[own]), kind="stable")
    decision = _decide(model, setting.data, X[own][order], task[own][order])
    return float(np.mean(problem.loss.value(decision, problem.rows.y)))


def _gap(model: Victim) -> float:
    return float(getattr(model, "duality_gap_", 0.0))


def _filtered(model: Victim, n_injected: int) -> Record:
    """Which part of the injected and of the clean rows the victim's filters dropped; nothing without filters."""
    if not isinstance(model, Sanitised):
        return {}
    kept = model.kept_.kept
    return {"caught": float(np.mean(~kept[-n_injected:])), "dropped": float(np.mean(~kept[:-n_injected]))}


def _mean(scores: dict[Any, float], among: BoolArray) -> float:
    return mean_over_tasks(np.array(list(scores.values()))[among])
