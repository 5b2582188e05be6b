"""Choosing whom to attack: greedy against all subsets, first-order rises against finite differences, refusals."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pytest

from patom import (
    Ball,
    Box,
    Columns,
    GreyBox,
    MTRLClassifier,
    MTRLRegressor,
    ProjectedAscent,
    Sparing,
    Targeted,
    ThreatModel,
)
from patom.attacks import Availability, choose_attackers
from patom.attacks.chosen_attackers import first_order_rises
from patom.attacks.draws import draw
from patom.attacks.gradients import adjoint
from patom.attacks.program import bilevel
from patom.core.data_term import data_term
from patom.core.solvers.accelerated import solve
from patom.datasets import make_related_tasks

METHODS = ("greedy", "exhaustive")
SHORT = ProjectedAscent(n_starts=1, max_iter=15)


def problem(seed, kind="regression", n_tasks=6):
    """Two groups of related tasks, a stranger, and 12 to 30 rows each."""
    shape = {"n_tasks": n_tasks, "n_groups": 2, "n_outliers": 1, "n_features": 4, "n_train": 30}
    X, y, task = make_related_tasks(**shape, similarity=0.8, noise=0.3, kind=kind, random_state=seed).train
    counts = np.random.default_rng(seed).integers(12, 31, n_tasks)
    kept = np.concatenate([np.flatnonzero(task == i)[: counts[i]] for i in range(n_tasks)])
    return {"X": X[kept], "y": y[kept], "task": task[kept]}


def choose(data, lam=0.01, *, classes=False, **settings):
    model = (MTRLClassifier if classes else MTRLRegressor)(lam, lam)
    settings = {"k": 1, "targets": [0], "budget": 0.2, "attack": SHORT, "random_state": 0} | settings
    return choose_attackers(model, **data, **settings)


@dataclass(frozen=True)
class Blend:
    """A share of the way from one data term to another."""

    before: object
    after: object
    share: float

    @property
    def shape(self):
        return self.before.shape

    @property
    def smoothness(self):
        return self.before.smoothness + self.after.smoothness

    def value_and_gradient(self, W):
        (f, g), (h, u) = self.before.value_and_gradient(W), self.after.value_and_gradient(W)
        return f + self.share * (h - f), g + self.share * (u - g)

    def hessian(self, W):
        before, after = self.before.hessian(W), self.after.hessian(W)
        return lambda V: before(V) + self.share * (after(V) - before(V))


@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_hinge", "logistic"])
@pytest.mark.parametrize("chosen", [(), (2,)])
def test_first_order_rises_are_slopes_towards_the_poisoned_problem(loss, chosen):
    """From the rows so far, a small share of the way to the problem with a task's rows added; of an uneven size."""
    classes = loss not in ("squared_error", "huber")
    data = problem(3, "classification" if classes else "regression")
    model = (MTRLClassifier if classes else MTRLRegressor)(0.02, 0.01, loss=loss, tol=1e-12)
    program = bilevel(model, **data, threat=ThreatModel([0], range(6), 0.3))
    rows = draw(program, "uniform", "resampled", np.random.default_rng(0))

    def of(tasks):
        inside = np.isin(rows.task_index, tasks)
        return replace(rows, X=rows.X[inside], y=rows.y[inside], task_index=rows.task_index[inside])

    terms = {
        s: data_term(program.lower.rows(of(s)), program.problem.loss) for s in [chosen, *((*chosen, i) for i in (0, 4))]
    }

    def utility(task, share):
        blend = Blend(terms[chosen], terms[(*chosen, task)], share)
        return program.utility(solve(blend, program.problem.penalty, tol=1e-12, start=W).W)

    W = solve(terms[chosen], program.problem.penalty, tol=1e-12).W
    found = first_order_rises(program, W, adjoint(program, of(chosen), W)[0].v, of((0, 4)))
    assert found.shape == (6,)
    assert not found[[1, 2, 3, 5]].any()
    for task in (0, 4):
        slope = (utility(task, 1e-4) - utility(task, -1e-4)) / 2e-4
        assert found[task] == pytest.approx(slope, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("candidates", [None, [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("classes", [False, True])
def test_greedy_is_exhaustive_for_one_task_where_all_are_tried(classes, candidates):
    data = problem(0, "classification" if classes else "regression")
    greedy, best = (choose(data, classes=classes, candidates=candidates, method=method, trials=6) for method in METHODS)
    assert greedy.attackers == best.attackers
    assert len(greedy.table) == len(best.table) == (6 if candidates is None else 5)
    assert greedy.result.X.tobytes() == best.result.X.tobytes()


@pytest.mark.slow
def test_greedy_comes_near_the_best_pair():
    """Nine tenths of the best pair's rise each time, where pairs at random come to half of it."""
    attack, means = ProjectedAscent(max_iter=20), []
    for seed in range(1, 4):
        data, few = (
            problem(seed, n_tasks=5),
            {"k": 2, "attack": attack, "candidates": None if seed % 2 else range(1, 5)},
        )
        greedy, best = (choose(data, method=method, **few) for method in METHODS)
        rises = {frozenset(tried.attackers): tried.utility - best.result.clean_utility for tried in best.table}
        assert rises[frozenset(greedy.attackers)] > 0.9 * max(rises.values())
        means.append(np.mean(list(rises.values())) / max(rises.values()))
    assert np.mean(means) < 0.6


def test_exhaustive_attacks_every_subset_and_keeps_the_best():
    data = problem(1)
    found = choose(data, k=2, candidates=[5, 1, 3], method="exhaustive")
    assert [tried.attackers for tried in found.table] == list(combinations([1, 3, 5], 2))
    for tried in found.table:
        threat = ThreatModel([0], tried.attackers, 0.2)
        by_hand = SHORT.poison(MTRLRegressor(0.01, 0.01), **data, threat=threat, random_state=0)
        assert by_hand.utility == tried.utility
        assert np.isnan(tried.first_order)
    best = max(found.table, key=lambda tried: tried.utility)
    assert found.attackers == best.attackers == found.result.threat.attackers
    assert found.utilities.tolist() == [best.utility] == [found.result.utility]
    assert found.method == "exhaustive"


def test_greedy_tells_what_it_tried():
    data = problem(1)
    found = choose(data, k=3, trials=2)
    assert [len(tried.attackers) for tried in found.table] == [1, 1, 2, 2, 3, 3]
    for size in (1, 2, 3):
        tried = [row for row in found.table if len(row.attackers) == size]
        kept = max(tried, key=lambda row: row.utility)
        assert kept.attackers == found.attackers[:size]
        assert kept.utility == found.utilities[size - 1]
        assert all(row.attackers[:-1] == found.attackers[: size - 1] for row in tried)
        assert tried[0].first_order >= tried[1].first_order
    assert (np.diff([found.result.clean_utility, *found.utilities]) > 0.0).all()
    assert found.result.threat == ThreatModel([0], found.attackers, 0.2)
    threat = ThreatModel([0], found.attackers, 0.2)
    alone = SHORT.poison(MTRLRegressor(0.01, 0.01), **data, threat=threat, random_state=0)
    assert found.result.X.tobytes() == alone.X.tobytes()
    assert found.cost.solves > alone.cost.solves
    assert found.cost.adjoint_solves >= alone.cost.adjoint_solves + 3


def test_greedy_costs_less_than_all_subsets():
    data = problem(1)
    greedy, exhaustive = (choose(data, k=3, method=method) for method in METHODS)
    assert greedy.cost.solves < 0.5 * exhaustive.cost.solves
    assert greedy.cost.adjoint_solves < 0.5 * exhaustive.cost.adjoint_solves


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_decides(method):
    data = problem(2)
    one, same, drawn, again = (
        choose(data, k=2, candidates=[1, 2, 3], method=method, random_state=seed)
        for seed in (0, 0, np.random.default_rng(5), np.random.default_rng(5))
    )
    for first, second in ((one, same), (drawn, again)):
        assert (first.attackers, first.cost) == (second.attackers, second.cost)
        assert [row[:2] for row in first.table] == [row[:2] for row in second.table]
        assert first.result.X.tobytes() == second.result.X.tobytes()
    assert one.result.X.tobytes() != drawn.result.X.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "names",
    [
        [("site", 1), ("site", 2), ("lab", 1), ("lab", 2), ("x", 0), ("y", 0)],
        [1, "1", 2.5, "b", ("c", 0), False],
        ["f", "e", "d", "c", "b", "a"],
    ],
)
def test_labels_of_any_kind(method, names):
    data = problem(0)
    plain = choose(data, k=2, candidates=[1, 3, 4], method=method)
    named = np.empty(data["task"].size, dtype=object)
    named[:] = [names[i] for i in data["task"]]
    candidates = [names[i] for i in (1, 3, 4)]
    found = choose(data | {"task": named}, k=2, targets=[names[0]], candidates=candidates, method=method)
    assert set(found.attackers) <= set(candidates)
    assert [type(label) for label in found.attackers] == [type(names[names.index(a)]) for a in found.attackers]
    if names[0] != "f":  # where the tasks keep their order, so do the draws
        assert set(found.attackers) == {names[i] for i in plain.attackers}


@pytest.mark.parametrize("method", METHODS)
def test_it_respects_the_whole_threat_model(method):
    data = problem(1)
    threat = {
        "region": Box(-2.0, 2.0),
        "label_range": (-0.5, 0.5),
        "columns": Columns(integer=[0]),
        "knowledge": GreyBox(share=0.5),
        "objective": Sparing(Availability(), weight=0.5),
    }
    attack = ProjectedAscent(n_starts=1, max_iter=3, optimise_labels=True)
    found = choose(data, k=2, candidates=[1, 2, 3], method=method, attack=attack, **threat)
    assert found.result.threat == ThreatModel([0], found.attackers, 0.2, **threat)
    assert (np.abs(found.result.X) <= 2.0).all()
    assert (np.abs(found.result.y) <= 0.5).all()
    np.testing.assert_array_equal(found.result.X[:, 0], found.result.X[:, 0].round())
    if method == "exhaustive":  # ranked by what she sees, not by what comes of it
        assert found.utilities.tolist() == [found.result.expected_utility]


@pytest.mark.parametrize("method", METHODS)
def test_any_objective_and_classes_that_flip(method):
    data = problem(1, "classification")
    attack = ProjectedAscent(n_starts=1, max_iter=4, optimise_labels=True)
    aim = Targeted(data["X"][:2], task=[0, 0], direction="lower")
    found = choose(data, classes=True, k=2, method=method, attack=attack, objective=aim)
    assert found.result.utility > found.result.clean_utility
    assert set(found.result.task.tolist()) == set(found.attackers)


def test_candidates_without_a_row_to_inject_are_left_out():
    data = problem(0)
    small = np.concatenate([np.flatnonzero(data["task"] == i)[: 4 if i == 1 else 30] for i in range(6)])
    data = {name: values[small] for name, values in data.items()}
    for method in METHODS:
        found = choose(data, k=2, candidates=[1, 2, 3], budget=0.2, method=method)
        assert set(found.attackers) == {2, 3}
    with pytest.raises(ValueError, match=r"^k of choose_attackers must be at most 2, .* amounts to a row; got 3"):
        choose(data, k=3, candidates=[1, 2, 3], budget=0.2)


def test_tasks_that_cannot_reach_the_target_gain_nothing():
    data = problem(0)
    model = MTRLRegressor(0.01, 0.01, task_covariance=np.eye(6) / 6)
    aim = {"targets": [0], "candidates": [1, 2, 3], "k": 2, "budget": 0.2, "region": Ball(30.0)}
    found = choose_attackers(model, **data, **aim, attack=SHORT, random_state=0)
    assert found.result.utility == pytest.approx(found.result.clean_utility, rel=1e-12)
    assert all(tried.first_order == 0.0 for tried in found.table)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"k": 7}, r"^k of choose_attackers must be at most 6, .*; got 7\.$"),
        ({"k": 3, "candidates": [1, 2]}, r"^k of choose_attackers must be at most 2, .*; got 3\.$"),
        ({"k": 0}, r"^k of choose_attackers must be a whole number at least 1; got 0"),
        ({"k": 1.5}, r"^k of choose_attackers must be a whole number at least 1; got 1\.5"),
        ({"trials": 0}, r"^trials of choose_attackers must be a whole number at least 1; got 0"),
        ({"method": "best"}, r"^method of choose_attackers must be one of 'greedy', 'exhaustive'; got 'best'"),
        ({"candidates": [1, 9]}, r"^candidates of choose_attackers names the task 9, which"),
        ({"targets": [9]}, r"^targets of ThreatModel names the task 9, which"),
        ({"budget": 0.01}, r"^budget of ThreatModel rounds to no rows"),
    ],
)
def test_refusals_are_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        choose(problem(0), **settings)


def test_other_models_are_refused():
    with pytest.raises(TypeError, match=r"^model must be an MTRLRegressor or MTRLClassifier"):
        choose_attackers(object(), **problem(0), targets=[0], k=1, budget=0.2)
