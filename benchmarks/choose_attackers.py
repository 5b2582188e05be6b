"""``python -m benchmarks.choose_attackers``: the greedy choice of attacking tasks against all subsets of them."""

import argparse
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.interleaved import Run, timed
from benchmarks.problems import Shape
from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent
from patom.attacks import choose_attackers
from patom.attacks.records import Tally
from patom.datasets import load_digits_tasks, load_sarcos, make_related_tasks

_BUDGET, _LAMBDAS, _TARGETS = 0.2, (0.1, 0.01), (1, 2)
Group = tuple[str, str, int]  # data, candidates, k


@dataclass(frozen=True)
class Race:
    """One problem by both methods; all ratios are to the best subset's rise of the utility, or to exhaustive costs.

    ``ours`` is the rise of greedy's set under the attack that judged all subsets, ``rank`` its place among them,
    ``chance`` the mean over the subsets. ``fits`` and ``systems`` are greedy's.
    """

    ours: float
    chance: float
    rank: int
    subsets: int
    fits: int
    systems: int
    share_of_fits: float
    share_of_seconds: float


def main() -> None:
    options, console = _options(), Console(width=160)
    attack = ProjectedAscent(n_starts=options.starts)
    races: dict[Group, list[Race]] = defaultdict(list)
    with threadpool_limits(limits=1):
        for name, seed in product(options.data, options.seeds):
            shape = _DATA[name](seed)
            for lam, n_targets, among, k in product(_LAMBDAS, _TARGETS, ("others", "all"), options.k):
                races[name, among, k].append(race(shape, seed, lam, n_targets, among, k, attack))
            console.print(table(races))


def race(shape: Shape, seed: int, lam: float, n_targets: int, among: str, k: int, attack: Any) -> Race:
    """Draw targets; greedy, then all subsets of ``k`` of the candidates, each by the same attack."""
    labels = np.unique(shape.task)
    targets = np.random.default_rng([seed, 7]).choice(labels, n_targets, replace=False)
    threat = {"targets": targets, "candidates": labels if among == "all" else np.setdiff1d(labels, targets)}
    choose = partial(
        choose_attackers, shape.model(lam), shape.X, shape.y, task=shape.task, k=k, budget=_BUDGET, attack=attack,
        random_state=seed, **threat,
    )  # fmt: skip
    return _compared(*(timed(partial(choose, method=method)) for method in ("greedy", "exhaustive")))


def _compared(greedy: Run, exhaustive: Run) -> Race:
    ours, best = greedy.outcome, exhaustive.outcome
    rises = {frozenset(tried.attackers): tried.utility - best.result.clean_utility for tried in best.table}
    reached, highest = rises[frozenset(ours.attackers)], max(rises.values())
    return Race(
        ours=reached / highest,
        chance=float(np.mean(list(rises.values()))) / highest,
        rank=1 + sum(rise > reached for rise in rises.values()),
        subsets=len(rises),
        fits=ours.cost.solves,
        systems=ours.cost.adjoint_solves,
        share_of_fits=_work(ours.cost) / _work(best.cost),
        share_of_seconds=greedy.seconds / exhaustive.seconds,
    )


def _work(cost: Tally) -> int:
    return cost.solves + cost.adjoint_solves


def table(races: dict[Group, list[Race]]) -> Table:
    """A row for each data set, kind of candidates and k."""
    found = Table(title="Greedy's set: its rise over the best subset's, under the same attack", title_justify="left")
    for column in ("data", "candidates"):
        found.add_column(column)
    numbers = ("k", "problems", "subsets", "rise: mean", "least", "best found", "rank", "random set")
    for column in (*numbers, "fits + systems", "share of exhaustive", "of its seconds"):
        found.add_column(column, justify="right")
    for (name, among, k), group in sorted(races.items()):
        mean = lambda field, group=group: float(np.mean([getattr(race, field) for race in group]))  # noqa: E731
        found.add_row(
            name, among, str(k), str(len(group)), f"{mean('subsets'):.0f}", f"{mean('ours'):.3f}",
            f"{min(race.ours for race in group):.3f}", f"{np.mean([race.rank == 1 for race in group]):.0%}",
            f"{mean('rank'):.1f}", f"{mean('chance'):.3f}", f"{mean('fits'):.0f} + {mean('systems'):.0f}",
            f"{mean('share_of_fits'):.1%}", f"{mean('share_of_seconds'):.1%}",
        )  # fmt: skip
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choose_attackers", description=__doc__)
    parser.add_argument("--data", nargs="+", choices=list(_DATA), default=["synthetic"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--k", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--starts", type=int, default=3, help="of the attack that judges a set (default: %(default)s)")
    return parser.parse_args()


def _synthetic(seed: int) -> Shape:
    """Eight tasks of 20 to 60 rows: three groups, a third of each negatively related, and a stranger."""
    shape = {"n_tasks": 8, "n_groups": 3, "n_outliers": 1, "n_train": 60}
    X, y, task = make_related_tasks(**shape, negative=0.34, similarity=0.8, noise=0.3, random_state=seed).train
    counts = np.random.default_rng(seed).integers(20, 61, 8)
    kept = np.concatenate([np.flatnonzero(task == i)[: counts[i]] for i in range(8)])
    return Shape("synthetic", X[kept], y[kept], task[kept], MTRLRegressor)


def _sarcos(seed: int) -> Shape:
    data = load_sarcos(source="test_file", standardise_targets=True, random_state=seed)
    return Shape("SARCOS, standardised", *data.train, MTRLRegressor)


def _digits(seed: int) -> Shape:
    return Shape("digits", *load_digits_tasks(random_state=seed).train, MTRLClassifier)


_DATA = {"synthetic": _synthetic, "sarcos": _sarcos, "digits": _digits}


if __name__ == "__main__":
    main()
