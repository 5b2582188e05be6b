"""What each seed of an audit draws: its target tasks, and its training and test rows; no two seeds draw the same."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from itertools import count, islice
from math import comb
from typing import Any, TypeVar

import numpy as np
from joblib import delayed

from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.core.arrays import IntArray
from patom.core.labels import as_labels, positions
from patom.evaluate.seeding import Stream, generator
from patom.workers import in_order

T = TypeVar("T")
_TRIES = 20  # splits drawn for a seed before it is given up


def drawn(data: AuditData, settings: AuditSettings) -> AuditData:
    """The data with a split for each seed, the first of them its own.

    A seed that draws the targets and rows of an earlier one draws its rows again. Where no other draw exists, this seed
    and all later ones are left out, since they would repeat known results: ``len(numbers)`` is the number of seeds to
    run.

    Notes
    -----
    The draws of a seed do not depend on the number of seeds. Data that were drawn before only lose the seeds that are
    too many. Costs a scaling of the rows for each seed.
    """
    if data.numbers:
        return replace(data, numbers=data.numbers[: settings.n_seeds])
    numbers: list[int] = []
    seen: set[tuple[tuple[int, ...], bytes]] = set()
    left = count()
    for replicate in range(settings.n_seeds):
        targets = task_sets(data, settings, replicate)[0]
        for number in islice(left, _TRIES):
            key = targets, _digest(data, number)
            if key[1] and key not in seen:
                numbers.append(number)
                seen.add(key)
                break
        else:
            break
    return replace(data, numbers=tuple(numbers))


def _digest(data: AuditData, number: int) -> bytes:
    """Of the test rows of a split; empty where its training rows cannot be scaled, as with a constant target."""
    try:
        split = data if number == 0 or data.again is None else data.again(number)
    except ValueError:
        return b""
    rows = (split.X_test, split.y_test, split.task_test)
    return sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in rows)).digest()


def on_splits(
    data: AuditData,
    jobs: Iterable[tuple[int, Callable[[AuditData], T]]],
    *,
    n_jobs: int,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[T]:
    """What each job returns for the split of its seed, in the order of the jobs.

    A split is made once for jobs of one seed in a row. ``advance`` is called after each job.
    """

    def with_splits() -> Iterator[tuple[Any, ...]]:
        last, split = -1, data
        for replicate, job in jobs:
            if replicate != last:
                last, split = replicate, data.of_seed(replicate)
            yield delayed(job)(split)

    for found in in_order(with_splits(), n_jobs):
        advance()
        yield found


def task_sets(data: AuditData, settings: AuditSettings, replicate: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Target tasks and, for indirect attacks, the attacking ones: as given, or a random half and the other half."""
    everyone = np.arange(data.tasks.size)
    if settings.targets is not None:
        targets = _named(data, settings.targets, "targets")
        others = np.setdiff1d(everyone, targets)
        if settings.attackers is not None:
            others = _named(data, settings.attackers, "attackers")
            if np.isin(others, targets).any():
                both = data.tasks[np.intersect1d(others, targets)[0]]
                raise ValueError(
                    f"attackers of the audit must be other tasks than the targets, but {str(both)!r} is both: direct "
                    "attacks go through the targets anyway."
                )
    else:
        halves = _halves(data.tasks.size, settings.seed, max(settings.n_seeds, replicate + 1))
        targets = np.array(halves[replicate], dtype=np.int64)
        others = np.setdiff1d(everyone, targets)
    return tuple(targets.tolist()), tuple(others.tolist())


@lru_cache(maxsize=8)
def _halves(n_tasks: int, seed: int, n_seeds: int) -> list[tuple[int, ...]]:
    """A half of the tasks for each seed, the larger one of an odd number. Halves repeat only after all were drawn."""
    half = (n_tasks + 1) // 2
    halves: list[tuple[int, ...]] = []
    seen: set[tuple[int, ...]] = set()
    for attempt in count():
        if len(halves) == n_seeds:
            break
        if len(seen) == comb(n_tasks, half):
            seen.clear()
        chosen = generator(seed, Stream.TARGETS, attempt).permutation(n_tasks)[:half]
        targets = tuple(np.sort(chosen).tolist())
        if targets not in seen:
            seen.add(targets)
            halves.append(targets)
    return halves


def _named(data: AuditData, labels: tuple[Hashable, ...], argument: str) -> IntArray:
    # A command line hands over text whatever the labels' type.
    printed = as_labels([str(label) for label in labels], len(labels))
    found = positions(printed, data.tasks.astype(str), argument=f"{argument} of the audit")
    return np.unique(found)
