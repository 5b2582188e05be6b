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
    """Different pairs, drawn from the tasks; targets that are given stay, and then the hybrid sets differ."""
    given = drawn.targets if isinstance(drawn.targets, tuple) else ()
    _require_known(name, given, labels)
    n_targets = drawn.targets if isinstance(drawn.targets, int) else len(given)
    n_attackers = len(labels) - n_targets if drawn.attackers == "rest" else drawn.attackers
    count = _how_many(name, drawn, n_targets, n_attackers, len(labels))
    rng, met, sets = generator(drawn.seed), set[tuple[frozenset[Label], ...]](), set[frozenset[Label]]()
    while len(met) < count:
        order = [labels[k] for k in rng.permutation(len(labels))]
        order = [*given, *(label for label in order if label not in given)]
        targets, hybrid = tuple(order[:n_targets]), tuple[Label, ...]()
        while drawn.hybrid and (not is_mixed(targets, hybrid) or (given and frozenset(hybrid) in sets)):
            hybrid = tuple(labels[k] for k in rng.choice(len(labels), drawn.hybrid, replace=False))
        pair = Pair(targets=targets, attackers=tuple(order[n_targets:][:n_attackers]), hybrid=hybrid)
        parts = frozenset(targets), frozenset(pair.attackers), frozenset(hybrid)
        if parts not in met:
            yield pair
        met.add(parts)
        sets.add(frozenset(hybrid))


def _how_many(name: str, drawn: DrawnPairs, n_targets: int, n_attackers: int, n_tasks: int) -> int:
    """The number of pairs: as asked for, or where nothing was asked up to the default.

    Refuses more tasks than there are, and more pairs or hybrid sets than differ from each other.
    """
    others = n_tasks - n_targets
    if others < max(n_attackers, drawn.attackers == "rest"):
        through = "all other tasks" if drawn.attackers == "rest" else f"{drawn.attackers} other tasks"
        raise ValueError(
            f"Experiment {name!r}: pairs of {n_targets} targets and {through} as attackers need more than the "
            f"{n_tasks} tasks of the data."
        )
    given, asked = isinstance(drawn.targets, tuple), "count" in drawn.model_fields_set
    sets = math.comb(n_tasks, drawn.hybrid) - sum(math.comb(n, drawn.hybrid) for n in (n_targets, others))
    if drawn.hybrid and sets < (drawn.count if given and asked else 1):
        raise ValueError(
            f"Experiment {name!r}: sets of {drawn.hybrid} hybrid attackers must hold a target and another task; "
            f"{n_tasks} tasks with {n_targets} targets have {max(sets, 0)} such sets, and {drawn.count} are asked for."
        )
    different = (1 if given else math.comb(n_tasks, n_targets)) * math.comb(others, n_attackers)
    different *= sets if drawn.hybrid else 1
    if given and drawn.hybrid:
        different = sets  # no two pairs have the same
    if different < drawn.count and asked:
        raise ValueError(f"Experiment {name!r}: {drawn.count} pairs are asked for, and only {different} differ.")
    return min(drawn.count, different)


def _require_known(name: str, tasks: Iterable[Label], labels: Sequence[Label]) -> None:
    for label in tasks:
        if label not in labels:
            raise ValueError(
                f"Experiment {name!r}: the data have no task {label!r}; they have {', '.join(map(repr, labels))}."
            )
