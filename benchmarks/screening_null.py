"""``python -m benchmarks.screening_null``: p-values and alarms of ``screen`` on clean tables, and on poisoned ones."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.datasets import Dataset, load_digits_tasks, load_landmine, load_sarcos, make_related_tasks
from patom.defenses import Screening, screen
from patom.intervals import interval

_LAMBDA, _BUDGET, _LEVEL, _ALARM = 0.01, 0.2, 0.05, 3.0


@dataclass(frozen=True)
class Draw:
    """One draw of the data: shares of tasks with a p of at most 0.05, and of those with a suspicion above 3.

    ``clean_*``: of all tasks of the clean table. ``honest_*`` and ``malicious_*``: of the poisoned one.
    """

    clean_p: float
    clean_alarm: float
    honest_p: float
    malicious_p: float
    honest_alarm: float
    malicious_alarm: float


def main() -> None:
    options, console = _options(), Console(width=160)
    with threadpool_limits(limits=1):
        found = {
            name: [measure(_DATA[name](seed), seed, options.resamples) for seed in range(options.seeds)]
            for name in options.data
        }
    console.print(table(found))


def measure(data: Dataset, seed: int, n_resamples: int) -> Draw:
    """Screen the clean rows, and those with an indirect attack through a third of the tasks (three at most)."""
    X, y, task = data.train
    model: Any = (MTRLRegressor if data.kind == "regression" else MTRLClassifier)(_LAMBDA, _LAMBDA)
    labels = np.random.default_rng(seed).permutation(np.unique(task))
    k = min(3, labels.size // 3)
    threat = ThreatModel(labels[:k], labels[k : 2 * k], _BUDGET)
    attack = ProjectedAscent(optimise_labels=True, n_starts=1)
    both = attack.poison(model, X, y, task=task, threat=threat, random_state=seed).combine(X, y, task)
    clean = screen(model, X, y, task=task, n_resamples=n_resamples, random_state=seed)
    poisoned = screen(model, both.X, both.y, task=both.task, n_resamples=n_resamples, random_state=seed)
    malicious = np.isin(poisoned.tasks, labels[k : 2 * k])
    below, above = _below(poisoned), poisoned.suspicion > _ALARM
    return Draw(
        float(_below(clean).mean()), float((clean.suspicion > _ALARM).mean()), float(below[~malicious].mean()),
        float(below[malicious].mean()), float(above[~malicious].mean()), float(above[malicious].mean()),
    )  # fmt: skip


def _below(found: Screening) -> Any:
    if found.p_values is None:
        raise ValueError("resamples must be at least 1")
    return found.p_values <= _LEVEL + 1e-9


def table(found: dict[str, list[Draw]]) -> Table:
    """A row for each data set."""
    shown = Table(title="Share of the tasks with p <= 0.05, and with a suspicion above 3; 95 % over draws")
    for column in ("data", "clean: p", "above 3", "poisoned, honest: p", "malicious: p", "honest above 3", "malicious"):
        shown.add_column(column)
    fields = ("clean_p", "clean_alarm", "honest_p", "malicious_p", "honest_alarm", "malicious_alarm")
    for name, draws in found.items():
        shown.add_row(name, *(_told([getattr(draw, field) for draw in draws]) for field in fields))
    return shown


def _told(values: list[float]) -> str:
    found = interval(values, 0.95)
    mean, low, high = found.mean, found.low, found.high
    ends = "" if low is None or high is None else f" ({max(low, 0.0):.0%} to {min(high, 1.0):.0%})"
    return f"{mean:.0%}{ends}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screening_null", description=__doc__)
    parser.add_argument("--data", nargs="+", choices=list(_DATA), default=list(_DATA))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=19)
    return parser.parse_args()


_DATA: dict[str, Callable[[int], Dataset]] = {
    "synthetic": lambda seed: make_related_tasks(n_tasks=9, n_features=5, n_groups=1, n_train=30, random_state=seed),
    "synthetic, classes": lambda seed: make_related_tasks(
        n_tasks=9, n_features=5, n_groups=1, n_train=40, kind="classification", random_state=seed
    ),
    "sarcos": lambda seed: load_sarcos(source="test_file", standardise_targets=True, random_state=seed),
    "landmine": lambda seed: load_landmine(random_state=seed),
    "digits": lambda seed: load_digits_tasks(random_state=seed),
}


if __name__ == "__main__":
    main()
