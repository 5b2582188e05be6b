"""Fig. 2: damage against budget, for pairs of target and attacking tasks."""

import numpy as np

from patom.paper.findings.claim import Answer, evidence, judged
from patom.paper.findings.rows import (
    Row,
    above,
    below,
    both,
    by_budget,
    experiments,
    grouped,
    lead,
    number,
    over_seeds,
    settings,
    within,
)
from patom.results.grid import BudgetLine, Budgets, Claim, Pair
from patom.results.methods import AttackName
from patom.wording import percent, points

COMPARED = ("patom-direct", "patom-indirect", "random-direct", "random-indirect")
"""The attacks of the claims that compare attacks."""
PATOM_DIRECT, PATOM_INDIRECT, RANDOM_DIRECT, RANDOM_INDIRECT = COMPARED
DATA = {"sarcos": "SARCOS", "landmine": "Landmine", "mnist": "MNIST"}
"""The paper's data sets."""


def budgets(rows: list[Row]) -> list[Budgets]:
    """Test metric and relative damage by budget, for each experiment, pair and attack."""
    return [
        Budgets(
            title=name,
            settings=settings(group),
            metric=group[0]["metric"],
            panels=[_panel(pair, part) for pair, part in grouped(group, "pair").items()],
        )
        for name, group in experiments(rows, "budgets").items()
    ]


def claims(rows: list[Row]) -> list[Claim]:
    """What Fig. 2 is said to show."""
    tested = {name: grouped(group, "method") for name, group in experiments(rows, "budgets").items()}
    on = {data: {name: methods for name, methods in tested.items() if _data(methods) == data} for data in DATA}
    sarcos, mnist = on["sarcos"], on["mnist"]
    everywhere = {name: methods for data in on.values() for name, methods in data.items()}
    missing = _missing(everywhere, [DATA[data] for data, found in on.items() if not found] if tested else [])
    return [
        judged(
            "At equal budget direct attacks do more damage than indirect and random ones",
            "higher curves on all three sets",
            "Mean damage over pairs and budgets of PATOM direct minus that of the strongest other attack; the whole "
            "interval must lie above 0.",
            evidence(everywhere, _direct_leads),
            missing,
        ),
        judged(
            "SARCOS: a direct attack with 30 % raises the mean NMSE by about 50 %",
            "about 50 %",
            "Mean over pairs at budget 0.3; the whole interval must lie between 40 and 60 %. Cannot be said where it "
            "holds an end of that range.",
            evidence(sarcos, _about_half),
        ),
        judged(
            "PATOM does more damage than random attacks, direct and indirect",
            "higher curves on all three sets",
            "Mean damage over pairs and budgets of PATOM minus that of random rows into the same tasks; both whole "
            "intervals must lie above 0.",
            evidence(everywhere, _beats_random),
            missing,
        ),
        judged(
            "For some pairs of task sets indirect attacks do more damage than random direct ones, for others less",
            "more on SARCOS's second pair, less on its third",
            "Damage of PATOM indirect minus random direct, mean over budgets, pair by pair: for one pair at least the "
            "whole interval must lie above 0, and for another one below 0.",
            evidence(everywhere, _depends_on_pair),
        ),
        *_of_mnist(mnist),
    ]


def _of_mnist(mnist: "dict[str, Methods]") -> list[Claim]:
    return [
        judged(
            "MNIST: indirect attacks do next to nothing",
            "almost no effect",
            "Mean damage over pairs at the largest budget; the whole interval must lie between -2 and 2 %.",
            evidence(mnist, _next_to_nothing),
        ),
        judged(
            "MNIST: the AUC under direct attack rises a little after budget 0.1",
            "rises slightly",
            "AUC at the largest budget minus AUC at 0.1, mean over pairs, PATOM direct; the whole interval must lie "
            "above 0.",
            evidence(mnist, _recovers),
        ),
    ]


Methods = dict[str, list[Row]]


def _missing(tested: dict[str, Methods], unseen: list[str]) -> str:
    """What a comparison of attacks on all three data sets needs and the run lacks, in words; empty if nothing."""
    lacking = {method for methods in tested.values() for method in COMPARED if method not in methods}
    found = [f"no experiment on {', '.join(unseen)}"] if unseen else []
    found += [f"no attack {AttackName.parse(method).words}" for method in COMPARED if method in lacking]
    return "; ".join(found)


