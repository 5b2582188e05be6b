"""``python -m benchmarks.accounts --out docs/results/accounts.parquet [--only PART ...]``: what accounts do.

A row a measurement, from which ``python -m evidence`` makes the tables of ``docs/accounts.md``, and one of
``docs/screening.md``. About 45 minutes on two cores; a part that is named again replaces its rows. Needs SARCOS and
Landmine in the data home.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import Parallel, delayed

from benchmarks.account_data import data_of, metric_of
from benchmarks.account_defenses import against_defenses
from benchmarks.account_many import beside_many_tasks
from patom import Capped, MTRLClassifier, MTRLRegressor, NewTasks, ProjectedAscent, RandomAttack, ThreatModel
from patom.attacks import loss_bound
from patom.datasets import make_related_tasks
from patom.datasets.dataset import Dataset
from patom.defenses import rank_new_tasks, screen
from patom.metrics import auc

SEEDS = range(10)
ROWS = 300  # of each task of SARCOS
WEIGHTS: dict[str, Any] = {"tasks": "tasks", "rows": "rows", "capped": Capped(ROWS)}
Record = dict[str, Any]


def model_of(data: Dataset, lambda_1: float, lambda_2: float, weights: Any = "tasks") -> Any:
    """The unfitted victim."""
    kind = MTRLRegressor if data.kind == "regression" else MTRLClassifier
    return kind(lambda_1, lambda_2, task_weights=weights)


def attacked(data: Dataset, model: Any, threat: ThreatModel, attack: Any, seed: int) -> Record:
    """An attack's rise of the training loss, the test metric before and after, and its seconds."""
    X, y, task = data.train
    begin = time.perf_counter()
    found = attack.poison(model, X, y, task=task, threat=threat, random_state=seed)
    seconds = time.perf_counter() - begin
    clean = type(model)(**model.get_params()).fit(X, y, task=task)
    return {
        "rows_injected": int(found.y.size), "rise": found.utility / found.clean_utility - 1.0, "seconds": seconds,
        "loss_clean": found.clean_utility, "loss": found.utility,
        "metric_clean": metric_of(data, clean, threat.targets), "metric": metric_of(data, found.model, threat.targets),
    }  # fmt: skip


ASCENT = ProjectedAscent(optimise_labels=True)
SEE_SAW = RandomAttack(features="see-saw", labels="extremes")


def against_targets(seed: int) -> Iterator[Record]:
    """Three targets: rows in other tasks, in new accounts, in the targets themselves."""
    for name, targets, others, counts in (
        ("SARCOS", [1, 2, 3], [4, 5, 6, 7], [(1, 3), (2, 3), (10, 3), (10, 18), (50, 3)]),
        ("digits", [0, 1, 2], [3, 4, 5, 6, 7, 8, 9], [(1, 15), (10, 15)]),
    ):
        data = data_of(name, seed)
        model = model_of(data, 0.01, 0.01)
        threats = {
            "other tasks, 20 %": ThreatModel(targets, others, 0.2),
            "targets, 20 %": ThreatModel(targets, targets, 0.2),
            **{f"{k} accounts of {n} rows": ThreatModel(targets, NewTasks(k, n)) for k, n in counts},
        }
        for where, threat in threats.items():
            yield {"data": name, "where": where, **attacked(data, model, threat, ASCENT, seed)}


def of_everybody(seed: int) -> Iterator[Record]:
    """All tasks as targets: see-saw accounts of two rows, by lambda and number, and with tasks weighed by rows."""
    for name, lambdas in (("SARCOS", (0.1, 0.01, 1e-3)), ("digits", (0.1, 0.01))):
        data = data_of(name, seed)
        everybody = np.unique(data.train.task).tolist()
        for value in lambdas:
            for k in (1, 3, 10, 30, 90):
                for weights in ("tasks", "rows", "capped"):
                    setting = Capped(float(np.bincount(np.unique(data.train.task, return_inverse=True)[1]).mean()))
                    model = model_of(data, value, value, setting if weights == "capped" else weights)
                    found = attacked(data, model, ThreatModel(everybody, NewTasks(k, 2)), SEE_SAW, seed)
                    yield {"data": name, "lambda": value, "accounts": k, "weights": weights, **found}


