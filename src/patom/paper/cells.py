"""The cells of a grid, each one attack on one learner on one draw of the data: which there are, and what one computes.

Computing reads nothing but the cell and the data files, so order and workers do not matter.
"""

import hashlib
import itertools
import json
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from patom.attacks import AttackResult, Availability, GreyBox, OwnData, Sparing, ThreatModel
from patom.attacks.program import MTRL
from patom.core.arrays import BoolArray, FloatArray
from patom.core.regions import Ball
from patom.datasets.dataset import Dataset
from patom.defenses import Sanitised, Screening, screen
from patom.defenses.screening import SCORES
from patom.evaluate.attacks import CLASSES, known_settings
from patom.evaluate.defended import Tuned, Victim, defended, new_learner
from patom.evaluate.measure import METRICS
from patom.evaluate.seeding import generator
from patom.evaluate.trial import Trial, attempt, decide, target_loss
from patom.metrics import TaskScores, mean_over_tasks, per_task, relative_damage
from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor
from patom.models.threads import one_thread
from patom.paper.description import Adversary, Data, Defense, DrawnPairs, Experiment, Grid, Label, Pair
from patom.results.methods import AttackName, Method, Reach

MOST_CELLS = 1_000_000
LOSSES = {"regression": MTRLRegressor.LOSSES, "classification": MTRLClassifier.LOSSES}
QUANTILES = {"own-data": 0.95, "own-core": 0.7}
"""Of the distances of a task's own rows from their middle: how far out the attacker's may lie."""
Record = dict[str, Any]
_TURN = threading.Lock()  # a dask worker may have many threads: the caches and the limits are its process's
_UNTRUSTED = ("own_loss", "harm", "reach")  # scores that need no trusted rows


@dataclass(frozen=True)
class Cell:
    """What to compute, and where it belongs.

    ``experiment`` and ``pair`` say where the cell belongs. They are no part of the key, so that experiments share
    cells. Correlations are kept, and tasks screened, for the ``figure`` of that name only. ``data``, ``attack`` and
    ``model`` are names with their settings, ``seed`` draws training and test rows, ``start`` is the number of the
    random start. ``adversary`` and ``defense`` say how the attacker and the victim differ from the paper's.

    >>> cell = Cell("E", "budgets", "A", {"name": "digits"}, 0, (1,), (2,), {"name": "random"}, 0.1, 0, {})
    >>> str(cell.method), cell.key[:8]
    ('random-indirect', '...')
    """

    experiment: str
    figure: str
    pair: str
    data: dict[str, Any] = field(hash=False)
    seed: int
    targets: tuple[Label, ...]
    attackers: tuple[Label, ...]
    attack: dict[str, Any] = field(hash=False)
    budget: float
    start: int
    model: dict[str, Any] = field(hash=False)
    radius: float = 1.0
    adversary: dict[str, Any] = field(default_factory=dict, hash=False)
    defense: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def method(self) -> AttackName:
        """The attack's method and its reach."""
        return AttackName(Method(self.attack["name"]), Reach.between(self.targets, self.attackers))

    @cached_property
    def key(self) -> str:
        """What the cell's result is filed under: it depends on what is computed and on nothing else."""
        empty = [name for name in ("adversary", "defense") if not getattr(self, name)]
        aside = {"experiment", "pair", *empty}
        content = {name: value for name, value in asdict(self).items() if name not in aside}
        return _digest(content)[:32]

    def rng(self) -> np.random.Generator:
        """The attack's generator. Its key leaves the method out, so that all methods start at the same rows."""
        aim = {"seed": self.seed, "targets": self.targets, "attackers": self.attackers}
        return generator(int(_digest(aim | {"budget": self.budget, "start": self.start}), 16))

    def __str__(self) -> str:
        """A name for people."""
        tasks = f"{_listed(self.attackers)} on {_listed(self.targets)}"
        return (
            f"{self.experiment}; seed {self.seed}; {self.method} ({tasks}); budget {self.budget:g}; start {self.start}"
        )