def _direct_leads(methods: Methods) -> Answer | None:
    rivals = (PATOM_INDIRECT, RANDOM_DIRECT, RANDOM_INDIRECT, "random-hybrid")  # of the paper's own
    others = {method: methods[method] for method in rivals if method in methods}
    if PATOM_DIRECT not in methods or not others:
        return None
    leads = {method: lead(methods[PATOM_DIRECT], rows, "damage") for method, rows in others.items()}
    # What cannot be measured could be the closest.
    closest = min(leads, key=lambda method: float(np.nan_to_num(number(leads[method].mean), nan=-np.inf)))
    return f"ahead of {AttackName.parse(closest).words} by {within(leads[closest], points)}", above(leads[closest], 0.0)


def _about_half(methods: Methods) -> Answer | None:
    rows = [row for row in methods.get(PATOM_DIRECT, []) if row["budget"] == 0.3]
    if not rows:
        return None
    found = over_seeds(rows, "damage")
    inside = both(above(found, 0.4), below(found, 0.6))
    outside = below(found, 0.4) or above(found, 0.6)
    return within(found, percent), inside or (False if outside else None)


def _beats_random(methods: Methods) -> Answer | None:
    pairs = [(PATOM_DIRECT, RANDOM_DIRECT, "direct"), (PATOM_INDIRECT, RANDOM_INDIRECT, "indirect")]
    if any(one not in methods or other not in methods for one, other, _ in pairs):
        return None
    leads = {kind: lead(methods[one], methods[other], "damage") for one, other, kind in pairs}
    value = "; ".join(f"{kind} ahead by {within(found, points)}" for kind, found in leads.items())
    return value, both(*(above(found, 0.0) for found in leads.values()))


def _depends_on_pair(methods: Methods) -> Answer | None:
    if PATOM_INDIRECT not in methods or RANDOM_DIRECT not in methods:
        return None
    indirect, direct = (grouped(methods[name], "pair") for name in (PATOM_INDIRECT, RANDOM_DIRECT))
    leads = {pair: lead(indirect[pair], direct[pair], "damage") for pair in indirect if pair in direct}
    if len(leads) < 2:
        return None
    value = "indirect ahead by " + ", ".join(f"{pair} {within(found, points)}" for pair, found in leads.items())
    more, less = ([test(found, 0.0) for found in leads.values()] for test in (above, below))
    if True in more and True in less:
        return value, True
    return value, None if None in more else False


def _next_to_nothing(methods: Methods) -> Answer | None:
    if PATOM_INDIRECT not in methods:
        return None
    found = over_seeds(_largest(methods[PATOM_INDIRECT]), "damage")
    return within(found, percent), both(above(found, -0.02), below(found, 0.02))


def _recovers(methods: Methods) -> Answer | None:
    rows = methods.get(PATOM_DIRECT, [])
    small = [row for row in rows if row["budget"] == 0.1]
    if not small or _largest(rows)[0]["budget"] <= 0.1:
        return None
    found = lead(_largest(rows), small, "metric_attacked", same=("pair", "start"))
    return f"change of the AUC {within(found, lambda value: f'{value:+.3f}')}", above(found, 0.0)


def _largest(rows: list[Row]) -> list[Row]:
    most = max(row["budget"] for row in rows)
    return [row for row in rows if row["budget"] == most]


def _data(methods: Methods) -> str:
    return str(next(iter(methods.values()))[0]["data"])


def _panel(pair: str, rows: list[Row]) -> Pair:
    # A direct attack's attackers are its targets, which names no pair.
    through_others = [row for kind in ("indirect", "hybrid") for row in rows if row["kind"] == kind] or rows
    return Pair(
        pair=pair,
        targets=rows[0]["targets"],
        attackers=through_others[0]["attackers"],
        clean=over_seeds(rows, "metric_clean"),
        lines=[_line(method, part) for method, part in grouped(rows, "method").items()],
    )


def _line(method: str, rows: list[Row]) -> BudgetLine:
    name, at = AttackName.parse(method), by_budget(rows)
    return BudgetLine(
        attack=name,
        label=name.words,
        budgets=list(at),
        metric=[over_seeds(part, "metric_attacked") for part in at.values()],
        damage=[over_seeds(part, "damage") for part in at.values()],
    )
