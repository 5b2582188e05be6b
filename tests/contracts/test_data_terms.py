"""Both forms of the data term, for every loss they take: value as written, gradient, Hessian, smoothness."""

import numpy as np
import pytest

from patom.core import losses
from patom.core.data_term import MomentTerm, RowTerm, data_term, mean_loss_by_task
from patom.core.rows import group_rows

LOSSES = [losses.squared_error, losses.unclipped_hinge, losses.squared_hinge, losses.logistic, losses.huber(0.7)]
COUNTS = np.array([9, 1, 4, 30])


def rows_for(loss, counts=COUNTS, d=3, seed=0):
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(counts.size), counts)
    y = rng.standard_normal(index.size)
    return group_rows(rng.standard_normal((index.size, d)), np.sign(y) if loss.margin else y, index, counts.size)


def term_of(form, loss):
    """The term in the form asked for; ``data_term`` would choose by size."""
    rows = rows_for(loss)
    return data_term(rows, loss) if form == "moments" else RowTerm(rows, loss)


CASES = [("rows", loss) for loss in LOSSES] + [("moments", loss) for loss in LOSSES if loss.quadratic]
every_term = pytest.mark.parametrize(("form", "loss"), CASES, ids=[f"{loss.name} by {form}" for form, loss in CASES])


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@every_term
def test_form(form, loss):
    assert isinstance(term_of(form, loss), MomentTerm if form == "moments" else RowTerm)
    assert term_of(form, loss).shape == (4, 4)


@every_term
def test_value_is_the_sum_of_task_means(form, loss, rng):
    rows, W = rows_for(loss), rng.standard_normal((4, 4))
    means = [
        np.mean([loss.value(rows.X[j] @ W[i], rows.y[j]) for j in range(rows.offsets[i], rows.offsets[i + 1])])
        for i in range(4)
    ]
    assert term_of(form, loss).value_and_gradient(W)[0] == pytest.approx(sum(means), rel=1e-12)
    np.testing.assert_allclose(mean_loss_by_task(rows, loss, W), means, rtol=1e-12)


@every_term
def test_gradient_by_finite_differences(form, loss, rng):
    term, h = term_of(form, loss), 1e-6
    W, V = rng.standard_normal((2, 4, 4))
    rise = term.value_and_gradient(W + h * V)[0] - term.value_and_gradient(W - h * V)[0]
    assert np.vdot(term.value_and_gradient(W)[1], V) == pytest.approx(rise / (2 * h), rel=1e-7)


@every_term
def test_hessian_by_finite_differences(form, loss, rng):
    term, h = term_of(form, loss), 1e-6  # no row crosses a kink within h of this W
    W, V = rng.standard_normal((2, 4, 4))
    rise = term.value_and_gradient(W + h * V)[1] - term.value_and_gradient(W - h * V)[1]
    np.testing.assert_allclose(term.hessian(W)(V), rise / (2 * h), atol=1e-7)


@every_term
def test_smoothness_is_the_largest_curvature_within_five_percent(form, loss):
    rows = rows_for(loss)
    blocks = [rows.X[a:b].T @ rows.X[a:b] / (b - a) for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)]
    largest = loss.curvature_bound * max(np.linalg.eigvalsh(block)[-1] for block in blocks)
    assert largest <= term_of(form, loss).smoothness <= 1.051 * largest


@pytest.mark.parametrize("loss", [losses.squared_error, losses.unclipped_hinge], ids=lambda loss: loss.name)
def test_moments_and_rows_agree(loss, rng):
    moments, rows = term_of("moments", loss), term_of("rows", loss)
    W, V = rng.standard_normal((2, 4, 4))
    for ours, theirs in zip(moments.value_and_gradient(W), rows.value_and_gradient(W), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moments.hessian(W)(V), rows.hessian(W)(V), rtol=1e-12, atol=1e-12)


def test_the_cheaper_form_is_chosen():
    few, many = np.full(3, 2), np.full(3, 50)
    assert isinstance(data_term(rows_for(losses.squared_error, few, d=20), losses.squared_error), RowTerm)
    assert isinstance(data_term(rows_for(losses.squared_error, many, d=20), losses.squared_error), MomentTerm)
    assert isinstance(data_term(rows_for(losses.squared_hinge, many, d=20), losses.squared_hinge), RowTerm)
