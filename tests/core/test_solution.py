"""The relative gap is what a solver's tolerance bounds."""

import numpy as np
import pytest

from patom import MTRLRegressor
from patom.core.solution import Solution, Status


@pytest.mark.parametrize(
    ("objective", "gap", "expected"),
    [(0.5, 1e-9, 2e-9), (1.0, 1e-9, 1e-9), (1e6, 1e-9, 1e-9), (1e-12, 1e-20, 1e-8), (0.0, 1e-9, 1e-9), (0.0, 0.0, 0.0)],
)
def test_the_gap_is_relative_below_one_and_absolute_above(objective, gap, expected):
    solution = Solution(np.zeros((1, 1)), objective, gap, 1, Status.CONVERGED)
    assert solution.relative_gap == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("tol", [1e-3, 1e-8])
def test_a_solve_that_converged_is_within_its_tolerance(scale, tol):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), scale * rng.standard_normal(40)
    problem = MTRLRegressor(0.01, 0.01, tol=tol).problem(X, y, task=np.repeat([0, 1], 20))
    solution = problem.solve(polish=False)
    assert solution.status is Status.CONVERGED
    assert solution.relative_gap <= tol
    loose = problem.solve(polish=False, tol=1e-2)
    assert loose.relative_gap <= 1e-2
    assert tol == 1e-3 or loose.relative_gap > tol
