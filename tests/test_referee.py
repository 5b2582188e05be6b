"""The referee: it shares no code with the package, its derivatives are right, and it finds what a grid finds."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.referee import as_injected, mixture, referee
from benchmarks.referee_climb import Start, best_places, effects, greedy
from benchmarks.referee_game import Game, Injected, pairs, squares
from benchmarks.referee_held import Held, conjugate_gradients, planned_on
from benchmarks.referee_room import room_of, shape_of
from benchmarks.referee_search import clusters, evolve, wander
from benchmarks.referee_starts import PAIRS, starts
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from patom import MTRLClassifier, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.datasets import make_related_tasks
from patom.defenses import Clip, Coupled, HeldOut, Sanitised, Shares, Slab
from patom.defenses.filters.sanitiser import checked_rows

FOLDER = Path(__file__).parent.parent / "benchmarks"
PARTS = sorted(path.stem for path in FOLDER.glob("referee*.py") if path.stem != "referee_cases")


def drawn(kind, n_tasks=4, n_features=2, n_train=12, seed=1):
    """Rows in the unit ball."""
    data = make_related_tasks(
        n_tasks=n_tasks, n_features=n_features, n_train=n_train, n_test=60, kind=kind, random_state=seed
    )
    X, y, task = data.train
    return X / np.linalg.norm(X, axis=1).max(), y, task


def learner(kind, strength=1e-2, **settings):
    return (MTRLRegressor if kind == "regression" else MTRLClassifier)(strength, strength, **settings)


def game_of(model, kind, targets, attackers, budget=0.25, **shape):
    X, y, task = drawn(kind, **shape)
    labels = np.unique(task)
    return Game(model, X, y, task, targets=labels[targets], attackers=labels[attackers], budget=budget)


def random_rows(game, seed=0):
    rng = np.random.default_rng(seed)
    X = game.within(0.5 * rng.standard_normal((game.places.size, game.X.shape[1])))
    y = rng.choice([-1.0, 1.0], X.shape[0]) if game.classes is not None else rng.uniform(game.low, game.high)
    return Injected(X, y, game.places)


def test_it_imports_nothing_of_the_package():
    assert "referee_game" in PARTS
    for name in PARTS:
        tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
        inside = [node for block in tree.body if not isinstance(block, ast.If) for node in ast.walk(block)]
        imported = [node.module for node in inside if isinstance(node, ast.ImportFrom)]
        imported += [alias.name for node in inside if isinstance(node, ast.Import) for alias in node.names]
        assert not [module for module in imported if module.split(".")[0] == "patom"], name
        assert "benchmarks.referee_cases" not in imported, name
    program = "import sys, benchmarks.referee; print([name for name in sys.modules if name.split('.')[0] == 'patom'])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=FOLDER.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("kind", "model", "attackers"),
    [
        ("regression", MTRLRegressor(1e-2, 1e-2, tol=1e-13), [0, 1]),
        ("regression", MTRLRegressor(1e-3, 1e-2, tol=1e-13), [2, 3]),
        ("regression", MTRLRegressor(1e-2, 1e-2, loss="huber", huber_delta=0.3, tol=1e-13), [0, 2]),
        ("regression", Coupled(MTRLRegressor(1e-2, 1e-2, tol=1e-13), HeldOut()), [0, 1]),
        ("classification", MTRLClassifier(1e-2, 1e-2, tol=1e-13), [2, 3]),
        ("classification", MTRLClassifier(1e-3, 1e-3, loss="unclipped_hinge", tol=1e-13), [0, 1]),
        ("classification", MTRLClassifier(1e-2, 1e-2, loss="logistic", tol=1e-13), [1, 2]),
    ],
)
def test_derivatives_with_the_filter_held_are_those_of_finite_differences(kind, model, attackers):
    game = game_of(model, kind, [0, 1], attackers, n_tasks=5, n_features=4, n_train=30)
    rows = random_rows(game)
    judged = game.judge(rows)
    held = Held(game, judged, planned_on(judged.model)[-1])
    point, rng, step = held.at(rows), np.random.default_rng(1), 1e-5
    assert point.value == pytest.approx(judged.smooth, rel=1e-8)
    D = rng.standard_normal(rows.X.shape)
    ends = [held.at(replace(rows, X=rows.X + sign * step * D)).value for sign in (1.0, -1.0)]
    assert (ends[0] - ends[1]) / (2.0 * step) == pytest.approx(np.sum(point.by_features * D), rel=1e-3)
    if kind == "regression":
        e = rng.standard_normal(rows.y.shape)
        ends = [held.at(replace(rows, y=rows.y + sign * step * e)).value for sign in (1.0, -1.0)]
        assert (ends[0] - ends[1]) / (2.0 * step) == pytest.approx(point.by_labels @ e, rel=1e-3)


def test_the_effect_of_a_place_is_the_rise_by_a_light_row_there():
    """A row of small weight, by scikit-learn's convention of weights within a task."""
    model = MTRLRegressor(1e-2, 1e-2, tol=1e-13)
    game = game_of(model, "regression", [0], [1], n_tasks=4, n_train=15)
    rows = random_rows(game)
    held = Held(game, game.judge(rows), model)
    point = held.at(rows)
    effect, placed = best_places(held, point, rows, True)
    one = Injected(placed.X[:1], placed.y[:1], placed.task[:1])
    assert effect[0] == effects(held, point, one)[0]
    assert effect[0] > effects(held, point, rows).max()
    X, y = (np.concatenate(parts) for parts in zip((game.X, game.y), (rows.X, rows.y), (one.X, one.y), strict=True))
    task, weight, light = np.concatenate([game.task, rows.task, one.task]), np.ones(y.size), 1e-4
    weight[-1] = light
    fitted = [
        MTRLRegressor(1e-2, 1e-2, tol=1e-14).fit(X, y, task=task, sample_weight=np.append(weight[:-1], last))
        for last in (0.0, light)
    ]
    own = game.own[0]
    rise = np.diff([squares(game.y[own], each.predict(game.X[own], task=game.task[own]))[0] for each in fitted])[0]
    # A task's weights are relative: the light row also takes weight from the others, which is the effect of its mean.
    others = np.flatnonzero(task[:-1] == one.task[0])
    mean = effects(held, point, Injected(X[others], y[others], task[others])).mean()
    assert rise / light == pytest.approx(effect[0] - mean, rel=2e-2)


