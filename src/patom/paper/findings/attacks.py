"""Attacks side by side: what each does to training and test rows, what it is ahead of, and what it costs."""

from collections.abc import Sequence

import numpy as np

from patom.metrics import relative_damage
from patom.paper.findings.rows import (
    Row,
    Value,
    by_budget,
    cells,
    experiments,
    grouped,
    lead,
    number,
    over_seeds,
    pairs,
    rise,
    settings,
    within,
)
from patom.results.grid import Attacks, RiseLine, RisePanel, TableRow, Variant
from patom.results.methods import AttackName, Method, Reach
from patom.wording import percent, points

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
    shown = []
    for name, group in experiments(rows, "attacks").items():
        kinds = {kind: _variants(part) for kind, part in grouped(group, "kind").items()}
        shown.append(
            Attacks(
                title=name,
                settings=settings(group, steps=False),
                columns=list(COLUMNS),
                groups=[
                    (kind, [_line(name, runs, rival) for name, runs in variants.items()])
                    for kind, (variants, rival) in kinds.items()
                ],
                panels=[RisePanel(kind=Reach(kind), lines=_curves(runs)) for kind, (runs, _) in kinds.items()],
            )
        )
    return shown


def best_step(rows: Sequence[Row]) -> list[Row]:
    """Of PATOM's runs of one cell with several step sizes, the one of the highest utility, at the cost of all."""
    return [
        max(group, key=final_rise) | {name: sum(number(row.get(name)) for row in group) for name in COSTS}
        for group in cells(rows).values()
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


def _line(name: Variant, runs: list[Row], rival: list[Row]) -> TableRow:
    found: list[Value] = [final_rise, "damage", damage_to_others]
    did = [within(over_seeds(runs, value), percent) for value in found]
    ahead = won = ""
    if rival:
        ahead = within(lead(runs, rival, final_rise), points)
        at_least = [final_rise(row) >= final_rise(best) for row, best in pairs(runs, rival)]
        won = f"{sum(at_least)} of {len(at_least)} cells"
    return TableRow.of(str(name), *did, ahead, won, *(_cost(runs, cost) for cost in COSTS))


def _cost(runs: list[Row], name: str) -> str:
    """Mean over cells; seconds as the run measured them."""
    mean = float(np.mean([number(row.get(name)) for row in runs]))
    return "" if np.isnan(mean) else f"{mean:.1f}" if name == "seconds" else f"{mean:.0f}"


def _curves(variants: dict[Variant, list[Row]]) -> list[RiseLine]:
    """Rise of the training loss against budget: PATOM's best step in place of its runs, all others."""
    several = any(name.best_step for name in variants)
    return [
        RiseLine(
            attack=AttackName(Method(runs[0]["attack"]), Reach(runs[0]["kind"])),
            label=name,
            budgets=list(by_budget(runs)),
            rise=[over_seeds(part, final_rise) for part in by_budget(runs).values()],
        )
        for name, runs in variants.items()
        if not (several and name.step and not name.best_step)
    ]
