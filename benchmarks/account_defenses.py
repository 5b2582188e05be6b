"""What each defense is worth once accounts join: a part of ``python -m benchmarks.accounts``, by the name "defended".

As many accounts of two rows as there are honest tasks join an attack on old tasks, or one account of a fifth of all
rows. The attacker knows the defense. Of her plans the one with the worst test metric of the targets counts: an ascent
through the defense in all rows at once, the best plan without accounts beside see-saws of either kind, and the same
beside accounts that only vote (two equal rows far out).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from benchmarks.account_data import data_of, metric_of
from patom import AttackResult, Ball, Capped, NewTasks, ProjectedAscent, RandomAttack, ThreatModel
from patom.datasets.dataset import Dataset
from patom.evaluate.defended import Victim, defended, new_learner
from patom.evaluate.trial import attempt

Record = dict[str, Any]
_HUBER = {"loss": "huber", "lambda_1": 1e-3, "lambda_2": 1e-3}
_WEAK = {"lambda_1": 1e-3, "lambda_2": 1e-3}
_WEAKER = {"lambda_1": 1e-4, "lambda_2": 1e-4}
_COUPLED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {}),
    "held-out": ({"rule": "held-out"}, {}),
    "shrunken": ({"rule": "shrunken"}, {}),
    "capped Omega": ({"rule": "capped"}, {}),
    "without-influential": ({"rule": "without-influential"}, {}),
    "RMTFL": ({"learner": "rmtfl"}, {"lambda_1": 0.1, "lambda_2": 0.1}),
    "ARMUL": ({"learner": "armul"}, {"lambda_1": 0.3}),
    "loss-weighted": ({"learner": "loss-weighted"}, {}),
}
SETS: dict[tuple[str, str], tuple[list[int], list[int], dict[str, tuple[dict[str, Any], dict[str, Any]]]]] = {
    ("SARCOS", "targets"): ([1, 2, 3], [1, 2, 3], {
        "none": ({}, {}),
        "clip and Huber": ({"filters": ("clip",)}, {**_HUBER, "huber_delta": 0.2}),
        "clip whitened and Huber": ({"filters": ("clip",), "metric": "whitened"}, {
            "loss": "huber", "huber_delta": 0.1, "lambda_1": 3e-4, "lambda_2": 3e-4}),
        "sphere and slab": ({"filters": ("sphere", "slab")}, {}),
        "Huber": ({}, {"loss": "huber", "huber_delta": 0.2}),
    }),
    ("digits", "targets"): ([0, 1, 2], [0, 1, 2], {
        "none": ({}, {}),
        "clip and slab": ({"filters": ("clip", "slab")}, _WEAK),
        "clip": ({"filters": ("clip",)}, _WEAK),
        "sphere and slab, weaker penalties": ({"filters": ("sphere", "slab")}, _WEAK),
    }),
    ("Landmine", "targets"): (list(range(1, 11)), list(range(1, 11)), {
        "none": ({}, {}),
        "clip and shares": ({"filters": ("clip", "shares")}, _WEAKER),
        "clip": ({"filters": ("clip",)}, _WEAKER),
    }),
    ("SARCOS", "other tasks"): ([1, 2, 3], [4, 5, 6], _COUPLED),
}  # fmt: skip
_ASCENT = ProjectedAscent(optimise_labels=True)
_SEE_SAW = RandomAttack(features="see-saw", labels="extremes")


def against_defenses(seed: int) -> Iterator[Record]:
    """Every defense against rows in old tasks, and against these and accounts, with tasks capped at their mean too."""
    for (name, where), (targets, attackers, defenses) in SETS.items():
        data = data_of(name, seed)
        for defense, (settings, lambdas) in defenses.items():
            for weights in ("tasks", "capped"):
                if weights == "capped" and "learner" in settings:  # they weigh tasks by rows anyway
                    continue
                n_0 = data.train.y.size / np.unique(data.train.task).size
                learner = new_learner(data.kind, **{"lambda_1": 0.01, "lambda_2": 0.01, **lambdas})
                learner.set_params(task_weights=Capped(n_0) if weights == "capped" else weights)
                victim = defended(learner, **settings)
                found = _both(data, victim, targets, attackers, seed)
                yield {"data": name, "where": where, "defense": defense, "weights": weights, **found}


def _both(data: Dataset, victim: Victim, targets: list[int], attackers: list[int], seed: int) -> Record:
    """The targets' test metric: clean, under rows in old tasks, and under the worst of these and accounts."""
    honest = np.unique(data.train.task).size
    old = ThreatModel(targets, attackers, 0.2)
    with_accounts = replace(old, attackers=(*attackers, NewTasks(honest, 2)))
    clean = metric_of(data, _fitted(victim, data), targets)
    plan, first = _planned(data, victim, old, seed)
    _, joint = _planned(data, victim, with_accounts, seed)
    helped = [joint, *(_beside(data, victim, plan, rows, targets) for rows in _accounts(data, victim, targets, seed))]
    worst = max if data.kind == "regression" else min
    return {"metric_clean": clean, "metric": first, "metric_accounts": worst(first, *helped)}


def _planned(data: Dataset, victim: Victim, threat: ThreatModel, seed: int) -> tuple[AttackResult, float]:
    trial = attempt(victim, data, threat, _ASCENT, np.random.default_rng(seed))
    return trial.result, metric_of(data, trial.model, threat.targets)


def _accounts(data: Dataset, victim: Victim, targets: list[int], seed: int) -> Iterator[tuple[Any, Any, Any]]:
    """Rows of accounts alone: see-saws, and accounts that only vote."""
    X, y, task = data.train
    k = np.unique(task).size
    model = victim.stand_ins[0] if victim.stand_ins else victim.model
    for opened in (NewTasks(1, y.size // 5), NewTasks(k, 2)):
        threat = ThreatModel(targets, opened)
        result = _SEE_SAW.poison(clone(model), X, y, task=task, threat=threat, random_state=seed)
        yield result.X, result.y, result.task
    far = np.random.default_rng(seed).standard_normal(X.shape[1])
    rows = Ball().project(np.tile(10.0 * far, (2 * k, 1)))
    middle = y[np.argsort(y, kind="stable")[y.size // 2]]
    yield rows, np.full(2 * k, middle), result.new_tasks.repeat(2)


def _beside(data: Dataset, victim: Victim, plan: AttackResult, rows: tuple[Any, Any, Any], targets: list[int]) -> float:
    """The targets' test metric where a plan's rows and these are injected."""
    X, y, task = (np.concatenate([*parts]) for parts in zip(data.train, (plan.X, plan.y, plan.task), rows, strict=True))
    return metric_of(data, clone(victim.model).fit(X, y, task=task), targets)


def _fitted(victim: Victim, data: Dataset) -> Any:
    X, y, task = data.train
    return clone(victim.model).fit(X, y, task=task)
