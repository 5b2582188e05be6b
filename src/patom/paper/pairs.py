"""Task sets of a grid's pairs: as its file lists them, or drawn."""

import math
from collections.abc import Iterable, Iterator, Sequence

from patom.evaluate.seeding import generator
from patom.paper.description import DrawnPairs, Label, Pair, is_mixed


def task_sets(experiment: str, pairs: DrawnPairs | Sequence[Pair], labels: Sequence[Label]) -> Iterator[Pair]:
    """The pairs of an experiment on data with these tasks.

    ValueError for tasks that the data do not have, and for more tasks than there are.
    """
    if isinstance(pairs, DrawnPairs):
        yield from _drawn(experiment, pairs, labels)
        return
    for pair in pairs:
        _require_known(experiment, (*pair.targets, *pair.attackers, *pair.hybrid), labels)
        yield pair


def _drawn(name: str, drawn: DrawnPairs, labels: Sequence[Label]) -> Iterator[Pair]:
    """Pairs drawn from the tasks; targets that are given stay."""
    given = drawn.targets if isinstance(drawn.targets, tuple) else ()
    _require_known(name, given, labels)
    n_targets = drawn.targets if isinstance(drawn.targets, int) else len(given)
    n_attackers = len(labels) - n_targets if drawn.attackers == "rest" else drawn.attackers
    if n_targets + max(n_attackers, drawn.attackers == "rest") > len(labels):
        raise ValueError(
            f"Experiment {name!r}: pairs of {n_targets} targets and {drawn.attackers} attackers need more than the "
            f"{len(labels)} tasks of the data."
        )
    _require_mixed_sets(name, drawn, n_targets, len(labels))
    rng, met = generator(drawn.seed), set[frozenset[Label]]()
    for _ in range(drawn.count):
        order = [labels[k] for k in rng.permutation(len(labels))]
        order = [*given, *(label for label in order if label not in given)]
        targets, hybrid = order[:n_targets], tuple[Label, ...]()
        while drawn.hybrid and (not is_mixed(targets, hybrid) or (given and frozenset(hybrid) in met)):
            hybrid = tuple(labels[k] for k in rng.choice(len(labels), drawn.hybrid, replace=False))
        met.add(frozenset(hybrid))
        yield Pair(targets=tuple(targets), attackers=tuple(order[n_targets:][:n_attackers]), hybrid=hybrid)


def _require_mixed_sets(name: str, drawn: DrawnPairs, n_targets: int, n_tasks: int) -> None:
    """Refuse a number of hybrid attackers of which there are too few sets."""
    needed = drawn.count if isinstance(drawn.targets, tuple) else 1
    n_sets = math.comb(n_tasks, drawn.hybrid) - sum(
        math.comb(n, drawn.hybrid) for n in (n_targets, n_tasks - n_targets)
    )
    if drawn.hybrid and n_sets < needed:
        raise ValueError(
            f"Experiment {name!r}: {needed} different sets of {drawn.hybrid} hybrid attackers, each with a target and "
            f"another task, are needed; {n_tasks} tasks with {n_targets} targets have {max(n_sets, 0)}."
        )


def _require_known(name: str, tasks: Iterable[Label], labels: Sequence[Label]) -> None:
    for label in tasks:
        if label not in labels:
            raise ValueError(
                f"Experiment {name!r}: the data have no task {label!r}; they have {', '.join(map(repr, labels))}."
            )
