"""Compute one cell; nothing but the cell and the data files is read, so order and workers do not matter."""

import json
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from sklearn.base import clone

from patom.attacks import PATOM, AttackResult, Availability, GreyBox, OwnData, Sparing, ThreatModel
from patom.attacks.program import MTRL
from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions import Ball
from patom.datasets.dataset import Dataset
from patom.defenses import Sanitised, Screening, screen
from patom.defenses.screening import SCORES
from patom.evaluate.attacks import CLASSES
from patom.evaluate.defended import Tuned, Victim, defended, new_learner
from patom.evaluate.measure import METRICS
from patom.evaluate.trial import Trial, attempt, decide, quiet, target_loss
from patom.metrics import TaskScores, mean_over_tasks, per_task, relative_damage
from patom.models import LambdaSearch
from patom.models.threads import one_thread
from patom.paper.cells import Cell, canonical
from patom.paper.description import Adversary, Data, Defense
from patom.results.methods import Method

QUANTILES = {"own-data": 0.95, "own-core": 0.7}
"""Of the distances of a task's own rows from their middle: how far out the attacker's may lie."""
Record = dict[str, Any]
_TURN = threading.Lock()  # a dask worker may have many threads: the caches and the limits are its process's
_UNTRUSTED = ("own_loss", "harm", "reach")  # scores that need no trusted rows


@dataclass(frozen=True)
class Setting:
    """What the cells of one draw of the data share: the victim, its fit without an attack, its test scores by task.

    ``norm`` is the factor of radius and step size, see ``appended_before``.
    """

    data: Dataset
    victim: Victim
    model: Any
    scores: TaskScores
    norm: float

    @cached_property
    def trusted(self) -> MTRL:
        """The learner, fitted on the test rows, which nobody poisons and the victim has not seen."""
        test = self.data.test
        fitted: MTRL = clone(self.victim.learner).fit(test.X, test.y, task=test.task)
        return fitted

    @cached_property
    def screened(self) -> Screening:
        """The clean rows, screened; computed for the first cell that needs it."""
        X, y, task = self.data.train
        return screen(clone(self.victim.learner), X, y, task=task, reference=self.trusted)


def compute(cell: Cell, home: str | None = None) -> tuple[Record, float]:
    """Attack, refit, measure; ``home`` is the folder of data files.

    Returns the record, which is what the cell's row of the table says, of plain values, and the same each time (where
    the cell failed, its ``error`` alone), and the seconds of wall time.
    """
    begin = time.perf_counter()
    with _TURN, one_thread(), quiet():  # the record says which fits are certified
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
    threat, attack = _threat(cell, adversary, planned), _attack(cell, planned.norm)
    traced = Traced(attack) if cell.figure == "convergence" and isinstance(attack, PATOM) else None
    trial = attempt(clean.victim, clean.data, threat, traced or attack, cell.rng(), planned=planned.victim)
    record = _measured(cell, clean, trial)
    if traced is not None:
        record["metric_by_iteration"] = [_mean_metric(cell, clean, trial, X) for X in traced.iterates]
    mapped = cell.figure == "correlations"
    if mapped or not clean.victim.stand_ins:  # a map is read with its spectrum, whatever the learner
        record["spectrum_clean"] = clean.model.task_spectrum_.tolist()
        record["spectrum"] = trial.model.task_spectrum_.tolist()
    if mapped:
        record["tasks"] = [str(task) for task in clean.model.tasks_.tolist()]
        record["correlation_clean"] = clean.model.task_correlation_.ravel().tolist()
        record["correlation"] = trial.model.task_correlation_.ravel().tolist()
    if cell.figure == "screening":
        record |= _screened(clean, trial.result, cell.attackers)
    return record


@dataclass(frozen=True)
class Traced:
    """PATOM, which keeps the features of its injected rows after each iteration; their labels stay."""

    attack: PATOM
    iterates: list[FloatArray] = field(default_factory=list)

    def poison(self, *args: Any, **settings: Any) -> AttackResult:
        """As the attack's own."""
        return self.attack.poison(*args, **settings, callback=lambda _, X: self.iterates.append(X))


def _mean_metric(cell: Cell, clean: Setting, trial: Trial, X: FloatArray) -> float:
    """Test metric of the victim, mean over the targets, with these features of the injected rows."""
    model = replace(trial.result, X=X).refit(clean.victim.model, *clean.data.train)
    scores = _scores(clean.data, decide(model, clean.data.kind, clean.data.test))
    return _mean(scores, np.isin(scores.tasks, list(cell.targets)))


