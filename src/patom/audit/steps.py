"""How many attacks and fits an audit is about to run, and about how long they take."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from time import perf_counter

from sklearn.base import clone

from patom.attacks import PATOM
from patom.audit.cells import QUICK, Cell, Purpose, victim
from patom.audit.data import AuditData
from patom.audit.remedies import N_REMEDIES
from patom.audit.settings import AuditSettings
from patom.audit.step_sizes import pilots
from patom.evaluate.trial import fit_quietly
from patom.models.lambda_search import GRID, N_FOLDS
from patom.results.methods import Method

_ASCENT, _THOROUGH, _ACCOUNTS, _RANDOM, _DEFENDED, _BOUND = 33.0, 1000.0, 100.0, 3.5, 140.0, 60.0
"""The time in fits: of a quick ascent, a thorough one, one by accounts, random rows, one behind a defense, a bound."""
_ROW_BY_ROW = 80
"""How many times longer PATOM takes where each step projects a single row onto an intersection of regions."""


@dataclass(frozen=True)
class Steps:
    """The steps of an audit, each of which is reported when it is done.

    ``lambdas``: pairs to score by cross-validation, of which a growing grid adds more. ``pilots``: attacks that choose
    PATOM's step size. ``random``, ``optimised``: attacks on the model. ``retuned``: models that choose their lambdas
    again on poisoned rows. ``defended``: attacks on models with a defense; those that quick ones do not break are
    attacked again, which adds steps. ``accounts``: attacks by new accounts. ``bounds``: certified bounds on the worst
    attack. ``thorough``: attacks that follow the worst up.
    """

    lambdas: int
    pilots: int
    random: int
    optimised: int
    retuned: int
    defended: int
    accounts: int = 0
    bounds: int = 0
    thorough: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(astuple(self))

    @property
    def attacks(self) -> int:
        """Those that are attacks."""
        return self.pilots + self.random + self.optimised + self.defended + self.accounts + self.thorough

    def seconds(self, of_a_fit: float, n_jobs: int, moves: float = 1.0, aims: int = 1) -> float:
        """About how long they take, within a factor of two or three: by the time of a fit, in all attacks alike.

        ``moves``: an attack's iterations over those that it has by default. ``aims``: attacks that each step tries.

        >>> Steps(lambdas=25, pilots=0, random=40, optimised=40, retuned=0, defended=20).seconds(0.01, 2) > 10.0
        True
        """
        ascents = (self.pilots + self.optimised) * _ASCENT + self.accounts * _ACCOUNTS + self.defended * _DEFENDED
        ascents = aims * (ascents + self.thorough * _THOROUGH) + self.bounds * _BOUND
        searches = len(GRID) ** 2 * N_FOLDS * self.retuned + N_FOLDS * self.lambdas
        return (moves * ascents + self.random * _RANDOM + searches) * of_a_fit / n_jobs


def steps(cells: Sequence[Cell], settings: AuditSettings) -> Steps:
    """The steps of an audit with these attacks and settings."""
    random = sum(cell.attack.method is Method.RANDOM for cell in cells)
    alone = len({cell.targets for cell in cells if cell.purpose is Purpose.EXPOSURE})  # the map's targets
    searched = settings.lambda_1 is None
    return Steps(
        lambdas=len(GRID) ** 2 if searched else 0,
        pilots=len(pilots(cells, settings)),
        random=random,
        optimised=len(cells) - random,
        retuned=settings.n_seeds if searched else 0,
        defended=N_REMEDIES * settings.n_seeds,
        accounts=(len(settings.accounts) + 1) * settings.n_seeds + alone if settings.accounts else 0,
        bounds=settings.n_seeds,
        thorough=settings.n_seeds if settings.attack == "ascent" else 0,
    )


def seconds_ahead(ahead: Steps, data: AuditData, settings: AuditSettings, n_jobs: int) -> float:
    """About how long the steps take, by the time of a fit on a replicate's training rows, once it is compiled."""
    model = victim(data, settings, settings.lambda_1 or 0.1, settings.lambda_2 or 0.1)
    for _ in range(2):
        began = perf_counter()
        fit_quietly(clone(model), data.train)
    usual = QUICK["max_iter"]
    moves = settings.iterations or (usual if settings.attack == "ascent" else PATOM().max_iter)
    if settings.attack == "patom" and settings.region == "own_data":
        moves *= _ROW_BY_ROW
    aims = 2 if data.kind == "classification" and settings.attack == "ascent" else 1
    return ahead.seconds(perf_counter() - began, n_jobs, moves / usual, aims)
