"""What the pages show, a file a section: its table, its picture and the words of the picture.

An audit's page has ``curves``, ``exposure`` and ``relationships``; a grid's has ``figures``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from patom.report.panels import Multiples, Table
from patom.report.sections import attacks, convergence, curves, defenses, exposure, relationships, screening
from patom.results.grid import Experiment, GridResults

__all__ = ["Shown", "curves", "exposure", "figures", "relationships"]
E = TypeVar("E", bound=Experiment)


@dataclass(frozen=True)
class Shown:
    """An experiment of a grid: its panels, its table, and which of its maps are practically of rank 1."""

    multiples: Multiples
    table: Table
    rank_one: str = ""


def figures(results: GridResults) -> dict[str, list[Shown]]:
    """The experiments of each section of a grid, the paper's in its order first."""
    correlations = [
        Shown(relationships.multiples(one), relationships.table(one), relationships.rank_one(one))
        for one in results.correlations
    ]
    return {
        "convergence": _shown(results.convergence, convergence.multiples, convergence.table),
        "budgets": _shown(results.budgets, curves.multiples, curves.table),
        "correlations": correlations,
        "attacks": _shown(results.attacks, attacks.multiples, attacks.table),
        "defenses": _shown(results.defenses, defenses.multiples, attacks.table),
        "screening": _shown(results.screening, screening.multiples, attacks.table),
    }


def _shown(experiments: Sequence[E], multiples: Callable[[E], Multiples], table: Callable[[E], Table]) -> list[Shown]:
    return [Shown(multiples(one), table(one)) for one in experiments]
