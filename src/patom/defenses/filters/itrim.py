"""TRIM where the attacker's share is not known: assumed shares rise until trimming more hardly lowers the loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.defenses.filters.sanitiser import Judged, Rows, Sanitiser, checked_rows
from patom.defenses.filters.trim import Trimmed, best_of, dropped, judged, random_parts, smallest, trim
from patom.defenses.parts import problem_on, require_mtrl, task_slices
from patom.models.problem import Problem
from patom.models.settings import require_at_least, require_share
from patom.models.threads import one_blas_thread

_FLOOR = 0.05  # added to the loss of two classes, which is 0 where they are separable: any loss would look large


@dataclass(frozen=True)
class Path:
    """Trimmed fits at k rising shares of the rows of ``tasks``, shape (m,).

    ``shares`` of each task's rows are dropped, and ``losses`` is the mean loss of the rows kept, shapes (k, m); the
    first shares are 0. ``knees``, shape (m,), is the step of the path at which each task's share was taken.
    """

    tasks: AnyArray
    shares: FloatArray
    losses: FloatArray
    knees: IntArray

    @property
    def estimates(self) -> FloatArray:
        """The share that each task's attacker is taken to have, shape (m,)."""
        return np.asarray(self.shares[self.knees, np.arange(self.tasks.size)])


@dataclass(eq=False, repr=False)
class ITrim(Sanitiser):
    """Find each task's share of poison by the knee of the trimmed loss, then trim it: iTrim, task by task.

    Dropping poison that the fit cannot follow lowers the mean loss a lot; dropping clean rows lowers it little. So the
    path of trimmed fits at rising shares is followed, for all tasks at once, and each task's share is that of the last
    step at which the loss fell fast.

    Parameters
    ----------
    estimator : MTRLRegressor or MTRLClassifier, optional
        Whose problem (1) is trimmed; default as each comes.
    max_fraction : float, default 0.3
        The largest share that is tried, in [0, 1).
    step : float, default 0.02
        Between shares, above 0; in a small task one row.
    threshold : float, default 15.0
        What counts as fast, at least 0: the fall of the mean loss over the share dropped, in units of the mean loss
        of the rows then kept. A row goes if its loss is above some 16 times the mean loss. The largest 2 % of normal
        residuals give 7.
    n_starts : int, default 2
        At each share: one from the rows kept before, the others from random parts. A last one comes from the rows
        kept at the next larger share.
    max_iter : int, default 50
        Fits in each start.
    random_state : int, default 0

    Notes
    -----
    Two things differ from the paper, which ends at the first slow step and calls slow what is below 1e-3 on targets
    between 0 and 1. First, a fit follows large shares of poison, which hide themselves until enough rows are gone: the
    first slow step comes too early. Second, what is slow depends on the noise, not on the range of targets, which an
    attacker may stretch. Poison whose rows have no large loss has no knee: the filter finds a share of odd rows, not
    proof of an attack. Rows of heavy-tailed noise are odd too.
    Costs max_fraction/step times what ``Trim`` costs.

    References
    ----------
    Mueller, Kowatsch and Boettinger 2020, "Data poisoning attacks on regression learning and corresponding defenses"
    (arXiv 2009.07008).
    Jagielski et al. 2018, algorithm 2, for TRIM.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
    >>> y = 2.0 * X[:, 0]
    >>> y[[3, 11]] = 7.0
    >>> defense = ITrim(MTRLRegressor(1e-3, 1e-3))
    >>> defense.path(X, y).estimates, np.flatnonzero(~defense.keep(X, y).kept)
    (array([0.1]), array([ 3, 11]))
    """

    estimator: Any = None
    max_fraction: float = 0.3
    step: float = 0.02
    threshold: float = 15.0
    n_starts: int = 2
    max_iter: int = 50
    random_state: int = 0

    def check(self) -> None:
        require_share("ITrim", below=True, max_fraction=self.max_fraction)
        require_at_least("ITrim", 0.0, threshold=self.threshold)
        require_at_least("ITrim", 0.0, strict=True, step=self.step)
        require_at_least("ITrim", 1, whole=True, n_starts=self.n_starts, max_iter=self.max_iter)
        require_mtrl("ITrim", self.estimator)

    def path(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Path:
        """The trimmed losses at each share, and the share taken for each task; arguments as in ``keep``."""
        self.check()
        rows = checked_rows(X, y, task)
        with one_blas_thread():
            return self._follow(problem_on(self.estimator, rows)[0], rows.tasks)[0]

    def judge(self, rows: Rows) -> Judged:
        """As ``Trim`` does, each task with its own share."""
        problem, order = problem_on(self.estimator, rows)
        with one_blas_thread():
            path, fits = self._follow(problem, problem.tasks)
            parts = [fits[k].kept[own] for k, own in zip(path.knees, task_slices(problem.rows), strict=True)]
            counts = np.array([part.sum() for part in parts])
            best = trim(problem, np.concatenate(parts), counts, self.max_iter)
        return judged(problem.rows, order, best, self.name)

    def _follow(self, problem: Problem, tasks: AnyArray) -> tuple[Path, list[Trimmed]]:
        rows, rng = problem.rows, np.random.default_rng(self.random_state)
        drops = dropped_along(rows.counts, self.step, self.max_fraction)
        fits: list[Trimmed] = []
        for number, drop in enumerate(drops):
            counts = rows.counts - drop
            starts = random_parts(rows, counts, rng, self.n_starts - 1)
            starts.append(smallest(fits[-1].losses, rows, counts) if number else np.ones(rows.y.size, dtype=bool))
            fits.append(best_of(problem, starts, counts, self.max_iter))
        for number in range(len(fits) - 2, -1, -1):  # poison that hides at small shares may show at larger ones
            counts = rows.counts - drops[number]
            again = trim(problem, smallest(fits[number + 1].losses, rows, counts), counts, self.max_iter)
            fits[number] = min(fits[number], again, key=lambda fit: fit.objective)
        shares = drops / rows.counts
        losses = np.array([[fit.losses[own][fit.kept[own]].mean() for own in task_slices(rows)] for fit in fits])
        floor = _FLOOR if problem.loss.margin else 0.0
        return Path(tasks, shares, losses, knees(shares, losses + floor, self.threshold)), fits


def dropped_along(counts: IntArray, step: float, most: float) -> IntArray:
    """Rows of each task that go at each share, shape (k, m): up by ``step`` of the rows, or by one row, to ``most``.

    >>> dropped_along(np.array([100, 10]), step=0.05, most=0.2)
    array([[ 0,  0],
           [ 5,  1],
           [10,  2],
           [15,  2],
           [20,  2]])
    """
    n_steps = int(np.ceil(most / step - 1e-9))
    rising = np.outer(np.arange(n_steps + 1), np.maximum(step * counts, 1.0))
    return np.minimum((rising + 1e-9).astype(np.int64), dropped(counts, most))


def knees(shares: FloatArray, losses: FloatArray, threshold: float) -> IntArray:
    """The step at which each task's loss last fell by more than ``threshold`` times what is left, a share; (m,).

    ``shares`` and ``losses``: (k, m).

    >>> losses = np.array([[1.0], [0.6], [0.2], [0.199], [0.198]])
    >>> knees(0.1 * np.arange(5.0)[:, None], losses, threshold=5.0)
    array([2])
    """
    more = np.diff(shares, axis=0)
    fallen = (more > 0.0) & (-np.diff(losses, axis=0) > threshold * losses[1:] * more)
    steps = np.arange(1, losses.shape[0])[:, None]
    return np.asarray(np.where(fallen, steps, 0).max(axis=0, initial=0))
