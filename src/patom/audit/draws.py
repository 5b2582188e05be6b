"""What each replicate of an audit draws: its target tasks, and its training and test rows; no two draw the same.

Replicates are what reports call seeds: the ``n_seeds`` repetitions of an audit, over which its intervals run.
"""

from collections.abc import Hashable
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from itertools import count, islice
from math import comb

import numpy as np

from patom.audit.data import AuditData
from patom.audit.settings import AuditSettings
from patom.core.arrays import IntArray
from patom.core.labels import as_labels, positions
from patom.evaluate.seeding import Stream, generator

_TRIES = 20  # splits drawn for a replicate before it is given up


def drawn(data: AuditData, settings: AuditSettings) -> AuditData:
    """The data with a split for each replicate, the first of them its own.

    A replicate that draws the targets and rows of an earlier one draws its rows again. Where no other draw exists, this
    replicate and all later ones are left out, since they would repeat known results: ``len(draws)`` is the number of
    replicates to run.

    The draws of a replicate do not depend on how many there are. Data that were drawn before only lose the replicates
    that are too many. Costs a scaling of the rows for each.
    """
    if data.draws:
        return replace(data, draws=data.draws[: settings.n_seeds])
    draws: list[int] = []
    seen: set[tuple[tuple[int, ...], bytes]] = set()
    left = count()
    for replicate in range(settings.n_seeds):
        targets = task_sets(data, settings, replicate)[0]
        for draw in islice(left, _TRIES):
            key = targets, _digest(data, draw)
            if key[1] and key not in seen:
                draws.append(draw)
                seen.add(key)
                break
        else:
            break
    return replace(data, draws=tuple(draws))


def _digest(data: AuditData, draw: int) -> bytes:
    """Of the test rows of a split; empty where its training rows cannot be scaled, as with a constant target."""
    try:
        split = data if draw == 0 or data.again is None else data.again(draw)
    except ValueError:
        return b""
    rows = (split.X_test, split.y_test, split.task_test)
    return sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in rows)).digest()


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
def _halves(n_tasks: int, seed: int, n_replicates: int) -> list[tuple[int, ...]]:
    """A half of the tasks for each replicate, rounded up. Halves repeat only after all were drawn."""
    half = (n_tasks + 1) // 2
    halves: list[tuple[int, ...]] = []
    seen: set[tuple[int, ...]] = set()
    for attempt in count():
        if len(halves) == n_replicates:
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
