"""What an audit is about to run, in numbers, and about how long that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from sklearn.base import clone

from patom.attacks import ProjectedAscent
from patom.audit.cells import Cell, fit_quietly, victim
from patom.audit.data import AuditData
from patom.audit.pilot import pilots
from patom.audit.remedies import N_REMEDIES
from patom.audit.settings import AuditSettings
from patom.models.lambda_grid import GRID
from patom.models.lambda_search import N_FOLDS

_ASCENT, _RANDOM, _DEFENDED = 33.0, 3.5, 140.0
"""Fits that an attack takes the time of: by ascent with its own number of moves, by random rows, behind a defense."""
_ROW_BY_ROW = 80
"""How often longer PATOM takes where each of its steps brings a single row back into an intersection of regions."""


@dataclass(frozen=True)
class Steps:
    """The steps of an audit, each of which is reported when it is done.

    Parameters
    ----------
    lambdas : int
        Pairs of them to score by cross-validation; the grid may grow.
    pilots : int
        Attacks that choose PATOM's step size.
    random, optimised : int
        Attacks on the model.
    retuned : int
        Models that choose their lambdas anew on poisoned rows.
    defended : int
        Attacks on models with a defense.
    """

    lambdas: int
    pilots: int
    random: int
    optimised: int
    retuned: int
    defended: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.lambdas + self.pilots + self.random + self.optimised + self.retuned + self.defended

    @property
    def attacks(self) -> int:
        """Those that are attacks."""
        return self.pilots + self.random + self.optimised + self.defended

    def seconds(self, of_a_fit: float, n_jobs: int, moves: float = 1.0) -> float:
        """About how long they take, within a factor of two or three: by the time of a fit, in all attacks alike.

        ``moves``: an attack's iterations over those that it has by default.

        >>> Steps(lambdas=25, pilots=0, random=40, optimised=40, retuned=0, defended=20).seconds(0.01, 2) > 10.0
        True
        """
        ascents = (self.pilots + self.optimised) * _ASCENT + self.defended * _DEFENDED
        searches = len(GRID) ** 2 * N_FOLDS * self.retuned + N_FOLDS * self.lambdas
        return (moves * ascents + self.random * _RANDOM + searches) * of_a_fit / n_jobs


def steps(cells: Sequence[Cell], settings: AuditSettings) -> Steps:
    """The steps that these attacks and settings come to."""
    random = sum(cell.attack.startswith("random") for cell in cells)
    searched = settings.lambda_1 is None
    return Steps(
        lambdas=len(GRID) ** 2 if searched else 0,
        pilots=len(pilots(cells, settings)),
        random=random,
        optimised=len(cells) - random,
        retuned=settings.n_seeds if searched else 0,
        defended=N_REMEDIES * settings.n_seeds,
    )


def seconds_ahead(ahead: Steps, data: AuditData, settings: AuditSettings, n_jobs: int) -> float:
    """About how long the steps take, by the time of a fit on a seed's training rows, once it is compiled."""
    model = victim(data, settings, settings.lambda_1 or 0.1, settings.lambda_2 or 0.1)
    for _ in range(2):
        began = perf_counter()
        fit_quietly(clone(model), data.X_train, data.y_train, data.task_train)
    usual = ProjectedAscent().max_iter
    moves = settings.iterations or (usual if settings.attack == "ascent" else 10)  # PATOM's, which solve once each
    if settings.attack == "patom" and settings.region == "own_data":
        moves *= _ROW_BY_ROW
    return ahead.seconds(perf_counter() - began, n_jobs, moves / usual)
