"""What the pages show, a file a section: its table, its picture and the words of the picture.

An audit's page has ``curves``, ``accounts``, ``exposure`` and ``relationships``; a grid's has ``figures``.
"""

from dataclasses import dataclass

from patom.report.panels import Multiples, PageTable
from patom.report.sections import accounts, attacks, convergence, curves, defenses, exposure, relationships, screening
from patom.results.grid import GridResults

__all__ = ["Shown", "accounts", "curves", "exposure", "figures", "relationships"]


@dataclass(frozen=True)
class Shown:
    """An experiment of a grid: its panels, its table, and which of its maps are practically of rank 1."""

    multiples: Multiples
    table: PageTable
    rank_one: str = ""


def figures(results: GridResults) -> dict[str, list[Shown]]:
    """The experiments of each section of a grid, the paper's in its order first."""
    return {
        "convergence": [Shown(convergence.multiples(one), convergence.table(one)) for one in results.convergence],
        "budgets": [Shown(curves.multiples(one), curves.table(one)) for one in results.budgets],
        "correlations": [
            Shown(relationships.multiples(one), relationships.table(one), relationships.rank_one(one))
            for one in results.correlations
        ],
        "attacks": [Shown(attacks.multiples(one), attacks.table(one)) for one in results.attacks],
        "defenses": [Shown(defenses.multiples(one), attacks.table(one)) for one in results.defenses],
        "screening": [Shown(screening.multiples(one), attacks.table(one)) for one in results.screening],
    }
