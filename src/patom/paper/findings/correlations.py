"""Fig. 3: task correlations, clean and under hybrid attacks, with Omega's spectrum."""

from operator import itemgetter

import numpy as np

from patom.core.arrays import FloatArray
from patom.metrics import CorrelationShift, correlation_shift
from patom.paper.findings.claim import Answer, evidence, judged
from patom.paper.findings.rows import (
    Row,
    above,
    below,
    both,
    experiments,
    grouped,
    over_seeds,
    settings,
    within,
)
from patom.plain_json import finite
from patom.results.grid import Claim, Correlations, Map, Moved
from patom.results.methods import AttackName
from patom.results.parts import Interval
from patom.wording import percent, two_digits

_ONE = 0.99
"""A mean correlation above it counts as 1."""


def correlations(rows: list[Row]) -> list[Correlations]:
    """Maps of the first seed, and what they show over all seeds."""
    return [_entry(name, group) for name, group in experiments(rows, "correlations").items()]


def claims(rows: list[Row]) -> list[Claim]:
    """What Fig. 3 is said to show."""
    tested = experiments((row for row in rows if row["attack"] == "patom"), "correlations")
    return [
        judged(
            "Attacks subvert the task correlations",
            "signs flip",
            "Share of the pairs of tasks whose correlation changes sign (and exceeds 0.1 in size on both sides), mean "
            "over attacks; the whole interval must lie above 10 %.",
            evidence(tested, _subverted),
        ),
        judged(
            "Attacking tasks end up strongly correlated, and more than before",
            "strongly correlated",
            "Mean size of the correlations among attacking tasks under attack; the whole interval must lie above 0.8, "
            "and that of its rise over clean above 0. Cannot be said where they are 1 before and after.",
            evidence(tested, _bound_together),
        ),
        judged(
            "Attacking tasks end up positively correlated, in contrast with the other tasks",
            "usually highly positive",
            "Mean correlation, with its sign, among attacking tasks under attack; the whole interval must lie above "
            "0.8, and that of its difference to the mean correlation of all other pairs of tasks above 0. Cannot be "
            "said where all are 1.",
            evidence(tested, _positive_in_contrast),
        ),
        judged(
            "SARCOS: tasks 2 and 3 go from opposite to alike",
            "-0.99 clean, +0.99 under the first attack",
            "Correlation of tasks 2 and 3: the whole interval must lie below -0.9 on clean data and above 0.9 under "
            "one of the attacks.",
            evidence({name: rows for name, rows in tested.items() if rows[0]["data"] == "sarcos"}, _two_and_three),
        ),
    ]


def flipped(row: Row) -> float:
    """Share of the pairs of tasks whose correlation changed sign."""
    shift = _shift(row)
    return shift.sign_flips / shift.n_pairs if shift.n_pairs else float("nan")


def among_attackers(row: Row, which: str) -> float:
    """Mean size of the correlations among the attacking tasks."""
    return _mean(np.abs(_of_pairs(row, which, attackers=True)))


def contrast(row: Row) -> float:
    """Mean correlation under attack, with its sign, among the attacking tasks minus that of all other pairs."""
    own, others = (_mean(_of_pairs(row, "correlation", attackers=attackers)) for attackers in (True, False))
    return own - others


def _of_pairs(row: Row, which: str, *, attackers: bool) -> FloatArray:
    """The correlations of the pairs of attacking tasks, or those of all other pairs."""
    inside, matrix = np.isin(row["tasks"], row["attackers"]), _matrix(row, which)
    upper = np.triu_indices(inside.size, k=1)
    chosen: FloatArray = matrix[upper][np.outer(inside, inside)[upper] == attackers]
    return chosen


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _subverted(rows: list[Row]) -> Answer:
    found = over_seeds(rows, flipped)
    return f"{within(found, percent)} of the pairs change sign; {_rank(rows)}", above(found, 0.1)


def _bound_together(rows: list[Row]) -> Answer:
    after = over_seeds(rows, lambda row: among_attackers(row, "correlation"))
    gain = over_seeds(rows, lambda row: among_attackers(row, "correlation") - among_attackers(row, "correlation_clean"))
    value = f"{within(after, two_digits)}, a rise of {within(gain, two_digits)} over clean; {_rank(rows)}"
    clean = over_seeds(rows, lambda row: among_attackers(row, "correlation_clean"))
    return value, None if _all_one(clean, after) else both(above(after, 0.8), above(gain, 0.0))


