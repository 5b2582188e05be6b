"""Fig. 1: the test metric of the targets, and the attacker's utility, over PATOM's iterations from several starts."""

from collections.abc import Callable
from functools import partial

import numpy as np

from patom.core.arrays import FloatArray
from patom.paper.findings.claim import Answer, evidence, judged
from patom.paper.findings.rows import (
    Row,
    above,
    below,
    both,
    cells,
    experiments,
    grouped,
    number,
    over_seeds,
    rise,
    settings,
    within,
)
from patom.plain_json import finite
from patom.results.grid import Claim, Convergence, Converging
from patom.results.methods import Reach
from patom.results.parts import Interval
from patom.wording import percent

STILL = 0.1
"""A run has converged once it stays within this part of its range from its last value."""
_FEW = 8  # tasks that are named
PROMISED = 10
"""Iterations within which the paper says that PATOM converges; only runs of twice as many can tell."""


def convergence(rows: list[Row]) -> list[Convergence]:
    """The targets' test metric and the rise of their training loss by iteration, for each experiment and kind.

    Tables of versions before 0.3 lack the metric.
    """
    return [
        Convergence(
            title=name,
            settings=", ".join(filter(None, [settings(group), f"budget {_budgets(group)}", _sets(group)])),
            quantity="training loss of the target tasks, over clean",
            panels=[*_panels(group, _metric), *_panels(group, rise)],
        )
        for name, group in _runs(rows).items()
    ]


def claims(rows: list[Row]) -> list[Claim]:
    """What Fig. 1 is said to show."""
    tested = {
        f"{name}, {kind}": runs for name, group in _runs(rows).items() for kind, runs in grouped(group, "kind").items()
    }
    several = {setting: runs for setting, runs in tested.items() if any(row["start"] for row in runs)}
    return [
        judged(
            "PATOM converges in under 10 iterations",
            "under 10 iterations",
            f"The last iteration at which the targets' test metric is more than {percent(STILL)} of its range away "
            "from its final value, plus one; the whole interval of the mean must lie below 10, in runs of twice as "
            "many iterations. The attacker's utility, by the same rule, stands beside it.",
            evidence(tested, _speed),
        ),
        judged(
            "Different starts end in similar optima",
            "similar optima",
            "Standard deviation of the starts' final utilities, which an attack optimises, over the mean rise of the "
            "utility over clean; the whole interval must lie below 10 %, and the rise above 0. The same of the test "
            "metric stands beside it.",
            evidence(several, _spread),
        ),
    ]


def iterations_to_converge(course: FloatArray) -> float:
    """First iteration from which a run stays near its last value; NaN for a run with a value that is not finite.

    >>> iterations_to_converge(np.array([0.0, 8.0, 9.9, 10.0, 10.0])), iterations_to_converge(np.array([0.0, 1.0, 0.0]))
    (2, 2)
    """
    if not np.isfinite(course).all():
        return float("nan")
    far = np.abs(course - course[-1]) > STILL * np.ptp(course)
    return int(np.flatnonzero(far)[-1]) + 1 if far.any() else 0


def _runs(rows: list[Row]) -> dict[str, list[Row]]:
    """PATOM's rows, which have iterations, by experiment."""
    return experiments((row for row in rows if row["attack"] == "patom"), "convergence")


def _budgets(rows: list[Row]) -> str:
    return ", ".join(f"{budget:g}" for budget in grouped(rows, "budget"))


def _sets(rows: list[Row]) -> str:
    """The targets, and who attacks indirectly and in a hybrid attack, where there is one pair of few tasks."""
    if len(grouped(rows, "pair")) > 1 or len(rows[0]["targets"]) > _FEW:
        return ""
    ways = {row["kind"]: ", ".join(row["attackers"]) for row in rows if row["kind"] != Reach.DIRECT}
    return "; ".join(
        [f"targets {', '.join(rows[0]['targets'])}", *(f"{kind} through {who}" for kind, who in ways.items())]
    )


Course = Callable[[Row], FloatArray]
"""A run's values by iteration, 0 being the random start."""


def _metric(row: Row) -> FloatArray:
    return np.array(row["metric_by_iteration"], dtype=np.float64)  # a null becomes NaN


def _utility(row: Row) -> FloatArray:
    return np.array(row["utility"], dtype=np.float64)


def _panels(rows: list[Row], course: Course) -> list[Converging]:
    if course is _metric and any(row["metric_by_iteration"] is None for row in rows):
        return []
    return [_panel(kind, runs, course) for kind, runs in grouped(rows, "kind").items()]


def _panel(kind: str, runs: list[Row], course: Course) -> Converging:
    curves = [course(row) for row in runs]
    points = [over_seeds(runs, partial(_at, course, k)) for k in range(max(map(len, curves)))]
    return Converging(
        kind=Reach(kind),
        label=kind,
        metric=runs[0]["metric"] if course is _metric else None,
        clean=over_seeds(runs, "metric_clean").mean if course is _metric else None,
        iterations=list(range(len(points))),
        mean=[point.mean for point in points],
        low=[point.low for point in points],
        high=[point.high for point in points],
        runs=[finite(curve.tolist()) for curve in curves],
    )


def _at(course: Course, iteration: int, row: Row) -> float:
    """A run that ended early, nothing being left to move, stays where it is."""
    curve = course(row)
    return float(curve[min(iteration, len(curve) - 1)])


def _speed(runs: list[Row]) -> Answer:
    by_utility = over_seeds(runs, lambda row: iterations_to_converge(_utility(row)))
    if any(row["metric_by_iteration"] is None for row in runs):
        return f"utility {within(by_utility, _one_digit)}; the metric was not recorded", None
    found = over_seeds(runs, lambda row: iterations_to_converge(_metric(row)))
    value = f"{runs[0]['metric']} {within(found, _one_digit)}, utility {within(by_utility, _one_digit)}"
    long_enough = all(row["max_iter"] >= 2 * PROMISED for row in runs)
    return value, below(found, float(PROMISED)) if long_enough else None


def _one_digit(value: float) -> str:
    return f"{value:.1f}"


def _spread(runs: list[Row]) -> Answer:
    risen = over_seeds(runs, _last_rise)
    found, of_metric = (_over_starts(runs, of) for of in (_last_rise, _last_change))
    beside = "" if of_metric.mean is None else f"; {runs[0]['metric']} {within(of_metric, percent)} of its change"
    value = f"utility {within(found, percent)} of a rise of {within(risen, percent)}{beside}"
    return value, both(below(found, 0.1), above(risen, 0.0))


def _over_starts(runs: list[Row], final: Callable[[Row], float]) -> Interval:
    """Standard deviation of a final value over runs that differ in their start, over its mean; interval over seeds."""
    spreads = []
    for same in cells(runs, ("pair", "budget")).values():
        values = np.array([final(row) for row in same])
        known = values.size > 1 and values.mean() != 0.0
        spread = float(values.std(ddof=1) / abs(values.mean())) if known else float("nan")
        spreads.append({"seed": same[0]["seed"], "spread": spread})
    return over_seeds(spreads, "spread")


def _last_change(row: Row) -> float:
    """Of the test metric, from the clean model to the end."""
    return number(row["metric_attacked"]) - number(row["metric_clean"])


def _last_rise(row: Row) -> float:
    return float(rise(row)[-1])
