"""What the solver makes of an oracle's answers: ways that lead nowhere, polishing."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import consult, solve
from patom.core.solvers.oracle import Oracle
from patom.core.solvers.solution import Status


def term_of(loss):
    rng = np.random.default_rng(0)
    index, X = np.repeat(np.arange(4), 8), rng.standard_normal((32, 3))
    y = (X * rng.standard_normal((4, 3))[index]).sum(axis=1) + 0.5 * rng.standard_normal(32)
    return data_term(group_rows(X, np.sign(y) if loss.margin else y, index, 4), loss)


class Misled(Oracle):
    """Knows a way to somewhere else."""

    def approach(self, limit):
        return np.full(self.term.shape, 1e3), min(limit, 7)


def test_a_way_that_leads_nowhere_is_left():
    term, penalty = term_of(losses.squared_hinge), SpectralPenalty(1e-4, 1e-4)
    found = consult(Misled(term, penalty), tol=1e-8, max_iter=10_000)
    assert found.status is Status.CONVERGED
    assert found.n_iter > 7
    assert found.objective == pytest.approx(solve(term, penalty).objective, rel=1e-8)
    assert consult(Misled(term, penalty), tol=1e-8, max_iter=5).n_iter == 5


@pytest.mark.parametrize("tol", [1e-2, 1e-3, 1e-6, 1e-9])
def test_polish_none_takes_a_step_where_the_gap_is_barely_reached(tol):
    term, penalty = term_of(losses.logistic), SpectralPenalty(1e-2, 1e-2)
    rough, mended = (solve(term, penalty, tol=tol, polish=polish) for polish in (0, None))
    barely = rough.duality_gap > 1e-4 * tol * min(1.0, rough.objective)
    assert barely == (rough.W.tobytes() != mended.W.tobytes())
    assert mended.duality_gap <= rough.duality_gap
