"""Defenses side by side: what each costs on clean rows, and what damage it prevents, known to the attacker or not."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from operator import itemgetter

import numpy as np

from patom.intervals import interval, prevented
from patom.metrics import relative_damage
from patom.paper.findings.rows import (
    CONFIDENCE,
    Row,
    cells,
    experiments,
    grouped,
    number,
    over_seeds,
    pairs,
    seed_means,
    within,
)
from patom.results.grid import Defended, DefenseCurves, DefenseLine, DefensePanel, Defenses, Faced, TableRow
from patom.results.methods import Reach
from patom.results.parts import Interval
from patom.wording import as_asked, percent, two_digits

NONE = "no defense"
COLUMNS = (
    "Defense",
    "damage prevented, known",
    "damage prevented, not known",
    "cost on clean rows",
    "{} clean",
    "{} attacked, known",
    "{} attacked, not known",
    "injected rows dropped",
    "clean rows dropped",
    "seconds of the known attack",
)
_SETTINGS = ("data", "data_options", "loss", "lambda_1", "lambda_2", "constant")


def defenses(rows: list[Row]) -> list[Defenses]:
    """For each data set and learner a table and a panel for each kind of attack and budget."""
    data_sets = grouped(chain.from_iterable(experiments(rows, "defenses").values()), itemgetter(*_SETTINGS))
    return [entry for group in data_sets.values() if (entry := _data_set(group)) is not None]


@dataclass(frozen=True)
class Compared:
    """A defense in one setting, seed by seed and pair by pair; losses are NMSE, or 1 less AUC.

    ``naive`` holds the strongest attack of the attacker who does not know the defense, ``rows`` that of the one who
    knows it, who may also use the former; ``base`` is the strongest attack without a defense, in the same cells.
    """

    label: str
    rows: list[Row]
    naive: list[Row]
    base: list[Row]

    @property
    def cost(self) -> Interval:
        """Relative damage to the clean metric that the defense itself does."""
        costs = seed_means(
            pairs(self.rows, self.base),
            lambda row, base: relative_damage(number(base["metric_clean"]), number(row["metric_clean"]), row["metric"]),
        )
        return interval(costs, CONFIDENCE)

    def prevented(self, rows: list[Row]) -> Interval:
        """Share of the undefended damage that the defense prevents, a ratio of means over seeds.

        The defended damage counts from the better of the two clean losses: a defense that happens to improve the
        clean model gets no credit for it.
        """
        if self.label == NONE:
            return interval([], CONFIDENCE)
        paired = pairs(rows, self.base)
        left = seed_means(paired, lambda row, base: loss(row) - min(loss(base, "clean"), loss(row, "clean")))
        whole = seed_means(paired, lambda _, base: loss(base) - loss(base, "clean"))
        return prevented(left, whole, CONFIDENCE)


def loss(row: Row, when: str = "attacked") -> float:
    """The target tasks' test loss, clean or attacked: NMSE, or 1 less AUC."""
    value = number(row[f"metric_{when}"])
    return value if row["metric"] == "NMSE" else 1.0 - value


def _data_set(rows: list[Row]) -> Defenses | None:
    start = _shared([row["experiment"] for row in rows])
    kinds = grouped(rows, itemgetter("kind", "budget"))
    found = {setting: _compared(part) for setting, part in kinds.items()}
    found = {setting: compared for setting, compared in found.items() if compared}
    if not found:
        return None
    metric = rows[0]["metric"]
    return Defenses(
        title=start.rstrip(", ") or rows[0]["experiment"],
        settings=f"lambda {rows[0]['lambda_1']:g} without a defense",
        metric=metric,
        columns=[column.format(metric) for column in COLUMNS],
        groups=[(str(_faced(*setting)), [_line(one) for one in part]) for setting, part in found.items()],
        panels=[
            DefensePanel(title=_faced(*setting), points=[_levels(one) for one in part])
            for setting, part in found.items()
        ],
        curves=[curve for kind in dict.fromkeys(kind for kind, _ in found) if (curve := _curve(kind, found))],
    )


def _curve(kind: str, found: dict[tuple[str, float], list[Compared]]) -> DefenseCurves | None:
    """The metric against budget, under an attacker who knows the defense; None if no defense met several budgets."""
    by_budget = {budget: part for (of, budget), part in sorted(found.items()) if of == kind}
    lines = []
    for label in dict.fromkeys(one.label for part in by_budget.values() for one in part):
        at = {budget: _levels(one) for budget, part in by_budget.items() for one in part if one.label == label}
        if len(at) > 1:
            levels = list(at.values())
            lines.append(
                DefenseLine(
                    attack=label,
                    label=label,
                    budgets=list(at),
                    metric=[each.known for each in levels],
                    clean=levels[0].clean,
                )
            )
    return DefenseCurves(title=Reach(kind), lines=lines) if lines else None


def _compared(rows: list[Row]) -> list[Compared]:
    """The defenses of one kind and budget, no defense first; nothing where that is missing."""
    start = _shared([row["experiment"] for row in rows])
    variants = grouped(rows, lambda row: _defense(row)[0])
    base = _strongest(variants.pop("{}", []))
    if not base:
        return []
    found = [Compared(NONE, base, [], base)]
    for part in variants.values():
        known, naive = ([row for row in part if _defense(row)[1] is so] for so in (True, False))
        if known:
            label = known[0]["experiment"].removeprefix(start).removesuffix(", known")
            found.append(Compared(label, _strongest([*known, *naive]), _strongest(naive), base))
    return found


def _strongest(rows: Iterable[Row]) -> list[Row]:
    """Of the attacks of each cell the one that does the most damage to the test metric; seconds of all."""
    return [
        max(group, key=loss) | {"seconds": sum(number(row.get("seconds")) for row in group)}
        for group in cells(rows).values()
    ]


def _defense(row: Row) -> tuple[str, bool]:
    """The defense, as JSON without whether the attacker knows it, and whether that is so."""
    defense = json.loads(row["defense"])
    known = defense.pop("known", True)
    return json.dumps(defense), known


def _shared(names: Sequence[str]) -> str:
    """The parts between commas that all names begin with.

    >>> _shared(["SARCOS, raw, sphere, known", "SARCOS, raw, slab, known"])
    'SARCOS, raw, '
    """
    parts = zip(*(name.split(", ") for name in names), strict=False)
    return "".join(f"{same[0]}, " for same in takewhile(lambda same: len(set(same)) == 1, parts))


def _faced(kind: str, budget: float) -> Faced:
    return Faced(Reach(kind), as_asked(budget))


def _levels(one: Compared) -> Defended:
    return Defended(
        label=one.label,
        clean=over_seeds(one.rows, "metric_clean"),
        known=over_seeds(one.rows, "metric_attacked"),
        naive=over_seeds(one.naive, "metric_attacked"),
    )


def _line(one: Compared) -> TableRow:
    levels = _levels(one)
    prevented = [_words(one.prevented(rows), percent) for rows in (one.rows, one.naive)]
    cost = "" if one.label == NONE else within(one.cost, percent)
    shares = [_words(over_seeds(one.rows, name), percent) for name in ("caught", "dropped")]
    return TableRow.of(
        one.label, *prevented, cost,
        *(_words(level, two_digits) for level in (levels.clean, levels.known, levels.naive)), *shares,
        f"{np.mean([number(row['seconds']) for row in one.rows]):.1f}",
    )  # fmt: skip


def _words(found: Interval, write: Callable[[float], str]) -> str:
    return "" if found.mean is None else within(found, write)
