"""What each seed of an audit draws: its target tasks, and its training and test rows; no two seeds the same."""

from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count, islice
from math import comb

import numpy as np

from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.core.arrays import IntArray
from patom.core.labels import as_labels, positions

_TRIES = 20  # splits drawn for a seed before it is given up


def drawn(data: AuditData, settings: AuditSettings) -> AuditData:
    """The data with a split for each seed, the first of them its own.

    A seed whose targets and rows an earlier one has drawn draws other rows. Where there are none, it and all seeds
    after it are left out, since they would repeat what is known: ``len(splits)`` is the number of seeds to run.

    Notes
    -----
    The draws of a seed do not depend on how many there are. Data that are drawn stay as they are, but for seeds too
    many. Costs a scaling of the rows a seed.
    """
    if data.splits:
        return replace(data, splits=data.splits[: settings.n_seeds])
    splits: list[AuditData] = []
    seen: set[tuple[object, ...]] = set()
    numbers = count()
    for replicate in range(settings.n_seeds):
        targets = task_sets(data, settings, replicate)[0]
        for number in islice(numbers, _TRIES):
            split = _split(data, number)
            if split is not None and _key(split, targets) not in seen:
                splits.append(split)
                seen.add(_key(split, targets))
                break
        else:
            break
    return replace(data, again=None, splits=tuple(splits))


def _split(data: AuditData, number: int) -> AuditData | None:
    if number and data.again is not None:
        with suppress(ValueError):  # training rows that cannot be scaled, such as those of a target constant among them
            return data.again(number)
        return None
    return replace(data, again=None, splits=())


def _key(split: AuditData, targets: tuple[int, ...]) -> tuple[object, ...]:
    return targets, split.X_test.tobytes(), split.y_test.tobytes(), split.task_test.tobytes()


def task_sets(data: AuditData, settings: AuditSettings, replicate: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Target tasks and, for indirect attacks, the attacking ones: as given, or a random half and the other half.

    No half is drawn again before all have been.
    """
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
        targets = np.array(next(islice(_halves(everyone, settings.seed), replicate, None)), dtype=np.int64)
        others = np.setdiff1d(everyone, targets)
    return tuple(targets.tolist()), tuple(others.tolist())


def _halves(everyone: IntArray, seed: int) -> Iterator[tuple[int, ...]]:
    """Halves of the tasks, the larger if their number is odd, in random order and over again."""
    half = (everyone.size + 1) // 2
    seen: set[tuple[int, ...]] = set()
    for attempt in count():
        chosen = np.random.default_rng([seed, 4, attempt]).permutation(everyone)[:half]
        targets = tuple(np.sort(chosen).tolist())
        if len(seen) == comb(everyone.size, half):
            seen.clear()
        if targets not in seen:
            seen.add(targets)
            yield targets


def _named(data: AuditData, labels: tuple[Hashable, ...], argument: str) -> IntArray:
    # A command line hands over text whatever the labels' type.
    printed = as_labels([str(label) for label in labels], len(labels))
    found = positions(printed, data.tasks.astype(str), argument=f"{argument} of the audit")
    return np.unique(found)
