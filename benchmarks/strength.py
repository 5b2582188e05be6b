"""``python -m benchmarks.strength --out docs/results/strength.parquet [--only PART ...]``: how far the ascent goes.

A row a measurement, from which ``python -m evidence`` makes tables of ``docs/attacks.md``. Parts:

- ``rows``: the rows of that page's table at a budget of 20 %, beside the package as it was (``tiny_old``) with five
  starts of 40 moves, which take about as long;
- ``tuned``: digits with small lambdas, as cross-validation chose them, on a victim that keeps them and one that tunes
  again, with either aim;
- ``auc``: digits, drawn sets of three targets, with the AUC as the aim;
- ``landmine``: behind ``Clip`` and ``Shares``.

About 90 minutes on a core; a part that is named again replaces its rows of these seeds. Needs SARCOS, Landmine and
MNIST in the data home.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.account_data import data_of, metric_of
from benchmarks.tiny_old import sources
from patom import LambdaSearch, MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.attacks import Availability
from patom.datasets.dataset import Dataset
from patom.defenses import Chain, Clip, Sanitised, Shares
from patom.paper.run import commit

Record = dict[str, Any]
OLD_STARTS = 5


def attacked(data: Dataset, model: Any, threat: ThreatModel, attack: Any, seed: int) -> tuple[Record, Any]:
    """What an attack does, its processor seconds and fits; and the attack's result."""
    X, y, task = data.train
    begin = time.process_time()
    found = attack.poison(model, X, y, task=task, threat=threat, random_state=seed)
    return {
        "rise": found.utility / found.clean_utility - 1.0, "metric": metric_of(data, found.model, threat.targets),
        "seconds": time.process_time() - begin, "fits": found.cost.solves, "status": found.status.name,
    }, found  # fmt: skip


def of_rows(seed: int, only: Callable[[Record], bool]) -> Iterator[Record]:
    """Four data sets, three lambdas, direct and indirect, labels as drawn or moved."""
    for name, lam, kind, labels in product(
        ("SARCOS", "Landmine", "digits", "MNIST"), (1e-3, 0.01, 0.1), ("direct", "indirect"), ("drawn", "moved")
    ):
        what = {"data": name, "lambda": lam, "kind": kind, "labels": labels}
        if not only(what):
            continue
        data = data_of(name, seed)
        tasks = np.random.default_rng([seed, 1]).permutation(np.unique(data.train.task)).tolist()
        k = 10 if name == "Landmine" else 3
        targets, attackers = tasks[:k], tasks[:k] if kind == "direct" else tasks[k : 2 * k]
        model = (MTRLRegressor if data.kind == "regression" else MTRLClassifier)(lam, lam)
        starts = {"n_starts": OLD_STARTS} if _is_old() else {}
        attack = ProjectedAscent(optimise_labels=labels == "moved", **starts)
        yield what | attacked(data, model, ThreatModel(targets, attackers, 0.2), attack, seed)[0]


def of_tuned(seed: int, only: Callable[[Record], bool]) -> Iterator[Record]:
    """Digits, direct, 20 %, labels as drawn, lambdas 1e-3 and 1e-4."""
    data, targets = data_of("digits", seed), [0, 1, 2]
    X, y, task = data.train
    for aim in ("loss",) if _is_old() else ("loss", "auc"):
        what = {"data": "digits", "aim": aim}
        if not only(what):
            continue
        threat = ThreatModel(targets, targets, 0.2, objective=Availability(metric=aim))
        done, found = attacked(data, MTRLClassifier(1e-3, 1e-4), threat, ProjectedAscent(), seed)
        again = found.refit(LambdaSearch(MTRLClassifier()), X, y, task=task)
        yield what | done | {"tuned": metric_of(data, again, targets)}


def of_auc(seed: int, only: Callable[[Record], bool]) -> Iterator[Record]:
    """Digits, direct, 20 %, lambda 0.01: three targets drawn for each seed, and the first three."""
    data = data_of("digits", seed)
    drawn = np.sort(np.random.default_rng([seed, 1]).permutation(10)[:3]).tolist()
    for targets, labels, aim in product((drawn, [0, 1, 2]), ("drawn", "moved"), ("auc", "loss")):
        what = {"data": "digits", "targets": str(targets), "set": "first" if targets == [0, 1, 2] else "drawn"}
        what |= {"labels": labels, "aim": aim}
        if only(what):
            threat = ThreatModel(targets, targets, 0.2, objective=Availability(metric=aim))
            attack = ProjectedAscent(optimise_labels=labels == "moved")
            yield what | attacked(data, MTRLClassifier(0.01, 0.01), threat, attack, seed)[0]