def _measured(cell: Cell, clean: Setting, trial: Trial) -> Record:
    """What the attack did to the test metric and the training losses, and what it cost."""
    result, scores = trial.result, _scores(clean.data, trial.decision)
    metric = METRICS[clean.data.kind][0]
    is_target = np.isin(scores.tasks, list(cell.targets))
    before, after = _mean(clean.scores, is_target), _mean(scores, is_target)
    by_task, attacked_by_task = clean.scores.as_dict(), scores.as_dict()
    loss_before, loss_after = (
        target_loss(model, clean.victim.learner, clean.data, cell.targets) for model in (clean.model, trial.model)
    )
    return {
        "rows_injected": int(result.y.size),
        **_filtered(trial.model, result.y.size),
        "metric": metric,
        "metric_clean": before,
        "metric_attacked": after,
        "damage": relative_damage(before, after, metric),
        "others_clean": _mean(clean.scores, ~is_target),
        "others_attacked": _mean(scores, ~is_target),
        "task_metric_clean": [by_task[task] for task in cell.targets],
        "task_metric_attacked": [attacked_by_task[task] for task in cell.targets],
        "target_loss_clean": loss_before,
        "target_loss": loss_after,
        "utility_clean": result.clean_utility,
        "utility": result.history["utility"].tolist(),
        "collateral": result.collateral,
        **asdict(result.cost),
        "gap": float(max([result.history["gap"].max(), *map(_gap, (trial.model, clean.model))])),
        "certified": trial.certified,
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
    tuned: Tuned = new_learner(dataset.kind, **settings)
    if tuning != "none":
        tuned = LambdaSearch(tuned)
    if tuning == "once":
        searched = clone(tuned).fit(dataset.train.X, dataset.train.y, task=dataset.train.task)
        tuned = clone(searched.estimator_)
    victim = defended(
        tuned, filters=defense.filters, fraction=defense.fraction, quantile=defense.quantile, metric=defense.metric,
        rule=defense.rule, learner=defense.learner,
    )  # fmt: skip
    fitted = clone(victim.model).fit(dataset.train.X, dataset.train.y, task=dataset.train.task)
    scores = _scores(dataset, decide(fitted, dataset.kind, dataset.test))
    return Setting(dataset, victim, fitted, scores, norm)


def appended_before(data: Dataset) -> tuple[Dataset, float]:
    """Data and a factor that stand for rows divided together with their constant, as the paper's may be.

    Let M be the largest norm of a training row with its constant. Rows are then (x / M, 1 / M), in place of
    (x, 1) with x divided by the largest norm without it. With W = M W', problem (1) for those rows is problem
    (1) for rows (x, 1) with lambdas M^2 times as large; a ball of radius r becomes one of radius r M, and
    PATOM's step eta becomes eta M^2. So only numbers change, and the constant stays 1.

    Takes data as the loaders scale them; returns them in the original units, and M.
    """
    train, test = (table._replace(X=table.X * data.feature_scale) for table in (data.train, data.test))
    return replace(data, train=train, test=test, feature_scale=1.0), float(np.hypot(data.feature_scale, 1.0))


def _attack(cell: Cell, norm: float) -> Any:
    settings = {name: value for name, value in cell.attack.items() if name != "name"}
    if "step_size" in settings:
        settings["step_size"] *= norm**2
    return CLASSES[Method(cell.attack["name"])](**settings)


def _threat(cell: Cell, adversary: Adversary, planned: Setting) -> ThreatModel:
    ball = Ball(radius=cell.radius * planned.norm)
    region = ball if adversary.region == "ball" else OwnData(quantile=QUANTILES[adversary.region], within=ball)
    availability = Availability(over_tasks=adversary.over_tasks)
    return ThreatModel(
        cell.targets, cell.attackers, cell.budget, region,
        objective=Sparing(availability, adversary.spare) if adversary.spare else availability,
        knowledge=_knowledge(adversary, planned.victim.learner),
    )  # fmt: skip


def _knowledge(adversary: Adversary, learner: MTRL) -> GreyBox | None:
    """A grey-box attacker's, or None for one who knows everything."""
    if adversary.share is None and adversary.lambda_guess == 1.0:
        return None
    share, guess = 1.0 if adversary.share is None else adversary.share, adversary.lambda_guess
    if guess == 1.0:
        return GreyBox(share)
    return GreyBox(share, lambda_1=guess * learner.lambda_1, lambda_2=guess * learner.lambda_2)


def _scores(data: Dataset, decision: FloatArray) -> TaskScores:
    """The test metric of each task."""
    return per_task(METRICS[data.kind][1], data.test.y, decision, data.test.task)


def _mean(scores: TaskScores, among: BoolArray) -> float:
    return mean_over_tasks(scores.values[among])


def _gap(model: Any) -> float:
    return float(getattr(model, "duality_gap_", 0.0))


def _filtered(model: Any, n_injected: int) -> Record:
    """Which part of the injected and of the clean rows the victim's filters dropped; nothing without filters."""
    if not isinstance(model, Sanitised):
        return {}
    kept = model.kept_.kept
    return {"caught": float(np.mean(~kept[-n_injected:])), "dropped": float(np.mean(~kept[:-n_injected]))}


def _screened(clean: Setting, result: AttackResult, attackers: tuple[Any, ...]) -> Record:
    """Columns of the table on the screening, poisoned and clean: scores by task, suspicions, tasks to look at next.

    ``attackers`` are the malicious tasks; the first of them in the ranking is the one that is found.
    """
    poisoned = result.combine(*clean.data.train)
    learner = clone(clean.victim.learner)
    found = screen(learner, poisoned.X, poisoned.y, task=poisoned.task, reference=clean.trusted)
    place = {label: k for k, label in enumerate(found.tasks.tolist())}
    suspicion = _suspicion(found)
    first = max(attackers, key=lambda label: float(suspicion[place[label]]))
    return {
        "tasks": [str(label) for label in found.tasks.tolist()],
        **_ranking(found, first),
        **{f"{name}_clean": values for name, values in _ranking(clean.screened, first).items()},
    }


def _ranking(found: Screening, first: Any) -> dict[str, list[Any]]:
    return {
        **{f"score_{name}": found.scores[name].tolist() for name in SCORES.names or ()},
        "suspicion": _suspicion(found).tolist(),
        "suspicion_trusted": found.suspicion.tolist(),
        "next_to": [str(label) for label in found.next_to([first]).tolist()],
    }


def _suspicion(found: Screening) -> FloatArray:
    """As without a reference."""
    return np.asarray(np.max([found.deviation[name] for name in _UNTRUSTED], axis=0))
