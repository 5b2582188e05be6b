"""Weights in two parts: steps, conjugates and derivatives against their definitions."""

import numpy as np
import pytest
from grouped_tasks import grouped_tasks
from scipy.optimize import minimize

from patom.core.data_term import data_term
from patom.core.losses import squared_error, squared_hinge
from patom.core.penalties.penalty import fenchel_gap
from patom.core.penalties.two_parts import Centre, Groups, TwoPartPenalty, TwoPartTerm, halves
from patom.core.solvers.newton import newton_direction

LOSSES, SHAPE = (squared_error, squared_hinge), (4, 3)
ROWS = Groups(np.array([[0.5], [1.0], [0.2], [2.0]]), axis=1, bound=3.0)
COLUMNS = Groups(np.array([[0.5, 1.5, 0.2]]), axis=0, bound=3.0)
PARTS = {"rows": ROWS, "columns": COLUMNS, "centre": Centre(radius=2.0)}


@pytest.fixture(params=PARTS.values(), ids=PARTS.keys())
def part(request):
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def feasible(part, Z):
    return np.tile(Z.mean(axis=0), (len(Z), 1)) if isinstance(part, Centre) else Z


def test_values():
    Z = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert ROWS.value(Z) == pytest.approx(0.5 * 5.0 + 0.2 * 1.0)
    assert COLUMNS.value(Z) == pytest.approx(0.5 * 3.0 + 1.5 * 4.0 + 0.2 * 1.0)
    assert Centre(1.0).value(np.ones(SHAPE)) == 0.0


@pytest.mark.parametrize("L", [0.5, 3.0])
def test_the_step_is_the_minimum(part, rng, L):
    Z = rng.standard_normal(SHAPE)

    def objective(X):
        return 0.5 * L * ((X - Z) ** 2).sum() + part.value(X)

    best = part.prox(Z, L)
    for _ in range(200):
        other = best + 10.0 ** rng.uniform(-4, 0) * feasible(part, rng.standard_normal(SHAPE))
        assert objective(best) <= objective(other) + 1e-12


def test_a_group_that_is_too_weak_is_zero():
    assert not ROWS.prox(np.full(SHAPE, 0.1), 1.0)[1].any()
    assert ROWS.prox(np.full(SHAPE, 10.0), 1.0).all()
    assert not ROWS.prox(np.zeros(SHAPE), 1.0).any()


@pytest.mark.parametrize("size", [0.05, 1.0, 5.0])
def test_the_conjugate_bounds_every_point_that_can_be_optimal(part, rng, size):
    V = size * rng.standard_normal(SHAPE)
    reached = -np.inf
    for _ in range(2000):
        X = feasible(part, rng.standard_normal(SHAPE))
        if isinstance(part, Centre):
            X *= part.radius / np.linalg.norm(X[0])
        else:
            X *= rng.uniform() * part.bound / part.value(X)
        reached = max(reached, float((X * V).sum() - part.value(X)))
    assert reached <= part.conjugate(V) + 1e-12


@pytest.mark.parametrize("name", ["rows", "columns"])
def test_the_conjugate_is_reached_by_one_group(name, rng):
    part, V = PARTS[name], 4.0 * rng.standard_normal(SHAPE)
    norms = np.linalg.norm(V, axis=part.axis, keepdims=True)
    worst = norms / part.strength == (norms / part.strength).max()
    X = np.where(worst, V / norms * part.bound / part.strength, 0.0)
    assert part.value(X) == pytest.approx(part.bound)
    assert (X * V).sum() - part.value(X) == pytest.approx(part.conjugate(V))
    assert part.conjugate(1e-3 * V) == 0.0


