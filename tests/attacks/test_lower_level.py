"""The data term of poisoned rows: what moved is all that is computed anew, and nobody's earlier rows change."""

from dataclasses import replace

import numpy as np
import pytest

import patom.attacks.lower_level as module
from patom import PATOM, Ball, GreyBox, ProjectedAscent, ThreatModel
from patom.attacks.draws import draw
from patom.attacks.program import bilevel
from patom.core.data_term import MomentTerm, RowTerm
from patom.core.rows import append_constant, inject_rows
from patom.defenses import Sanitised, Sphere

LOSSES = ["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"]
THREAT = ThreatModel(["a", "b"], ["b", "d"], budget=0.2, region=Ball(2.0))


@pytest.fixture(params=LOSSES)
def loss(request):
    return request.param


def program_of(make_tasks, model, loss, threat=THREAT):
    X, y, task = make_tasks(loss)
    return bilevel(model, X, y, task, threat)


def drawn(program, seed=0):
    return draw(program, "uniform", "resampled", np.random.default_rng(seed))


def assert_same(term, plain, shape):
    """Value, gradient and Hessian at some W."""
    W, V = np.random.default_rng(1).standard_normal((2, *shape))
    (value, gradient), (expected, slope) = term.value_and_gradient(W), plain.value_and_gradient(W)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(term.hessian(W)(V), plain.hessian(W)(V), rtol=1e-12, atol=1e-13)


def test_it_is_that_of_the_rows_together(make_tasks, make_victim, loss):
    program = program_of(make_tasks, make_victim(loss), loss)
    injection = drawn(program)
    rows = inject_rows(program.problem.rows, append_constant(injection.X), injection.y, injection.task_index)
    term = program.lower.term(injection)
    assert isinstance(term, MomentTerm if program.problem.loss.quadratic else RowTerm)
    assert_same(term, RowTerm(rows, program.problem.loss), (4, 5))
    assert_same(program.lower.term(None), RowTerm(program.problem.rows, program.problem.loss), (4, 5))


@pytest.mark.parametrize("sanitised", [False, True], ids=["all rows", "rows that pass"])
def test_it_is_built_once_for_an_injection_and_anew_for_another(make_tasks, make_victim, loss, sanitised):
    model = Sanitised(make_victim(loss), Sphere(fraction=0.1)) if sanitised else make_victim(loss)
    program = program_of(make_tasks, model, loss)
    first, second = drawn(program), drawn(program, 1)
    term, rows = program.lower.term(first), program.lower.rows(first)
    assert program.lower.term(first) is term
    assert program.lower.rows(first) is rows
    assert_same(program.lower.term(second), RowTerm(program.lower.rows(second), program.problem.loss), (4, 5))
    assert_same(
        program.lower.term(replace(first, y=second.y)),
        RowTerm(program.lower.rows(replace(first, y=second.y)), program.problem.loss),
        (4, 5),
    )
    assert_same(program.lower.term(first), term, (4, 5))


def test_who_holds_earlier_rows_or_moments_keeps_them(make_tasks, make_victim, loss):
    program = program_of(make_tasks, make_victim(loss), loss)
    first, second = drawn(program), drawn(program, 1)
    clean = program.problem.rows.X.copy()
    rows, term = program.lower.rows(first), program.lower.term(first)
    held = [rows.X, rows.y, *([term.A, term.b] if isinstance(term, MomentTerm) else [])]
    before = [part.copy() for part in held]
    program.solve(second)
    ahead = program.lower.rows(second)
    assert not np.shares_memory(ahead.X, rows.X)
    assert not np.shares_memory(ahead.X, program.problem.rows.X)
    for part, values in zip(held, before, strict=True):
        np.testing.assert_array_equal(part, values)
    np.testing.assert_array_equal(program.problem.rows.X, clean)


@pytest.mark.parametrize("attack", [PATOM(max_iter=3), ProjectedAscent(max_iter=5, n_starts=1)])
def test_an_attack_passes_over_clean_rows_for_moments_once(make_tasks, make_victim, monkeypatch, attack):
    X, y, task = make_tasks("squared_error")
    calls = counted(monkeypatch, "moments")
    monkeypatch.setattr(module, "inject_rows", None)
    attack.poison(make_victim("squared_error"), X, y, task=task, threat=THREAT, random_state=0)
    assert len(calls) == 1


@pytest.mark.parametrize("attack", [PATOM(max_iter=3), ProjectedAscent(max_iter=5, n_starts=1)])
def test_an_attack_merges_rows_once_a_solve(make_tasks, make_victim, monkeypatch, attack):
    X, y, task = make_tasks("squared_hinge")
    calls = counted(monkeypatch, "inject_rows")
    result = attack.poison(make_victim("squared_hinge"), X, y, task=task, threat=THREAT, random_state=0)
    assert len(calls) == result.cost.solves - 1  # that of the clean rows


def counted(monkeypatch, name):
    """Put a counting function in its place; a list that grows with the calls."""
    calls, function = [], getattr(module, name)

    def count(*arguments):
        calls.append(arguments)
        return function(*arguments)

    monkeypatch.setattr(module, name, count)
    return calls


def test_who_knows_half_of_the_rows_has_moments_of_her_own(make_tasks, make_victim):
    X, y, task = make_tasks("squared_error")
    program = bilevel(make_victim("squared_error"), X, y, task, replace(THREAT, knowledge=GreyBox(share=0.5)))
    injection = drawn(program)
    assert_same(program.lower.term(injection), RowTerm(program.lower.rows(injection), program.problem.loss), (4, 5))
    truly = program.truly(injection)
    truth = program.truth
    assert_same(truth.lower.term(truly), RowTerm(truth.lower.rows(truly), truth.problem.loss), (4, 5))
    assert truth.lower.term(truly).A.tobytes() != program.lower.term(injection).A.tobytes()


def test_an_expansion_is_gradient_hessian_and_corner(make_tasks, make_victim, loss):
    program = program_of(make_tasks, make_victim(loss), loss)
    injection = drawn(program)
    term, rows = program.lower.term(injection), program.lower.rows(injection)
    W, V = np.random.default_rng(2).standard_normal((2, 4, 5))
    found = term.expand(W)
    np.testing.assert_array_equal(found.gradient, term.value_and_gradient(W)[1])
    np.testing.assert_array_equal(found.hessian(V), term.hessian(W)(V))
    z = np.einsum("np,np->n", rows.X, W[rows.task_index])
    assert found.corner == pytest.approx(program.problem.loss.corner_distance(z, rows.y), rel=1e-9)
