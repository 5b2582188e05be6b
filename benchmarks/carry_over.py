"""Do defenses carry over: ``python -m benchmarks.carry_over --out docs/results/carry_over.parquet [--only TABLE ...]``.

Each defense meets a direct attack that knows it on sixteen tables on which nothing was chosen (``held_tables``), and on
digits, SARCOS and Landmine, near which settings were tried. The lambdas are 0.01, the targets half of the tasks (at
most three) drawn for each seed, the budget 20 %, the labels hers; of several aims, and of the rows planned without the
defense, those count that do most. ``python -m evidence`` chooses a defense for each table by the others, and shows what
it does on the one left out. About 15 minutes a seed on a core.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import held_tables
from benchmarks.account_data import data_of
from benchmarks.strength import Record, keep
from patom import Availability, ProjectedAscent, ThreatModel
from patom.core.arrays import FloatArray
from patom.evaluate.defended import Victim, defended, new_learner
from patom.evaluate.trial import attempt, decide, fit_quietly, quiet
from patom.metrics import auc, mean_over_tasks, nmse, per_task
from patom.paper.run import commit

NEAR = ("digits", "SARCOS", "Landmine")
LAMBDA, BUDGET, FRACTION, HUBER = 0.01, 0.2, 0.1, {"loss": "huber", "huber_delta": 0.1}
CHOICES: dict[str, dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "regression": {
        "Huber": (HUBER, {}),
        "clip, Huber": (HUBER, {"filters": ("clip",)}),
        "whitened clip, Huber": (HUBER, {"filters": ("clip",), "metric": "whitened"}),
        "sphere, slab": ({}, {"filters": ("sphere", "slab")}),
        "penalties ten times as strong": ({"lambda_1": 10 * LAMBDA, "lambda_2": 10 * LAMBDA}, {}),
    },
    "classification": {
        "clip": ({}, {"filters": ("clip",)}),
        "clip, slab": ({}, {"filters": ("clip", "slab")}),
        "clip, shares": ({}, {"filters": ("clip", "shares")}),
        "sphere, slab": ({}, {"filters": ("sphere", "slab")}),
        "penalties ten times as strong": ({"lambda_1": 10 * LAMBDA, "lambda_2": 10 * LAMBDA}, {}),
    },
}
"""For each kind of target the defenses: settings of the learner, and what is put around it."""


@dataclass(frozen=True)
class Faced:
    """A split, whom the attacker aims at, and the plans so far."""

    data: Any
    threat: ThreatModel
    seed: int

    def score(self, decision: FloatArray) -> float:
        """NMSE, or 1 - AUC, mean over the targets' test rows: the larger, the worse."""
        own = np.isin(self.data.test.task, list(self.threat.targets))
        y, task = self.data.test.y[own], self.data.test.task[own]
        if self.data.kind == "regression":
            return float(mean_over_tasks(per_task(nmse, y, decision[own], task)))
        return 1.0 - float(mean_over_tasks(per_task(auc, y, decision[own], task)))

    def clean(self, victim: Victim) -> float:
        """Of the victim without an attack."""
        return self.score(decide(fit_quietly(victim.model, self.data.train), self.data.kind, self.data.test))

    def plans(self, victim: Victim) -> list[tuple[float, Any]]:
        """What an attack does with each aim, and its rows."""
        found = []
        for aim in ("loss",) if self.data.kind == "regression" else ("loss", "auc"):
            threat = ThreatModel(
                self.threat.targets, self.threat.attackers, BUDGET, objective=Availability(metric=aim)  # type: ignore[arg-type]
            )  # fmt: skip
            attack = ProjectedAscent(optimise_labels=True, n_starts=2)
            trial = attempt(victim, self.data, threat, attack, np.random.default_rng(self.seed))
            found.append((self.score(trial.decision), trial.result))
        return found

    def replayed(self, victim: Victim, rows: Any) -> float:
        """What rows do that were planned for another model."""
        with quiet():
            model = rows.refit(victim.model, *self.data.train)
        return self.score(decide(model, self.data.kind, self.data.test))


def faced(table: str, seed: int) -> Faced:
    """A table's split of a seed, and the targets drawn for it."""
    data = data_of(table, seed) if table in NEAR else held_tables.split(held_tables.load(table), seed)
    tasks = np.random.default_rng([seed, 3]).permutation(np.unique(data.train.task))
    targets = np.sort(tasks[: min(3, max(1, tasks.size // 2))]).tolist()
    return Faced(data, ThreatModel(targets, targets, BUDGET), seed)


def measured(table: str, seed: int) -> Iterator[Record]:
    """A row a defense, the undefended model first."""
    here = faced(table, seed)
    settings = {"lambda_1": LAMBDA, "lambda_2": LAMBDA}
    plain = defended(new_learner(here.data.kind, **settings))
    clean, naive = here.clean(plain), here.plans(plain)
    attacked = max(score for score, _ in naive)
    for name, (learner, around) in CHOICES[here.data.kind].items():
        begin = time.process_time()
        victim = defended(new_learner(here.data.kind, **settings | learner), fraction=FRACTION, **around)
        known = [score for score, _ in here.plans(victim)]
        replayed = [here.replayed(victim, rows) for _, rows in naive]
        yield {
            "table": table, "kind": here.data.kind, "near": table in NEAR, "defense": name, "seed": seed,
            "clean": clean, "attacked": attacked, "defended_clean": here.clean(victim), "known": max(known + replayed),
            "seconds": time.process_time() - begin, "commit": commit(),
        }  # fmt: skip


def main() -> None:
    tables = [*held_tables.RECIPES, *NEAR]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.carry_over")
    parser.add_argument("--out", type=Path, required=True, help="Parquet; what is measured again replaces its rows")
    parser.add_argument("--only", nargs="+", choices=tables, default=tables, metavar="TABLE")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 5), metavar=("FIRST", "END"))
    options = parser.parse_args()
    with threadpool_limits(limits=1):
        for seed, table in product(range(*options.seeds), options.only):
            rows = list(measured(table, seed))
            keep(rows, options.out)
            for row in rows:
                shown = " ".join(f"{name} {row[name]:.3f}" for name in ("clean", "attacked", "defended_clean", "known"))
                print(f"{table}, {row['defense']}, seed {seed}: {shown}", flush=True)


if __name__ == "__main__":
    main()