def test_the_smooth_auc_is_its_double_loop_and_its_slope_is_right():
    rng = np.random.default_rng(0)
    y, z = rng.choice([-1.0, 1.0], 15), rng.standard_normal(15)
    scale = 0.3 * z.std()
    terms = [1.0 / (1.0 + np.exp((p - n) / scale)) for p in z[y > 0] for n in z[y < 0]]
    value, slope = pairs(y, z)
    assert value == pytest.approx(np.mean(terms), rel=1e-12)
    D = rng.standard_normal(15)
    ends = [pairs(y, z + sign * 1e-6 * D)[0] for sign in (1.0, -1.0)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(slope @ D, rel=1e-6)
    assert pairs(y, 5.0 * z + 1.0)[0] == pytest.approx(value, rel=1e-12)
    assert pairs(np.ones(3), z[:3])[0] != pairs(np.ones(3), z[:3])[0]  # no pairs: NaN
    assert pairs(y, np.zeros(15))[0] == 0.5


def test_the_reported_metric_is_that_of_the_targets_rows():
    game = game_of(learner("classification"), "classification", [0, 2], [1], n_train=20)
    judged = game.judge(random_rows(game))
    values = [
        roc_auc_score(game.y[own], judged.model.decision_function(game.X[own], task=game.task[own])) for own in game.own
    ]
    assert judged.harm == pytest.approx(1.0 - np.mean(values), rel=1e-12)
    game = game_of(learner("regression"), "regression", [0, 2], [1])
    judged = game.judge(random_rows(game))
    errors = [game.y[own] - judged.model.predict(game.X[own], task=game.task[own]) for own in game.own]
    values = [np.mean(e**2) / game.y[own].var() for e, own in zip(errors, game.own, strict=True)]
    assert judged.harm == pytest.approx(np.mean(values), rel=1e-12) == judged.smooth


@pytest.mark.parametrize("metric", ["euclidean", "whitened"])
def test_the_room_is_the_region_of_the_filter(metric):
    """Read off the moved rows alone; ``Clip.regions`` says where rows are not moved."""
    model = Sanitised(learner("regression"), Clip(metric=metric))
    game = game_of(model, "regression", [0], [0, 1, 2], n_features=3, n_train=60)
    judged = game.judge(random_rows(game))
    room = room_of(game, judged, shape_of(game, judged))
    mine = judged.moved[game.X.shape[0] :]
    assert room.rows(room.inside(mine))[0] == pytest.approx(mine, abs=1e-6)
    rows = checked_rows(np.concatenate([game.X, judged.rows.X]), np.concatenate([game.y, judged.rows.y]), None)
    rows = replace(rows, task_index=np.unique(np.concatenate([game.task, game.places]), return_inverse=True)[1])
    ((region,), *_) = Clip(metric=metric).regions(replace(rows, tasks=game.tasks))
    assert room.centre == pytest.approx(region.centre, abs=1e-9)
    turn = np.linspace(0.0, 2.0 * np.pi, 7)[:-1]
    edge = (
        room.centre + np.column_stack([np.cos(turn), np.sin(turn), 0.5 * np.ones(6)]) / np.hypot(1.0, 0.5) @ room.root.T
    )
    inside, outside = (room.centre + factor * (edge - room.centre) for factor in (0.999, 1.001))
    assert region.contains(inside).all()
    assert not region.contains(outside).any()


def test_without_a_filter_the_room_is_the_ball_and_slopes_go_through_it():
    game = game_of(learner("regression"), "regression", [0], [0], n_features=3)
    room = room_of(game, game.judge(random_rows(game)))
    rng = np.random.default_rng(0)
    free, g = 2.0 * rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    room = replace(room, centre=np.array([0.3, 0.0, 0.1]), root=rng.standard_normal((3, 3)))
    X, back = room.rows(free)
    assert np.linalg.norm(X, axis=1).max() <= 1.0 + 1e-12
    D = rng.standard_normal((5, 3))
    ends = [room.rows(free + sign * 1e-6 * D)[0] for sign in (1.0, -1.0)]
    assert np.sum(g * (ends[0] - ends[1])) / 2e-6 == pytest.approx(np.sum(back(g) * D), rel=1e-6)


@pytest.mark.parametrize("kind", ["regression", "classification"])
@pytest.mark.parametrize("filtered", [False, True])
def test_one_row_does_what_the_best_row_of_a_dense_grid_does(kind, filtered):
    model = Sanitised(learner(kind), Clip()) if filtered else learner(kind)
    game = game_of(model, kind, [0], [0], budget=0.09)
    assert game.places.size == 1
    turn = 2.0 * np.pi * np.arange(24) / 24
    ring = np.column_stack([np.cos(turn), np.sin(turn)])
    for X in np.concatenate([radius * ring for radius in np.linspace(0.2, 1.0, 5)]):
        for y in {float(game.low[0]), float(game.high[0])}:
            game.judge(Injected(X[None], np.array([y]), game.places))
    found = referee(
        model, game.X, game.y, game.task, targets=game.targets, attackers=game.targets, budget=0.09, fits=300, starts=20
    )
    harm = found.training if kind == "regression" else 1.0 - found.training
    assert harm >= game.best.harm * (1.0 - 1e-9)


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_without_a_filter_it_reaches_most_of_the_ascent(kind):
    """By itself, from its own starts; one target, so that both mean the same rows."""
    X, y, task = drawn(kind, n_features=4, n_train=25)
    model, target = learner(kind), np.unique(task)[:1].tolist()
    ours = ProjectedAscent(optimise_labels=True).poison(
        model, X, y, task=task, threat=ThreatModel(target, target, 0.2), random_state=0
    )
    game = Game(model, X, y, task, targets=target, attackers=target, budget=0.2)
    clean = game.harm([game.signs[own] for own in game.own], [_scores(learner(kind).fit(X, y, task=task), game)])
    reached = game.judge(as_injected(game, (ours.X, ours.y, ours.task))).harm - clean
    found = referee(model, X, y, task, targets=target, attackers=target, budget=0.2, fits=500, starts=20)
    gained = (found.training if kind == "regression" else 1.0 - found.training) - clean
    assert gained >= 0.9 * reached > 0.0


def _scores(model, game):
    act = model.predict if game.classes is None else model.decision_function
    return act(game.X[game.own[0]], task=game.task[game.own[0]])


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_it_keeps_the_attackers_limits_and_its_own_and_is_the_same_each_time(kind):
    X, y, task = drawn(kind, n_train=20)
    before, labels = X.copy(), np.unique(task)
    model = Sanitised(learner(kind), Slab(0.1) if kind == "regression" else Shares())
    call = {"targets": labels[:2], "attackers": labels[1:3], "budget": 0.2, "radius": 0.7, "fits": 60, "starts": 5}
    found, again = (referee(model, X, y, task, **call) for _ in range(2))
    assert np.array_equal(X, before)
    assert np.array_equal(found.X, again.X)
    assert np.unique(found.task, return_counts=True)[1].tolist() == [4, 4]
    assert set(found.task) == set(labels[1:3])
    assert np.linalg.norm(found.X, axis=1).max() <= 0.7 * (1.0 + 1e-12)
    for each in labels[1:3]:
        own, clean = found.y[found.task == each], y[task == each]
        assert (
            np.isin(own, y).all() if kind == "classification" else clean.min() <= own.min() <= own.max() <= clean.max()
        )
    assert 60 <= found.fits <= 100
    X_, y_, task_ = (np.concatenate(pair) for pair in ((X, found.X), (y, found.y), (task, found.task)))
    game = Game(model, X, y, task, targets=labels[:2], attackers=labels[1:3], budget=0.2)
    victim = model.fit(X_, y_, task=task_)
    act = victim.predict if kind == "regression" else victim.decision_function
    harm = game.harm([game.signs[own] for own in game.own], [act(X[own], task=task[own]) for own in game.own])
    assert (harm if kind == "regression" else 1.0 - harm) == pytest.approx(found.training, rel=1e-9)


class OneRidge(RegressorMixin, BaseEstimator):
    """A ridge regression of all tasks as one: nothing but ``fit`` and ``predict``."""

    def fit(self, X, y, task=None):  # noqa: ARG002
        self.inside = Ridge(alpha=0.1).fit(X, y)
        return self

    def predict(self, X, task=None):  # noqa: ARG002
        return self.inside.predict(X)


def test_it_needs_no_more_than_fit_and_predict():
    X, y, task = drawn("regression", n_train=20)
    labels = np.unique(task)
    call = {"targets": labels[:1], "attackers": labels[1:2], "budget": 0.2, "starts": 4}
    own, own_again = (referee(OneRidge(), X, y, task, fits=fits, **call) for fits in (4, 150))
    assert own_again.training > own.training
    helped = referee(OneRidge(), X, y, task, fits=150, stand_ins=[learner("regression")], **call)
    assert helped.training > own.training


def test_rows_that_are_given_are_where_it_starts():
    X, y, task = drawn("classification", n_train=20)
    labels = np.unique(task)
    call = {"targets": labels[:1], "attackers": labels[:1], "budget": 0.2, "starts": 1}
    model = learner("classification")
    strong = referee(model, X, y, task, fits=200, **{**call, "starts": 10})
    order = np.random.default_rng(0).permutation(strong.y.size)
    given = (strong.X[order], strong.y[order], strong.task[order])
    found = referee(model, X, y, task, fits=30, given=[given, (given[0][:2], given[1][:2], given[2][:2])], **call)
    assert found.training <= strong.training
    assert found.starts == 3


def test_the_evolution_strategy_finds_the_middle_of_a_bowl():
    rng, middle = np.random.default_rng(0), np.array([2.0, -1.0, 0.5, 3.0])
    best = evolve(lambda genes: SimpleNamespace(smooth=-float(np.sum((genes - middle) ** 2))), 4, 600, rng)
    assert best.smooth > -1e-4
    assert evolve(lambda genes: SimpleNamespace(smooth=float(genes[0])), 1, 1, rng) is not None


def test_searches_only_get_better_and_spend_what_they_are_given():
    game = game_of(learner("classification"), "classification", [0], [0, 1], n_train=20)
    rng = np.random.default_rng(0)
    begun = game.judge(random_rows(game))
    after = wander(game, begun, 40, rng)
    assert after.smooth > begun.smooth
    assert game.fits == 41
    found = clusters(game, rng, 2, 25)
    assert game.fits == 66
    assert np.unique(found.rows.X, axis=0).shape[0] <= 2


def test_conjugate_gradients_solve_a_singular_system():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((3, 5))
    right = A.T @ rng.standard_normal(3)
    found = conjugate_gradients(lambda v: A.T @ (A @ v), right, tol=1e-12)
    assert A.T @ (A @ found) == pytest.approx(right, abs=1e-9)
    assert conjugate_gradients(lambda v: v, np.zeros(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_every_start_keeps_the_limits(kind):
    game = game_of(learner(kind), kind, [0], [0, 1, 3], n_features=3)
    source = starts(game, np.random.default_rng(0))
    for _ in range(len(PAIRS) + 2):
        _, rows = next(source)
        assert rows.X.shape == (game.places.size, 3)
        assert np.linalg.norm(rows.X, axis=1).max() <= 1.0 + 1e-12
        assert ((rows.y == game.low) | (rows.y == game.high)).all()


def test_the_greedy_start_does_more_than_a_random_one():
    game = game_of(learner("regression"), "regression", [0, 1], [0, 1], n_train=24)
    judged = game.judge(random_rows(game))
    held = Held(game, judged, learner("regression"))
    assert game.judge(greedy(held, judged.rows, 4, np.random.default_rng(0))).smooth > judged.smooth


def test_a_mixture_takes_whole_tasks():
    game = game_of(learner("regression"), "regression", [0, 1], [0, 1], n_train=24)
    made = [Start(str(k), game.judge(random_rows(game, k))) for k in range(6)]
    rows = mixture(game, made, np.random.default_rng(0))
    for each in np.unique(game.places):
        own = game.places == each
        assert any(np.array_equal(rows.X[own], start.judged.rows.X[own]) for start in made)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"targets": ["nobody"]}, "targets must be tasks"),
        ({"attackers": []}, "attackers must be tasks"),
        ({"budget": 0.0}, "budget must be a number above 0"),
        ({"budget": 0.01}, "budget rounds to no rows"),
        ({"radius": float("nan")}, "radius must be a number above 0"),
        ({"label_range": (1.0, 0.0)}, "label_range must have the smaller number first"),
        ({"starts": 0}, "starts must be at least 1"),
        ({"fits": 3, "starts": 4}, "at most fits"),
        ({"X": np.full((48, 2), np.nan)}, "X holds values that are no finite numbers"),
        ({"given": [(2.0 * np.eye(2), np.zeros(2), ["task_0"] * 2)]}, "given must hold rows"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(changed, said):
    X, y, task = drawn("regression")
    labels = np.unique(task)
    call = {"X": X, "y": y, "task": task, "targets": labels[:1], "attackers": labels[:1], "budget": 0.2, **changed}
    with pytest.raises(ValueError, match=said):
        referee(learner("regression"), **call)