@pytest.mark.parametrize("name", ["rows", "columns"])
def test_derivatives_are_finite_differences(name, rng):
    part, Z = PARTS[name], rng.standard_normal(SHAPE)
    Z = np.where(np.arange(SHAPE[0])[:, None] == 1, 0.0, Z) if part.axis == 1 else Z * [1.0, 0.0, 1.0]
    D, step = part.project(Z, rng.standard_normal(SHAPE)), 1e-6
    assert not D[Z == 0.0].any()
    assert (part.value(Z + step * D) - part.value(Z - step * D)) / (2.0 * step) == pytest.approx(
        (part.slope(Z) * D).sum(), rel=1e-7
    )
    bend = (part.slope(Z + step * D) - part.slope(Z - step * D)) / (2.0 * step)
    np.testing.assert_allclose(part.curvature(Z, D), bend, atol=1e-8)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_term_of_both_parts_is_the_term_of_their_sum(loss, rng):
    term = data_term(grouped_tasks(loss), loss)
    both, Z, D = TwoPartTerm(term), rng.standard_normal((8, 4)), rng.standard_normal((8, 4))
    S, V = halves(Z)
    assert both.shape == (8, 4)
    value, gradient = both.value_and_gradient(Z)
    assert value == term.value_and_gradient(S + V)[0]
    step = 1e-6
    slope = (both.value_and_gradient(Z + step * D)[0] - both.value_and_gradient(Z - step * D)[0]) / (2.0 * step)
    assert slope == pytest.approx((gradient * D).sum(), rel=1e-6)
    bend = both.value_and_gradient(Z + step * D)[1] - both.value_and_gradient(Z - step * D)[1]
    np.testing.assert_allclose(both.hessian(Z)(D), bend / (2.0 * step), atol=1e-6)
    eigenvalue = max(np.linalg.norm(both.hessian(Z)(np.tile(v, (8, 1)))) for v in np.eye(4))
    assert eigenvalue <= both.smoothness * np.sqrt(8.0)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_the_gap_is_above_what_a_minimiser_gains(loss, rng):
    term = TwoPartTerm(data_term(grouped_tasks(loss), loss))
    bound = term.value_and_gradient(np.zeros(term.shape))[0]
    penalty = TwoPartPenalty(
        Groups(np.full((1, 4), 0.1), axis=0, bound=bound), Groups(np.full((4, 1), 0.2), axis=1, bound=bound)
    )

    def objective(z):
        return term.value_and_gradient(z.reshape(8, 4))[0] + penalty.value(z.reshape(8, 4))

    best = min(
        minimize(objective, rng.standard_normal(32), method="L-BFGS-B", options={"maxiter": 2000}).fun for _ in range(3)
    )
    for size in (0.0, 0.1, 1.0):
        Z = size * rng.standard_normal((8, 4))
        gap = fenchel_gap(penalty, Z, term.value_and_gradient(Z)[1])
        assert objective(Z.ravel()) - best <= gap + 1e-9


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_newtons_step_descends_along_the_groups_that_are_not_zero(loss, rng):
    term = TwoPartTerm(data_term(grouped_tasks(loss), loss))
    penalty = TwoPartPenalty(COLUMNS_4, ROWS)
    Z = rng.standard_normal((8, 4))
    Z[5] = 0.0
    gradient = term.value_and_gradient(Z)[1]
    model = penalty.model(Z, gradient)
    v = newton_direction(model, term.hessian(Z))
    assert not v[5].any()
    slopes = np.concatenate([part.slope(A) for part, A in penalty.parts(Z)])
    np.testing.assert_allclose(model.gradient, np.where(Z == 0.0, 0.0, gradient + slopes))
    assert (v * model.gradient).sum() < 0.0
    np.testing.assert_array_equal(model.retract(v), Z + v)


def test_the_smallest_group_goes_and_what_it_held_stays_where_it_can(rng):
    penalty = TwoPartPenalty(COLUMNS_4, ROWS)
    Z = rng.uniform(1.0, 2.0, (8, 4))
    Z[6] = 0.0
    S, V = halves(Z)
    S[:, 2] = [0.1, 0.1, 0.2, 0.1]  # of strength 0.2: the smallest
    fewer = penalty.lower_rank(Z)
    np.testing.assert_array_equal(halves(fewer)[0], S * [1.0, 1.0, 0.0, 1.0])
    np.testing.assert_allclose(halves(fewer)[1], V + S * [0.0, 0.0, 1.0, 0.0] * (np.arange(4) != 2)[:, None])
    S[:, 2], V[1] = 1.0, [0.0, 0.01, 0.0, 0.0]
    fewer = penalty.lower_rank(Z)
    assert not halves(fewer)[1][1].any()
    np.testing.assert_array_equal(sum(halves(fewer)), S + V)
    assert penalty.lower_rank(np.zeros((8, 4))) is None
    centre = TwoPartPenalty(Centre(1.0), ROWS)
    assert centre.lower_rank(np.concatenate([S, 0.0 * V])) is None
    pulled = np.array([0.0, 0.01, 0.0, 0.0]) * np.where(np.arange(4) == 1, -0.75, 0.25)[:, None]
    np.testing.assert_allclose(sum(halves(centre.lower_rank(Z))), S + V + pulled)


COLUMNS_4 = Groups(np.array([[0.5, 1.5, 0.2, 0.7]]), axis=0, bound=3.0)