def of_landmine(seed: int, only: Callable[[Record], bool]) -> Iterator[Record]:
    """``Clip`` and ``Shares``, targets and attackers 1 to 10, 20 %, labels hers; and without a filter."""
    data, targets = data_of("Landmine", seed), list(range(1, 11))
    plain = MTRLClassifier(1e-4, 1e-4)
    X, y, task = data.train
    models = {"clip and shares": Sanitised(plain, Chain([Clip(), Shares()])), "none": plain}
    for (name, model), aim in product(models.items(), ("auc", "loss")):
        what = {"data": "Landmine", "defense": name, "aim": aim}
        if only(what):
            threat = ThreatModel(targets, targets, 0.2, objective=Availability(metric=aim))
            done = attacked(data, model, threat, ProjectedAscent(optimise_labels=True), seed)[0]
            yield what | done | {"clean": metric_of(data, model.fit(X, y, task=task), targets)}


PARTS = {"rows": of_rows, "tuned": of_tuned, "auc": of_auc, "landmine": of_landmine}
WITH_OLD = ("rows", "tuned")


def _is_old() -> bool:
    return "PATOM_STRENGTH_OF" in os.environ


def measured(part: str, seed: int, only: Callable[[Record], bool]) -> Iterator[Record]:
    """The part's rows of a seed, of the package as it is."""
    for row in PARTS[part](seed, only):
        yield {"part": part, "attack": "old" if _is_old() else "now", "seed": seed, **row}


def of_old(part: str, seed: int, where: list[str]) -> list[Record]:
    """The same of the package as it was, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.strength", "--only", part, "--seeds", str(seed), str(seed + 1)]
    env = os.environ | {"PYTHONPATH": str(sources()), "PATOM_STRENGTH_OF": "old"}
    lines = subprocess.run([*command, "--where", *where], capture_output=True, text=True, check=True, env=env).stdout
    return [json.loads(line) for line in lines.splitlines()]


def warm_up() -> None:
    """Compile what is measured: a small attack on either learner."""
    X, task = np.random.default_rng(0).standard_normal((40, 3)) / 4.0, np.repeat([0, 1], 20)
    for model, y in ((MTRLRegressor(0.01, 0.01), X[:, 0]), (MTRLClassifier(0.01, 0.01), np.sign(X[:, 0]))):
        ProjectedAscent(max_iter=3).poison(model, X, y, task=task, threat=ThreatModel([0], [1], 0.2), random_state=0)


def keep(rows: list[Record], path: Path) -> None:
    """Add rows to the table at ``path``, in place of those of the same settings."""
    results = {
        "rise", "metric", "tuned", "clean", "attacked", "defended_clean", "known",
        "seconds", "fits", "status", "commit",
    }  # fmt: skip
    kept = pq.read_table(path).to_pylist() if path.exists() else []
    table = {
        tuple(sorted((k, v) for k, v in row.items() if k not in results and v is not None)): row
        for row in [*kept, *rows]
    }
    names = sorted({name for row in table.values() for name in row})
    whole = [{name: row.get(name) for name in names} for row in table.values()]
    pq.write_table(pa.Table.from_pylist(whole), path, compression="zstd", compression_level=19)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strength")
    parser.add_argument("--out", type=Path, help="needed but for the package as it was, which prints")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10), metavar=("FIRST", "END"))
    parser.add_argument("--where", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the rows to measure")
    options = parser.parse_args()
    wanted = dict(pair.split("=", 1) for pair in options.where)

    def only(row: Record) -> bool:
        return all(str(row.get(name)) == value for name, value in wanted.items())

    warm_up()
    for seed, part in product(range(*options.seeds), options.only):
        if _is_old():
            for row in measured(part, seed, only):
                print(json.dumps(row), flush=True)
            continue
        rows = [row | {"commit": commit()} for row in measured(part, seed, only)]
        if part in WITH_OLD:
            rows += [row | {"commit": None} for row in of_old(part, seed, options.where)]
        keep(rows, options.out)
        for row in rows:
            print({name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()})


if __name__ == "__main__":
    main()
