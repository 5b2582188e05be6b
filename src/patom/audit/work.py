"""Jobs of an audit, each on the split of its replicate: run on worker processes, their steps counted and reported."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from joblib import delayed

from patom.audit.data import AuditData
from patom.workers import in_order

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with the steps done and the steps in all, after each; more are planned where the grid of lambdas grows."""


class Work:
    """Runs the jobs of an audit and counts their steps.

    ``total`` steps are planned; ``progress`` is called after each.
    """

    def __init__(self, data: AuditData, n_jobs: int = 1, total: int = 0, progress: Progress | None = None) -> None:
        self.data, self.n_jobs = data, n_jobs
        self._done, self._total, self._progress = 0, total, progress

    def advance(self, steps: int = 1) -> None:
        """Count steps as done, or as not needed."""
        for _ in range(steps):
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self._total)

    def announce(self, more: int) -> None:
        """Add steps to the plan."""
        self._total += more

    def on_splits(self, jobs: Iterable[tuple[int, Callable[[AuditData], T]]], *, counted: bool = True) -> Iterator[T]:
        """What each job returns for the split of its replicate, in the order of the jobs.

        A split is made once for jobs of one replicate in a row. Each job is a step if ``counted``.
        """

        def with_splits() -> Iterator[tuple[Any, ...]]:
            last, split = -1, self.data
            for replicate, job in jobs:
                if replicate != last:
                    last, split = replicate, self.data.of_replicate(replicate)
                yield delayed(job)(split)

        for found in in_order(with_splits(), self.n_jobs):
            self.advance(int(counted))
            yield found
