"""The documents that are filled, and what makes the table of each of their places."""

from collections.abc import Callable, Mapping
from functools import partial

from evidence import accounts, carry_over, paper, referee, strength, tiny

PAGES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"claims": paper.summary},
    "docs/paper.md": {
        "provenance": paper.provenance,
        "claims": paper.claims,
        **{figure: partial(paper.evidence_of, figure) for figure in paper.FIGURES},
        "damage": paper.damage,
        "auc": paper.auc,
    },
    "docs/settings.md": {
        **{data: partial(paper.settings, data) for data in ("sarcos", "landmine", "mnist")},
        "convergence": partial(paper.evidence_of, "settings", "PATOM converges", "Different starts"),
        "correlations": partial(paper.evidence_of, "settings", "Attacks subvert", "Attacking tasks", "SARCOS: tasks 2"),
    },
    "docs/accounts.md": accounts.TABLES,
    "docs/attacks.md": {
        "tiny": tiny.shares,
        "earlier": strength.beside_old,
        "tuned": strength.tuned,
        "aims": strength.aims,
    },
    "docs/defenses.md": {
        "landmine": strength.landmine,
        "referee": referee.beside_package,
        "carried": carry_over.shares,
        "left": carry_over.left_out,
    },
    "docs/screening.md": {"newcomers": accounts.newcomers},
}
"""The documents, and what makes the table of each of their places."""
