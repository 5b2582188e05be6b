"""Attacks side by side: what each does to training and test rows, what it is ahead of, and what it costs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from patom.metrics import relative_damage
from patom.paper.findings.convergence import rise
from patom.paper.findings.rows import Row, damage, experiments, grouped, lead, number, over_seeds, settings, within
from patom.results.grid import Attacks, RiseLine, RisePanel, Variant
from patom.results.grid import Row as TableRow
from patom.results.methods import AttackName, Method, Reach
from patom.wording import percent, points

SAME = ("pair", "budget", "start", "kind")
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


def attacks(rows: list[Row]) -> list[Attacks]:
    """For each experiment a table, and a panel of rise against budget, with a group for each kind of attack."""
    return [
        Attacks(
            title=name,
            settings=settings(group, steps=False),
            columns=list(COLUMNS),
            groups=[(kind, _lines(part)) for kind, part in _kinds(group).items()],
            panels=[RisePanel(kind=Reach(kind), lines=_curves(part)) for kind, part in _kinds(group).items()],
        )
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


def _variants(rows: Sequence[Row]) -> tuple[dict[Variant, list[Row]], list[Row]]:
    """Rows by the name of the attack and its settings, and those of PATOM with its best step."""
    variants = grouped(rows, _variant)
    patom = [row for row in rows if row["attack"] == "patom"]
    steps, rival = len({row["step_size"] for row in patom}), best_step(patom)
    if steps > 1:
        variants[Variant("PATOM", step=f"best step of {steps}")] = rival
    return variants, rival


def _variant(row: Row) -> Variant:
    method = Method(row["attack"])
    if method is Method.PATOM:
        return Variant("PATOM", step=f"step {row['step_size']:g}")
    if method is Method.ASCENT:
        return Variant("ascent", row["gradient"].replace("_", " "), labels_too=bool(row["optimise_labels"]))
    return Variant("random rows" if method is Method.RANDOM else method.words)


def _lines(rows: list[Row]) -> list[TableRow]:
    variants, rival = _variants(rows)
    return [_line(name, runs, rival) for name, runs in variants.items()]


def _line(name: Variant, runs: list[Row], rival: list[Row]) -> TableRow:
    found: list[Callable[[Row], float]] = [final_rise, damage, damage_to_others]
    did = [within(over_seeds(runs, value), percent) for value in found]
    costs = [_cost(runs, cost) for cost in COSTS]
    if not rival:
        return TableRow.of(str(name), *did, "", "", *costs)
    other = {_cell(row): final_rise(row) for row in rival}
    won = [final_rise(row) >= other[_cell(row)] for row in runs if _cell(row) in other]
    ahead = within(lead(runs, rival, final_rise, SAME), points)
    return TableRow.of(str(name), *did, ahead, f"{sum(won)} of {len(won)} cells", *costs)


def _cost(runs: list[Row], name: str) -> str:
    """Mean over cells; seconds as the run measured them."""
    values = [number(row.get(name)) for row in runs]
    mean = float(np.mean(values)) if values else float("nan")
    return "" if np.isnan(mean) else f"{mean:.1f}" if name == "seconds" else f"{mean:.0f}"


def _curves(rows: list[Row]) -> list[RiseLine]:
    """Rise of the training loss against budget: PATOM's best step in place of its runs, all others."""
    variants, _ = _variants(rows)
    several = any(name.best_step for name in variants)
    return [
        RiseLine(
            attack=AttackName(Method(runs[0]["attack"]), Reach(runs[0]["kind"])),
            label=name,
            budgets=list(by_budget),
            rise=[over_seeds(part, final_rise) for part in by_budget.values()],
        )
        for name, runs in variants.items()
        if not (several and name.step and not name.best_step)
        for by_budget in [grouped(sorted(runs, key=lambda row: float(row["budget"])), lambda row: row["budget"])]
    ]


def _cell(row: Row) -> tuple[Any, ...]:
    return row["seed"], *(row[name] for name in SAME)
