"""The gap that a solve aims at: relative below an objective of 1, and judged by what rounding does to it."""

from types import SimpleNamespace

import numpy as np
import pytest

from patom.core.solvers.goal import Goal, Rounding
from patom.core.solvers.solution import Status

EXACT = Rounding(0.0, 0.0, 0.0, 1.0)


def at(objective, gap):
    return SimpleNamespace(objective=objective, gap=gap)


@pytest.mark.parametrize(("objective", "gap"), [(0.01, 1e-8), (1.0, 1e-6), (50.0, 1e-6)])
def test_the_gap_is_relative_to_an_objective_below_one(objective, gap):
    goal = Goal(1e-6, lambda _: EXACT)
    assert goal.gap(at(objective, 0.0)) == pytest.approx(gap)
    assert goal.reached(at(objective, 0.999 * gap))
    assert not goal.reached(at(objective, 1.001 * gap))
    assert goal.well_within(at(objective, 0.999e-4 * gap))
    assert not goal.well_within(at(objective, 1.001e-4 * gap))
    assert goal.folds(at(objective, np.e**3 * gap)) == pytest.approx(3.0)
    assert goal.folds(at(objective, 0.5 * gap)) == 0.0
    assert Goal(1e-6, lambda _: EXACT, ceiling=np.inf).gap(at(objective, 0.0)) == pytest.approx(1e-6 * objective)


def test_status_and_reported_gap_are_those_of_the_rounding_at_the_point():
    goal = Goal(1e-6, lambda point: Rounding(0.0, point.error, 0.0, 1.0))
    point = at(1.0, 1e-7)
    point.error = 1e-7
    assert goal.status(point, exhausted=True) is Status.CONVERGED
    assert goal.reported(point) == 1e-7
    point.error = 2e-6  # as large a gap may be hidden
    assert goal.reported(point) == 2e-6
    assert goal.status(point, exhausted=True) is Status.PRECISION
    point.error = 1.0
    assert goal.status(point, exhausted=True) is Status.ROUNDING
    assert goal.status(point, exhausted=True, rounding=EXACT) is Status.CONVERGED
    far = at(1.0, 1e-3)
    assert goal.status(far, exhausted=True, rounding=EXACT) is Status.MAX_ITER
    assert goal.status(far, exhausted=False, rounding=EXACT) is Status.ROUNDING
