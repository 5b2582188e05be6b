"""What a run's table says: figures and the paper's claims, judged by rules.

``rows`` groups and averages, ``claim`` holds the rule of a verdict; one file a figure: ``convergence`` (Fig. 1),
``budgets`` (Fig. 2), ``correlations`` (Fig. 3), each with its claims; ``attacks`` compares attacks, ``defenses``
defenses, ``screening`` rankings of tasks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from patom.paper.findings import attacks, budgets, convergence, correlations, defenses, screening
from patom.paper.findings.rows import CONFIDENCE, Row
from patom.paper.grid import read_grid
from patom.results.grid import KIND, SCHEMA, Failure, GridResults, Provenance
from patom.results.methods import AttackName

PAPER = ("fig1", "fig2", "fig3", "settings")
"""Presets that reproduce the paper."""

__all__ = ["findings"]


def findings(runs: Sequence[tuple[list[Row], Mapping[str, Any]]], command: str | None = None) -> dict[str, Any]:
    """Everything the report shows, computed from the tables of one run or more.

    Parameters
    ----------
    runs : sequence of (rows, provenance)
        As ``read_run`` gives them.
    command : str, optional
        What to type to get the same again.

    Returns
    -------
    dict
        Of plain values.
    """
    rows = [row for table, _ in runs for row in table]
    provenances = [provenance for _, provenance in runs]
    claims = [*convergence.claims(rows), *budgets.claims(rows), *correlations.claims(rows), *screening.claims(rows)]
    results = GridResults(
        schema=SCHEMA,
        kind=KIND,
        reproduction=all(_of_the_paper(table, part["results"]["title"]) for table, part in runs),
        title="; ".join(dict.fromkeys(part["results"]["title"] for part in provenances)),
        patom_version=provenances[0]["results"]["versions"]["patom"],
        command=command,
        confidence=CONFIDENCE,
        n_seeds=max(len(part["results"]["seeds"]) for part in provenances),
        fewest_seeds=min(len(part["results"]["seeds"]) for part in provenances),
        notes=list(dict.fromkeys(note for part in provenances for note in part["results"]["notes"])),
        provenance=_together(provenances),
        convergence=convergence.convergence(rows),
        budgets=budgets.budgets(rows),
        correlations=correlations.correlations(rows),
        attacks=attacks.attacks(rows),
        defenses=defenses.defenses(rows),
        screening=screening.screening(rows),
        claims=[claim for claim in claims if claim.evidence],
        failures=[Failure(cell=_name(row), error=row["error"]) for row in rows if row["error"]],
    )
    return results.as_dict()


def _of_the_paper(rows: list[Row], title: str) -> bool:
    """Whether a run is of a preset for the paper's figures, or of a part of one."""
    grids = [grid for grid in map(read_grid, PAPER) if grid.title == title]
    known = {(each.name, each.figure) for grid in grids for each in grid.experiments}
    return bool(grids) and {(row["experiment"], row["figure"]) for row in rows} <= known


def _together(provenances: Sequence[Mapping[str, Any]]) -> Provenance:
    runs = [part["run"] for part in provenances]
    gaps = [run["worst_gap"] for run in runs if run["worst_gap"] is not None]
    return Provenance(
        **{name: sum(run[name] for run in runs) for name in ("cells", "failed", "uncertified")},
        worst_gap=max(gaps, default=None),
        commit=", ".join(dict.fromkeys(at for run in runs for at in run["commits"])) or None,
        versions=provenances[0]["results"]["versions"],
        files={name: sha for part in provenances for name, sha in part["results"]["files"].items()},
    )


def _name(row: Row) -> str:
    return (
        f"{row['experiment']}; seed {row['seed']}; pair {row['pair']}; {AttackName.parse(row['method']).words}; "
        f"budget {row['budget']:g}; start {row['start']}"
    )
