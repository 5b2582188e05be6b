"""Low-rank centres: a descent from the independent fits that ends where neither part can gain."""

import numpy as np
import pytest

from patom.core.data_term import data_term
from patom.core.kernels import row_products
from patom.core.losses import squared_error
from patom.core.penalties.two_parts import TwoPartTerm, halves
from patom.core.rows import group_rows
from patom.defenses.learners.armul import independent_fits, low_rank_centres, one_centre, truncated
from patom.defenses.learners.base import IterationStatus


def objective(rows, loss, strength, W):
    S, V = halves(W)
    z = row_products(rows.X, rows.offsets, S + V)
    return float(rows.weights @ loss.value(z, rows.y) + strength @ np.linalg.norm(V, axis=1))


@pytest.mark.in_pairs
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("size", [0.01, 0.3])
def test_the_objective_never_rises(make_rows, loss, rank, size):
    rows, strength = make_rows(), np.full(4, size)
    found = low_rank_centres(rows, loss, strength, rank)
    assert found.status is IterationStatus.REACHED
    assert found.residual <= 1e-6
    assert (np.diff(found.objectives) <= 0.0).all()
    assert found.objectives[-1] == pytest.approx(objective(rows, loss, strength, found.W), rel=1e-12)
    start = independent_fits(data_term(rows, loss))
    S = truncated(start, rank)
    assert found.objectives[0] == pytest.approx(objective(rows, loss, strength, np.concatenate([S, start - S])))
    assert np.linalg.matrix_rank(halves(found.W)[0], tol=1e-8) <= rank


@pytest.mark.parametrize("rank", [1, 2])
def test_it_ends_where_neither_part_can_gain(make_rows, loss, rank):
    rows, strength = make_rows(), np.full(4, 0.1)
    found = low_rank_centres(rows, loss, strength, rank, tol=1e-9)
    S, V = halves(found.W)
    rng, best = np.random.default_rng(0), objective(rows, loss, strength, found.W)
    for size in (1e-3, 1e-2):
        for _ in range(100):
            near = truncated(S + size * rng.standard_normal(S.shape), rank)
            assert objective(rows, loss, strength, np.concatenate([near, V])) >= best - 1e-9
            moved = np.concatenate([S, V + size * rng.standard_normal(V.shape)])
            assert objective(rows, loss, strength, moved) >= best - 1e-9


def test_of_full_rank_the_fits_are_independent(make_rows, loss):
    rows = make_rows(counts=(40, 50, 60), noise=2.0)
    found = low_rank_centres(rows, loss, np.full(3, 0.1), rank=4, tol=1e-10)
    np.testing.assert_allclose(sum(halves(found.W)), independent_fits(data_term(rows, loss)), atol=1e-4)
    np.testing.assert_allclose(halves(found.W)[1], 0.0, atol=1e-12)


def test_it_is_not_above_the_one_centre(make_rows, loss):
    rows, strength = make_rows(), np.full(4, 0.1)
    one = one_centre(rows, loss, strength)
    assert low_rank_centres(rows, loss, strength, rank=2).objectives[-1] <= one.objective + 1e-9


def test_it_recovers_a_low_rank_and_leaves_the_outlier_out():
    rng = np.random.default_rng(3)
    index = np.repeat(np.arange(8), 60)
    W = np.outer(rng.uniform(0.5, 1.5, 8), [1.0, -2.0, 0.5, 1.0, 0.0])
    W[5] = [3.0, 3.0, -2.0, 0.0, 1.0]
    X = rng.standard_normal((480, 5))
    y = (X * W[index]).sum(axis=1) + 0.05 * rng.standard_normal(480)
    found = low_rank_centres(group_rows(X, y, index, 8), squared_error, np.full(8, 0.3), rank=1)
    S, V = halves(found.W)
    assert np.flatnonzero(np.linalg.norm(V, axis=1) > 0.1).tolist() == [5]
    others = np.arange(8) != 5
    np.testing.assert_allclose((S + V)[others, :-1], W[others], atol=0.1)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_truncation_is_the_nearest_of_that_rank(rank):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((4, 3))
    values = np.linalg.svd(A, compute_uv=False)
    assert np.linalg.norm(A - truncated(A, rank)) ** 2 == pytest.approx((values[rank:] ** 2).sum(), abs=1e-12)


def test_at_max_iter_it_says_so(make_rows, loss):
    found = low_rank_centres(make_rows(), loss, np.full(4, 0.1), rank=1, max_iter=3)
    assert found.status is IterationStatus.MAX_ITER
    assert found.n_iter == 3


def test_centres_that_stay_put_are_the_split_problems_own_part(make_rows, loss):
    rows, strength = make_rows(), np.full(4, 0.1)
    found = low_rank_centres(rows, loss, strength, rank=1, tol=1e-9)
    term = TwoPartTerm(data_term(rows, loss))
    V = halves(found.W)[1]
    gradient = halves(term.value_and_gradient(found.W)[1])[1]
    norms = np.linalg.norm(V, axis=1)
    for i in range(4):  # 0 in the subgradient of f + strength ||v_i||
        if norms[i] > 0.0:
            np.testing.assert_allclose(gradient[i], -strength[i] * V[i] / norms[i], atol=1e-6)
        else:
            assert np.linalg.norm(gradient[i]) <= strength[i] + 1e-9
