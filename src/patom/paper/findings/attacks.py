"""Attacks side by side: what each does to training and test rows, what it is ahead of, and what it costs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from patom.metrics import relative_damage
from patom.paper.findings.convergence import rise
from patom.paper.findings.rows import Row, damage, experiments, grouped, lead, number, over_seeds, settings
from patom.paper.findings.wording import percent, points, told
from patom.results.methods import Method

SAME = ("pair", "budget", "start", "kind")
BEST = "PATOM, best step of {}"
COSTS = ("solves", "adjoint_solves", "seconds")
COLUMNS = (
    "Attack",
    "rise of the training loss",
    "damage on test rows",
    "damage to the other tasks",
    "training loss, minus PATOM's best",
    "at least PATOM's best in",
    "solves",
    "linear systems",
    "seconds",
)


def attacks(rows: list[Row]) -> list[dict[str, Any]]:
    """For each experiment a table, and a panel of rise against budget; direct and indirect attacks apart."""
    return [
        {
            "title": name,
            "settings": settings(group, steps=False),
            "columns": list(COLUMNS),
            "groups": [(kind, _lines(part)) for kind, part in _kinds(group).items()],
            "panels": [{"kind": kind, "lines": _curves(part)} for kind, part in _kinds(group).items()],
        }
        for name, group in experiments(rows, "attacks").items()
    ]


def best_step(rows: Sequence[Row]) -> list[Row]:
    """Of PATOM's runs of one cell with several step sizes, the one of the highest utility, at the cost of all."""
    cells = grouped(rows, _cell)
    return [
        max(group, key=final_rise) | {name: sum(number(row.get(name)) for row in group) for name in COSTS}
        for group in cells.values()
    ]


def final_rise(row: Row) -> float:
    """Relative rise of the target tasks' training loss on the true victim, whatever the attacker saw or wanted.

    Tables of versions before 0.2 have the utility only, which is that for the paper's attacker.
    """
    if row.get("target_loss") is None:
        return float(rise(row)[-1])
    before = number(row["target_loss_clean"])
    return number(row["target_loss"]) / before - 1.0 if before > 0.0 else float("nan")


def damage_to_others(row: Row) -> float:
    """Relative damage to the test metric of the tasks that are not aimed at; NaN where there are none."""
    return relative_damage(number(row["others_clean"]), number(row["others_attacked"]), row["metric"])


def _kinds(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return grouped(rows, lambda row: row["kind"])


def _variants(rows: Sequence[Row]) -> tuple[dict[str, list[Row]], list[Row]]:
    """Rows by the name of the attack and its settings, and those of PATOM with its best step."""
    variants = grouped(rows, _variant)
    patom = [row for row in rows if row["attack"] == "patom"]
    steps, rival = len({row["step_size"] for row in patom}), best_step(patom)
    if steps > 1:
        variants[BEST.format(steps)] = rival
    return variants, rival


def _variant(row: Row) -> str:
    if row["attack"] == "patom":
        return f"PATOM, step {row['step_size']:g}"
    if row["attack"] == "ascent":
        labels = ", labels too" if row["optimise_labels"] else ""
        return f"ascent, {row['gradient'].replace('_', ' ')} gradient{labels}"
    return "random rows" if row["attack"] == "random" else Method(row["attack"]).words


def _lines(rows: list[Row]) -> list[list[str]]:
    variants, rival = _variants(rows)
    return [_line(name, runs, rival) for name, runs in variants.items()]


def _line(name: str, runs: list[Row], rival: list[Row]) -> list[str]:
    found: list[Callable[[Row], float]] = [final_rise, damage, damage_to_others]
    line = [name, *(told(over_seeds(runs, value), percent) for value in found)]
    costs = [_cost(runs, name) for name in COSTS]
    if not rival:
        return [*line, "", "", *costs]
    other = {_cell(row): final_rise(row) for row in rival}
    won = [final_rise(row) >= other[_cell(row)] for row in runs if _cell(row) in other]
    ahead = told(lead(runs, rival, final_rise, SAME), points)
    return [*line, ahead, f"{sum(won)} of {len(won)} cells", *costs]


def _cost(runs: list[Row], name: str) -> str:
    """Mean over cells; seconds as the run measured them."""
    values = [number(row.get(name)) for row in runs]
    mean = float(np.mean(values)) if values else float("nan")
    return "" if np.isnan(mean) else f"{mean:.1f}" if name == "seconds" else f"{mean:.0f}"


def _curves(rows: list[Row]) -> list[dict[str, Any]]:
    """Rise of the training loss against budget: PATOM's best step in place of its runs, all others."""
    variants, _ = _variants(rows)
    several = any(name.startswith(BEST.format("")) for name in variants)
    return [
        {
            "attack": f"{runs[0]['attack']}-{runs[0]['kind']}",
            "label": name,
            "budgets": list(by_budget),
            "rise": [over_seeds(part, final_rise) for part in by_budget.values()],
        }
        for name, runs in variants.items()
        if not (several and name.startswith("PATOM, step"))
        for by_budget in [grouped(sorted(runs, key=lambda row: float(row["budget"])), lambda row: row["budget"])]
    ]


def _cell(row: Row) -> tuple[Any, ...]:
    return row["seed"], *(row[name] for name in SAME)