def canonical(value: Any) -> str:
    """One spelling of plain data.

    >>> canonical({"b": (1, 2), "a": 0.5})
    '{"a":0.5,"b":[1,2]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _listed(tasks: tuple[Label, ...]) -> str:
    return ", ".join(map(str, tasks))


def plan(grid: Grid, kinds: Sequence[str], tasks: Sequence[Sequence[Label]], seeds: int | None = None) -> list[Cell]:
    """List the cells of a grid, in the order of the table.

    ``kinds`` and ``tasks`` are those of each experiment's data: regression or classification, and the task labels.
    ``seeds`` replaces the grid's number. A ValueError refuses tasks that the data do not have, more tasks in a pair
    than there are, a loss of the other kind, an indirect attack without attackers, and more than ``MOST_CELLS``.
    """
    count = sum(_count(experiment) for experiment in grid.experiments) * (grid.seeds if seeds is None else seeds)
    if count > MOST_CELLS:
        raise ValueError(
            f"The grid {grid.title!r} comes to more than {MOST_CELLS:,} cells, the most of a run: take fewer seeds, "
            "pairs, budgets or starts."
        )
    cells = []
    for experiment, kind, labels in zip(grid.experiments, kinds, tasks, strict=True):
        _check(experiment, kind)
        pairs = list(_pairs(experiment, labels))
        for seed in range(grid.seeds if seeds is None else seeds):
            for name, pair in zip(_letters(len(pairs)), pairs, strict=True):
                cells += list(_cells(experiment, seed, name, pair))
    return cells


def _count(experiment: Experiment) -> int:
    """Cells of one seed."""
    pairs = experiment.pairs.count if isinstance(experiment.pairs, DrawnPairs) else len(experiment.pairs)
    attacks = sum(len(_variants(experiment, AttackName.parse(word).method)) for word in experiment.attacks)
    return pairs * attacks * len(experiment.budgets) * experiment.starts


def _cells(experiment: Experiment, seed: int, name: str, pair: Pair) -> Iterator[Cell]:
    targets, others = _sorted(pair.targets), _sorted(pair.attackers)
    through = {Reach.DIRECT: targets, Reach.INDIRECT: others, Reach.HYBRID: _sorted((*targets, *others))}
    for attack in map(AttackName.parse, experiment.attacks):
        attackers = through[attack.reach]
        for settings, budget, start in itertools.product(
            _variants(experiment, attack.method), experiment.budgets, range(experiment.starts)
        ):
            yield Cell(
                experiment.name, experiment.figure, name, experiment.data.model_dump(), seed, targets, attackers,
                settings, budget, start, experiment.model.model_dump(), experiment.radius,
                experiment.adversary.model_dump(exclude_defaults=True),
                experiment.defense.model_dump(exclude_defaults=True),
            )  # fmt: skip


def _variants(experiment: Experiment, method: Method) -> list[dict[str, Any]]:
    """An attack's settings, one for each step size of PATOM or table of the ascent."""
    shared: dict[str, Any] = {"name": method.value, **known_settings(method, experiment.start.model_dump())}
    if method is Method.PATOM:
        patom, steps = experiment.patom.model_dump(), experiment.patom.step_size
        return [shared | patom | {"step_size": step} for step in (steps if isinstance(steps, tuple) else [steps])]
    if method is Method.ASCENT:
        tables = experiment.ascent if isinstance(experiment.ascent, tuple) else [experiment.ascent]
        return [shared | table.model_dump() for table in tables]
    return [shared]


def _pairs(experiment: Experiment, labels: Sequence[Label]) -> Iterator[Pair]:
    if isinstance(experiment.pairs, DrawnPairs):
        drawn = experiment.pairs
        if drawn.targets + drawn.attackers > len(labels):
            raise ValueError(
                f"Experiment {experiment.name!r}: pairs of {drawn.targets} targets and {drawn.attackers} attackers "
                f"need more than the {len(labels)} tasks of the data."
            )
        rng = generator(drawn.seed)
        for _ in range(drawn.count):
            order = [labels[k] for k in rng.permutation(len(labels))]
            yield Pair(
                targets=tuple(order[: drawn.targets]),
                attackers=tuple(order[drawn.targets : drawn.targets + drawn.attackers]),
            )
        return
    for pair in experiment.pairs:
        unknown = [label for label in (*pair.targets, *pair.attackers) if label not in labels]
        if unknown:
            raise ValueError(
                f"Experiment {experiment.name!r}: the data have no task {unknown[0]!r}; "
                f"they have {', '.join(map(repr, labels))}."
            )
        yield pair


def _check(experiment: Experiment, kind: str) -> None:
    loss = experiment.model.loss
    if loss is not None and loss not in LOSSES[kind]:
        raise ValueError(
            f"Experiment {experiment.name!r}: the loss {loss!r} is not for {kind}; "
            f"choose from {', '.join(LOSSES[kind])}."
        )
    pairs = experiment.pairs
    alone = pairs.attackers == 0 if isinstance(pairs, DrawnPairs) else any(not pair.attackers for pair in pairs)
    if alone and any(AttackName.parse(word).reach is not Reach.DIRECT for word in experiment.attacks):
        raise ValueError(f"Experiment {experiment.name!r}: indirect and hybrid attacks need attackers in each pair.")


def _sorted(labels: Sequence[Label]) -> tuple[Label, ...]:
    return tuple(sorted(labels, key=lambda label: (isinstance(label, str), label)))


def _letters(count: int) -> Iterator[str]:
    """A, B, ..., Z, A1, B1, ..."""
    for k in range(count):
        yield "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[k % 26] + (str(k // 26) if k >= 26 else "")


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
    threat, attack = _threat(cell, adversary, planned), _attack(cell, planned.norm)
    trial = attempt(clean.victim, clean.data, threat, attack, cell.rng(), planned=planned.victim)
    record = _measured(cell, clean, trial)
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
