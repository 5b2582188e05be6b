"""Attacks side by side: how far each raises the attacker's utility and the test error, and what it is ahead of."""

from collections.abc import Sequence
from typing import Any

from patom.experiments.findings.convergence import rise
from patom.experiments.findings.rows import Row, damage, experiments, grouped, lead, over_seeds, settings
from patom.experiments.findings.wording import percent, points, told

SAME = ("pair", "budget", "start", "kind")
BEST = "PATOM, best step of {}"
COLUMNS = (
    "Attack",
    "rise of the training loss",
    "damage on test rows",
    "training loss, minus PATOM's best",
    "at least PATOM's best in",
)


def attacks(rows: list[Row]) -> list[dict[str, Any]]:
    """A table for each experiment, direct and indirect attacks apart."""
    return [
        {"title": name, "settings": settings(group, steps=False), "columns": list(COLUMNS), "groups": _groups(group)}
        for name, group in experiments(rows, "attacks").items()
    ]


def best_step(rows: Sequence[Row]) -> list[Row]:
    """Of PATOM's runs of one cell with several step sizes, the one of the highest utility."""
    cells = grouped(rows, _cell)
    return [max(group, key=lambda row: row["utility"][-1]) for group in cells.values()]


def final_rise(row: Row) -> float:
    """Relative rise of the target tasks' training loss at the end of the attack."""
    return float(rise(row)[-1])


def _groups(rows: list[Row]) -> list[tuple[str, list[list[str]]]]:
    groups = []
    for kind, part in grouped(rows, lambda row: row["kind"]).items():
        variants = grouped(part, _variant)
        patom = [row for row in part if row["attack"] == "patom"]
        steps = len({row["step_size"] for row in patom})
        rival = best_step(patom)
        if steps > 1:
            variants[BEST.format(steps)] = rival
        groups.append((kind, [_line(name, runs, rival) for name, runs in variants.items()]))
    return groups


def _variant(row: Row) -> str:
    if row["attack"] == "patom":
        return f"PATOM, step {row['step_size']:g}"
    if row["attack"] == "ascent":
        labels = ", labels too" if row["optimise_labels"] else ""
        return f"ascent, {row['gradient'].replace('_', ' ')} gradient{labels}"
    return "random rows"


def _line(name: str, runs: list[Row], rival: list[Row]) -> list[str]:
    line = [name, told(over_seeds(runs, final_rise), percent), told(over_seeds(runs, damage), percent)]
    if not rival:
        return [*line, "", ""]
    ahead = lead(runs, rival, final_rise, SAME)
    other = {_cell(row): row["utility"][-1] for row in rival}
    won = [row["utility"][-1] >= other[_cell(row)] for row in runs if _cell(row) in other]
    return [*line, told(ahead, points), f"{sum(won)} of {len(won)} cells"]


def _cell(row: Row) -> tuple[Any, ...]:
    return row["seed"], *(row[name] for name in SAME)
