"""Fig. 1: the attacker's utility over PATOM's iterations, from several starts."""

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
    over_seeds,
    rise,
    settings,
    within,
)
from patom.plain_json import finite
from patom.results.grid import Claim, Convergence, Converging
from patom.results.methods import Reach
from patom.wording import percent

STILL = 0.1
"""A run has converged once its utility stays within this part of the run's range from its last value."""
PROMISED = 10
"""Iterations within which the paper says that PATOM converges; only runs of twice as many can tell."""


def convergence(rows: list[Row]) -> list[Convergence]:
    """Rise of the target tasks' training loss by iteration, for each experiment and kind of attack."""
    return [
        Convergence(
            title=name,
            settings=f"{settings(group)}, budget {_budgets(group)}",
            quantity="training loss of the target tasks, over clean",
            panels=[_panel(kind, runs) for kind, runs in grouped(group, "kind").items()],
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
            f"The last iteration at which the utility is more than {percent(STILL)} of its range away from its final "
            "value, plus one; the whole interval of the mean must lie below 10, in runs of twice as many iterations.",
            evidence(tested, _speed),
        ),
        judged(
            "Different starts end in similar optima",
            "similar optima",
            "Standard deviation of the starts' final utilities over the mean rise of the utility over clean; the whole "
            "interval must lie below 10 %, and the rise above 0.",
            evidence(several, _spread),
        ),
    ]


def iterations_to_converge(utility: FloatArray) -> float:
    """First iteration from which a run stays near its last value; NaN for a run with a utility that is not finite.

    >>> iterations_to_converge(np.array([0.0, 8.0, 9.9, 10.0, 10.0])), iterations_to_converge(np.array([0.0, 1.0, 0.0]))
    (2, 2)
    """
    if not np.isfinite(utility).all():
        return float("nan")
    far = np.abs(utility - utility[-1]) > STILL * np.ptp(utility)
    return int(np.flatnonzero(far)[-1]) + 1 if far.any() else 0


def _runs(rows: list[Row]) -> dict[str, list[Row]]:
    """PATOM's rows, which have iterations, by experiment."""
    return experiments((row for row in rows if row["attack"] == "patom"), "convergence")


def _budgets(rows: list[Row]) -> str:
    return ", ".join(f"{budget:g}" for budget in grouped(rows, "budget"))


def _panel(kind: str, runs: list[Row]) -> Converging:
    curves = [rise(row) for row in runs]
    points = [over_seeds(runs, partial(_rise_at, k)) for k in range(max(map(len, curves)))]
    return Converging(
        kind=Reach(kind),
        label=kind,
        iterations=list(range(len(points))),
        mean=[point.mean for point in points],
        low=[point.low for point in points],
        high=[point.high for point in points],
        runs=[finite(curve.tolist()) for curve in curves],
    )


def _rise_at(iteration: int, row: Row) -> float:
    """A run that ended early, nothing being left to move, stays where it is."""
    curve = rise(row)
    return float(curve[min(iteration, len(curve) - 1)])


def _speed(runs: list[Row]) -> Answer:
    found = over_seeds(runs, lambda row: iterations_to_converge(np.array(row["utility"], dtype=np.float64)))
    long_enough = all(row["max_iter"] >= 2 * PROMISED for row in runs)
    return within(found, lambda value: f"{value:.1f}"), below(found, float(PROMISED)) if long_enough else None


def _spread(runs: list[Row]) -> Answer:
    risen = over_seeds(runs, _last_rise)
    starts = cells(runs, ("pair", "budget")).values()
    found = over_seeds([{"seed": same[0]["seed"], "spread": _spread_of(same)} for same in starts], "spread")
    value = f"spread {within(found, percent)} of a rise of {within(risen, percent)}"
    return value, both(below(found, 0.1), above(risen, 0.0))


def _spread_of(starts: list[Row]) -> float:
    """Standard deviation of the final utilities of runs that differ in their start, over their mean rise."""
    final = np.array([_last_rise(row) for row in starts])
    return float(final.std(ddof=1) / abs(final.mean())) if final.size > 1 and final.mean() else float("nan")


def _last_rise(row: Row) -> float:
    return float(rise(row)[-1])
