"""What a fit says of itself is so: its gap and its status against a certificate in extended precision."""

import numpy as np
import pytest
from drawn_problems import Drawn, certificate
from sklearn.exceptions import ConvergenceWarning

from patom import MTRLClassifier, MTRLRegressor
from patom.core.solvers.choose import Layout
from patom.core.solvers.solution import Status

EXTENDED = np.finfo(np.longdouble).maxexp >= 16384
pytestmark = [
    pytest.mark.skipif(not EXTENDED, reason="judging takes an extended precision"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def columns_of(sizes, loss, seed=0, m=3, rows_each=15):
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(m), rows_each)
    X = rng.standard_normal((task.size, len(sizes)))
    y = X @ rng.standard_normal(len(sizes)) + 0.5 * rng.standard_normal(task.size)
    margin = loss in MTRLClassifier.LOSSES
    return X * sizes, np.where(y > 0.0, 1.0, -1.0) if margin else y, task


def fitted(X, y, task, loss, **settings):
    """A model, its goal and the certificate of its weights."""
    kind = MTRLClassifier if loss in MTRLClassifier.LOSSES else MTRLRegressor
    model = kind(loss=loss, **settings).fit(X, y, task=task)
    drawn = Drawn(0, X, y, task, loss, {"row_dtype": "float64"} | model.get_params(), "copied")
    return model, model.tol * min(1.0, model.objective_), certificate(drawn, model)


@pytest.mark.in_turn
@pytest.mark.parametrize("size", [1e9, 1e15, 1e22, 1e28])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic"])
@pytest.mark.parametrize("solver", ["accelerated", "alternating"])
def test_no_fit_converges_by_luck(size, loss, solver):
    """Entries of a gradient that are wrong by thousands of themselves were 0 now and then, and the gap with them."""
    for seed in range(6):
        data = columns_of([1.0, size, 1.0], loss, seed, m=1)
        model, goal, found = fitted(*data, loss, solver=solver, max_iter=100)
        assert (model.status_ is Status.CONVERGED) == (model.duality_gap_ <= goal)
        assert found["gap"] <= (goal if model.status_ is Status.CONVERGED else 10.0 * model.duality_gap_) + 1e-12


@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"])
@pytest.mark.parametrize("lambdas", [(1e-12, 1e8), (1e-9, 1e9), (1e-10, 1e10)])
def test_a_small_lambda_beside_a_large_one_is_no_gap_of_nothing(loss, lambdas):
    """R* was 0 by rounding, so that W = 0 had a gap of 0."""
    model, goal, found = fitted(*columns_of([30.0, 30.0], loss), loss, lambda_1=lambdas[0], lambda_2=lambdas[1])
    assert model.status_ is Status.CONVERGED
    assert found["gap"] <= goal + 1e-14 * found["objective"]


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize("given", [False, True], ids=["learned", "given"])
def test_far_from_the_optimum_is_not_as_far_as_float64_allows(loss, given):
    """A large column among small ones once excused any gap."""
    data = columns_of(10.0 ** np.array([6.0, 0.0, 0.0, 5.0, 1.0, 3.0]), loss, m=5, rows_each=40)
    omega = np.eye(5) / 5 if given else None
    for strength in (1e-2, 1e-4):
        model, _, found = fitted(
            *data, loss, lambda_1=strength, lambda_2=strength, task_covariance=omega, max_iter=3000
        )
        if model.status_ is Status.PRECISION:
            assert found["gap"] <= 1e-4 * found["at zero"]
        else:
            assert model.status_ in (Status.CONVERGED, Status.MAX_ITER)


def test_where_rounding_leaves_no_certificate_a_warning_says_so():
    X, y, task = columns_of([1.0, 1e20, 1.0], "squared_error")
    with pytest.warns(ConvergenceWarning, match="^Stopped by rounding: .* scale the features"):
        model = MTRLRegressor().fit(X, y, task=task)
    assert model.status_ is Status.ROUNDING
    assert np.isfinite(model.duality_gap_)
    assert model.duality_gap_ > model.objective_
    assert model.n_iter_ < model.max_iter


@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"])
@pytest.mark.parametrize("size", [1e5, 1e12, 1e23, 1e39])
@pytest.mark.parametrize("lambdas", [(1e-3, 1e-3), (1e-11, 0.0), (0.0, 1e-6)])
def test_solver_for_many_tasks_survives_any_column(loss, size, lambdas, monkeypatch):
    monkeypatch.setattr("patom.models.problem.layout", lambda *_, **__: Layout.SHARDED)
    data = columns_of([size, 1.0], loss, m=6, rows_each=9)
    model, goal, found = fitted(*data, loss, lambda_1=lambdas[0], lambda_2=lambdas[1], max_iter=200)
    assert np.isfinite(model.coef_).all()
    assert model.objective_ <= 1.001 * found["at zero"]
    assert found["gap"] <= (goal if model.status_ is Status.CONVERGED else 10.0 * model.duality_gap_) + 1e-12


def test_an_alternation_whose_sweeps_do_not_end_ends_itself():
    X, y, task = columns_of(np.ones(9), "huber", m=8, rows_each=30)
    X += 1e4
    model = MTRLRegressor(0.0, 1e-7, loss="huber", huber_delta=1e-4, solver="alternating", max_iter=1000)
    model.fit(X, y, task=task)
    assert model.status_ is Status.MAX_ITER
    assert model.n_iter_ < 1000