def _positive_in_contrast(rows: list[Row]) -> Answer:
    own = over_seeds(rows, lambda row: _mean(_of_pairs(row, "correlation", attackers=True)))
    ahead = over_seeds(rows, contrast)
    others = over_seeds(rows, lambda row: _mean(_of_pairs(row, "correlation", attackers=False)))
    value = f"{within(own, two_digits)}, {within(ahead, two_digits)} above the other pairs"
    return value, None if _all_one(own, others) else both(above(own, 0.8), above(ahead, 0.0))


def _all_one(*found: Interval) -> bool:
    """Whether mean correlations are all next to 1, as with an Omega of rank one and one sign: none can be higher."""
    return all(each.mean is not None and each.mean > _ONE for each in found)


def _two_and_three(rows: list[Row]) -> Answer | None:
    if not {"2", "3"} <= set(rows[0]["tasks"]):
        return None
    clean = over_seeds(rows, lambda row: _between_two_and_three(row, "correlation_clean"))
    attacked = {
        pair: over_seeds(part, lambda row: _between_two_and_three(row, "correlation"))
        for pair, part in grouped(rows, "pair").items()
    }
    value = f"clean {within(clean, two_digits)}; " + ", ".join(
        f"case {pair} {within(attacked[pair], two_digits)}, above 0.9 in {_alike(part)} of {len(part)} runs"
        for pair, part in grouped(rows, "pair").items()
    )
    turned = [above(found, 0.9) for found in attacked.values()]
    return value, both(below(clean, -0.9), None if None in turned else any(turned))


def _alike(rows: list[Row]) -> int:
    """In how many runs tasks 2 and 3 end up alike: one map, as the paper shows it, may be such a run."""
    return sum(_between_two_and_three(row, "correlation") > 0.9 for row in rows)


def _between_two_and_three(row: Row, which: str) -> float:
    return float(_matrix(row, which)[row["tasks"].index("2"), row["tasks"].index("3")])


def _rank(rows: list[Row]) -> str:
    clean, attacked = (np.mean([len(row[name]) for row in rows]) for name in ("spectrum_clean", "spectrum"))
    return f"mean rank of Omega {clean:.1f} clean, {attacked:.1f} attacked"


def _entry(name: str, rows: list[Row]) -> Correlations:
    first = max(grouped(rows, "seed").values(), key=len)  # the first one in which no case failed
    matrix, spectrum = finite(_matrix(first[0], "correlation_clean").tolist()), _spectrum(first[0], "spectrum_clean")
    clean = Map(label="clean", targets=[], attackers=[], budget=0.0, correlation=matrix, spectrum=spectrum)
    several = len({row["method"] for row in rows}) > 1
    case = itemgetter("pair", "method", "budget", "start")
    over_all = grouped(rows, case)
    return Correlations(
        title=name,
        settings=settings(rows),
        tasks=first[0]["tasks"],
        seed=first[0]["seed"],
        maps=[clean, *(_case(row, over_all[case(row)], several) for row in first)],
    )


def _case(row: Row, rows: list[Row], several: bool) -> Moved:
    """The map of a row, and what that case shows over the rows of all seeds."""
    return Moved(
        label=f"case {row['pair']}" + (f", {AttackName.parse(row['method']).words}" if several else ""),
        targets=row["targets"],
        attackers=row["attackers"],
        budget=row["budget"],
        correlation=finite(_matrix(row, "correlation").tolist()),
        spectrum=_spectrum(row, "spectrum"),
        flipped=over_seeds(rows, flipped),
        shift=over_seeds(rows, lambda row: _shift(row).mean_absolute_change),
        among_attackers=over_seeds(rows, lambda row: among_attackers(row, "correlation")),
        among_attackers_clean=over_seeds(rows, lambda row: among_attackers(row, "correlation_clean")),
    )


def _shift(row: Row) -> CorrelationShift:
    return correlation_shift(_matrix(row, "correlation_clean"), _matrix(row, "correlation"))


def _spectrum(row: Row, name: str) -> list[float | None]:
    """All m eigenvalues; the table holds those that are not 0."""
    return [*row[name], *[0.0] * (len(row["tasks"]) - len(row[name]))]


def _matrix(row: Row, name: str) -> FloatArray:
    m = len(row["tasks"])
    return np.array(row[name], dtype=np.float64).reshape(m, m)