def closed_form(seed: int) -> Iterator[Record]:
    """The see-saw alone beside the best of six ascents, all tasks of SARCOS."""
    data = data_of("SARCOS", seed)
    model, everybody = model_of(data, 0.01, 0.01), list(range(1, 8))
    for k in (1, 2, 3, 5, 10):
        threat = ThreatModel(everybody, NewTasks(k, 2))
        for name, attack in (("see-saw", SEE_SAW), ("ascent", ProjectedAscent(optimise_labels=True, n_starts=6))):
            yield {"accounts": k, "attack": name, **attacked(data, model, threat, attack, seed)}


def weighed(seed: int) -> Iterator[Record]:
    """Adaptive ascents on victims that weigh tasks: accounts of two rows beside as many rows in three other tasks."""
    data = data_of("SARCOS", seed)
    for weights, setting in WEIGHTS.items():
        model = model_of(data, 0.01, 0.01, setting)
        for k in (10, 30, 90):
            each = round(2 * k / 3)
            threats = {"accounts": NewTasks(k, 2), "other tasks": [4, 5, 6]}
            for where, attackers in threats.items():
                budget = None if where == "accounts" else each / ROWS
                threat = ThreatModel([1, 2, 3], attackers, budget)
                yield {"weights": weights, "accounts": k, "where": where, **attacked(data, model, threat, ASCENT, seed)}


def one_large(seed: int) -> Iterator[Record]:
    """A single account of many rows, which moves n_ref where tasks weigh by rows: three targets of SARCOS."""
    data = data_of("SARCOS", seed)
    for weights, setting in WEIGHTS.items():
        for rows in (2, 100, 420, 1_000, 2_100):
            threat = ThreatModel([1, 2, 3], NewTasks(1, rows))
            yield {"weights": weights, **attacked(data, model_of(data, 0.01, 0.01, setting), threat, ASCENT, seed)}


def bounded(seed: int) -> Iterator[Record]:
    """The bounds beside the ascent."""
    data = data_of("SARCOS", seed)
    X, y, task = data.train
    for weights, setting in WEIGHTS.items():
        for k in (1, 10, 90):
            model, threat = model_of(data, 0.01, 0.01, setting), ThreatModel([1, 2, 3], NewTasks(k, 2))
            found = loss_bound(model, X, y, task=task, threat=threat)
            reached = attacked(data, model, threat, ASCENT, seed)
            yield {"weights": weights, "accounts": k, **reached, **{f"bound_{n}": v for n, v in found.bounds.items()}}


def split(seed: int) -> Iterator[Record]:
    """A number of rows over ever more accounts, equally many in each: three targets, an ascent for every split."""
    for name, value, targets in (("SARCOS", 0.01, [1, 2, 3]), ("SARCOS", 1e-3, [1, 2, 3]), ("digits", 0.01, [0, 1, 2])):
        data = data_of(name, seed)
        model = model_of(data, value, value)
        for rows in (12, 60) if name == "digits" else (12, 60, 180):
            for k in (k for k in (1, 2, 6, 12, 30, 60, 90, 180) if k <= rows):
                found = attacked(data, model, ThreatModel(targets, NewTasks(k, rows // k)), ASCENT, seed)
                yield {"data": name, "lambda": value, "accounts": k, **found}


def unbalanced(seed: int) -> Iterator[Record]:
    """What weights by rows cost where tasks differ in size, on clean rows: Landmine, and tasks of 5 to 500 rows."""
    rng = np.random.default_rng(seed)
    drawn = make_related_tasks(n_tasks=30, n_features=10, n_train=500, n_test=200, n_groups=3, random_state=seed)
    counts = np.geomspace(5, 500, 30).astype(int)[rng.permutation(30)]
    keep = np.concatenate([np.flatnonzero(drawn.train.task == i)[:n] for i, n in enumerate(counts)])
    X, y, task = (part[keep] for part in drawn.train)
    landmine = data_of("Landmine", seed)
    for name, data, rows in (("synthetic", drawn, (X, y, task)), ("Landmine", landmine, tuple(landmine.train))):
        n_i = np.unique(rows[2], return_counts=True)[1]
        for value in (0.1, 0.01, 1e-3):
            for weights in ("tasks", "rows", "capped"):
                setting = Capped(float(np.median(n_i))) if weights == "capped" else weights
                model = model_of(data, value, value, setting).fit(rows[0], rows[1], task=rows[2])
                small = np.unique(rows[2])[n_i <= np.quantile(n_i, 1 / 3)]
                yield {
                    "data": name, "lambda": value, "weights": weights, "metric": metric_of(data, model),
                    "metric_small": metric_of(data, model, small),
                }  # fmt: skip


def with_newcomers(name: str, seed: int) -> tuple[Any, Any, Any, Any, list[int]]:
    """A model, rows of old tasks and of ten honest new ones of 2 to 30 rows (labels from 1000 on), and the old labels.

    New tasks are every third of thirty synthetic ones; on real data they are rows that old tasks lose.
    """
    rng = np.random.default_rng(seed)
    synthetic = name == "synthetic"
    data = make_related_tasks(n_tasks=30, random_state=seed) if synthetic else data_of(name, seed)
    X, y, task = data.train
    label, labels, keep = task.copy(), np.unique(task), np.ones(task.size, dtype=bool)
    for j, n in enumerate(rng.permutation(np.geomspace(2, 30, 10).round().astype(int))):
        own = rng.permutation(np.flatnonzero(label == labels[3 * j if synthetic else j % labels.size]))
        if synthetic:
            keep[own[n:]], label[own] = False, 1000 + j
        else:
            label[own[:n]] = 1000 + j
    old = np.setdiff1d(label, 1000 + np.arange(10)).tolist()
    return model_of(data, 0.01, 0.01), X[keep], y[keep], label[keep], old


def newcomers(seed: int) -> Iterator[Record]:
    """New tasks ranked by ``rank_new_tasks`` and by ``screen``: see-saw accounts beside ten honest newcomers.

    ``strength`` below 1 are accounts of an attacker who knows the ranking: their targets are so much nearer to the
    middle of all targets.
    """
    for name in ("SARCOS", "synthetic", "digits"):
        model, X, y, task, old = with_newcomers(name, seed)
        honest = rank_new_tasks(model, X, y, task=task, new=np.setdiff1d(task, old))
        for strength, k in ((1.0, 10), (0.3, 10), (0.3, 30), (0.1, 100))[: 1 if name == "digits" else 4]:
            threat = ThreatModel(old, NewTasks(k, 2))
            drawn = SEE_SAW.poison(model, X, y, task=task, threat=threat, random_state=seed)
            both = drawn.combine(X, y, task)
            targets = both.y
            if strength < 1.0:
                middle = (y.max() + y.min()) / 2
                targets = np.where(both.is_poison, middle + strength * (targets - middle), targets)
            found = rank_new_tasks(model, both.X, targets, task=both.task, new=np.setdiff1d(both.task, old))
            malicious = np.isin(found.tasks, drawn.new_tasks)
            scores = {"share": found.share, "alone": found.alone, "loss_rise": found.loss_rise}
            scores["marginal_loss_rise"] = found.marginal_loss_rise
            if k == 10:
                screened = screen(model, both.X, targets, task=both.task)
                scores["suspicion"] = screened.suspicion[np.searchsorted(screened.tasks, found.tasks)]
            sign = np.where(malicious, 1.0, -1.0)
            yield {
                "data": name, "strength": strength, "accounts": k,
                "influence": found.together, "loss_rise": found.together_loss_rise,
                "influence_honest": honest.together, "loss_rise_honest": honest.together_loss_rise,
                **{f"auc_{score}": auc(sign, values) for score, values in scores.items()},
            }  # fmt: skip


PARTS: dict[str, tuple[Callable[[int], Iterator[Record]], range]] = {
    "targets": (against_targets, SEEDS), "everybody": (of_everybody, SEEDS), "closed_form": (closed_form, SEEDS),
    "weighed": (weighed, SEEDS), "bounds": (bounded, range(3)), "unbalanced": (unbalanced, SEEDS),
    "many": (beside_many_tasks, range(3)), "split": (split, range(3)), "newcomers": (newcomers, SEEDS),
    "defended": (against_defenses, range(3)), "large": (one_large, range(3)),
}  # fmt: skip


def measure(part: str, seed: int) -> list[Record]:
    """The records of a part and seed."""
    make, _ = PARTS[part]
    return [{"part": part, "seed": seed, **record} for record in make(seed)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accounts")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "END"), help="other seeds than a part's own")
    options = parser.parse_args()
    kept = pq.read_table(options.out).to_pylist() if options.out.exists() else []
    for part in options.only:
        begin = time.perf_counter()
        jobs = 1 if part == "many" else options.jobs
        seeds = range(*options.seeds) if options.seeds else PARTS[part][1]
        found = Parallel(n_jobs=jobs)(delayed(measure)(part, seed) for seed in seeds)
        kept = [row for row in kept if row["part"] != part] + [row for rows in found for row in rows]
        names = dict.fromkeys(name for row in kept for name in row)
        table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in kept])
        pq.write_table(table, options.out, compression="zstd", compression_level=19)
        print(f"{part}: {sum(len(rows) for rows in found)} rows, {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
