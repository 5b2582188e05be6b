"""Cross-validation picks the lambdas that a person would."""

from dataclasses import replace

import numpy as np
import pytest

from patom.audit import AuditSettings, selection, table_data
from patom.audit.selection import select_lambdas
from patom.models.lambda_search import GRID, N_FOLDS

KINDS = ("regression", "classification")


def select(data, settings=None, n_jobs=1):
    steps = []
    chosen = select_lambdas(data, settings or AuditSettings(), n_jobs=n_jobs, advance=lambda: steps.append(1))
    assert len(steps) == len(chosen.scores)
    return chosen


@pytest.fixture(name="score_by")
def fixture_score_by(monkeypatch):
    """Let a function of the pair (lambda_1, lambda_2) stand for its cross-validation score."""
    return lambda score: monkeypatch.setattr(
        selection, "_score", lambda *arguments: [score(tuple(arguments[2]))] * N_FOLDS
    )


def test_given_lambdas_cost_nothing(make_table):
    chosen = select(table_data(make_table()), AuditSettings(lambda_1=0.3, lambda_2=0.7))
    assert (chosen.lambda_1, chosen.lambda_2, chosen.chosen_by, chosen.scores) == (0.3, 0.7, "given", ())


def test_without_noise_the_weakest_penalties_win(make_table):
    chosen = select(table_data(make_table(sizes=(60, 60, 60), noise=0.0)))
    assert (chosen.lambda_1, chosen.lambda_2) == (GRID[0], GRID[0])
    assert chosen.chosen_by == "3-fold cross-validation over 25 pairs"
    scores = {(a, b): score for a, b, score in chosen.scores}
    assert scores[1e-4, 1e-4] < 0.01 < scores[1.0, 1.0]


def test_with_nothing_but_noise_a_strongest_wins(make_table):
    table = make_table(sizes=(40, 40, 40), d=8)
    noise = np.random.default_rng(5).normal(size=table.y.size)
    chosen = select(table_data(replace(table, y=noise)))
    assert max(chosen.lambda_1, chosen.lambda_2) == GRID[-1]  # either alone shrinks the weights to nothing
    assert min(score for *_, score in chosen.scores) == pytest.approx(1.0, abs=0.2)


def test_related_tasks_of_few_rows_are_coupled(make_table):
    # d = 6 and five rows a fold: alone a task cannot be learned, together they can.
    chosen = select(table_data(make_table(sizes=[20] * 8, d=6, noise=1.0, seed=2)))
    scores = {(a, b): score for a, b, score in chosen.scores}
    best = scores[chosen.lambda_1, chosen.lambda_2]
    assert best < 1.05 * min(scores.values())
    assert best < scores[1e-4, 1e-4]
    assert chosen.lambda_2 >= 1e-2


def test_the_strongest_within_a_standard_error_of_the_best_wins(make_table, monkeypatch):
    # The best's folds have mean 0.90 and a standard error of 0.01: 0.895 is as good, 0.885 is not.
    folds = {(1e-4, 1e-4): [0.88, 0.90, 0.92], (1e-2, 1e-2): [0.895] * 3, (1e-1, 1e-1): [0.885] * 3}
    error = np.std(folds[1e-4, 1e-4], ddof=1) / 3**0.5
    assert 0.005 < error < 0.015
    monkeypatch.setattr(selection, "_score", lambda *arguments: folds.get(tuple(arguments[2]), [0.5] * 3))
    chosen = select(table_data(make_table("classification")))
    assert (chosen.lambda_1, chosen.lambda_2) == (1e-2, 1e-2)


def test_ties_go_to_the_stronger_penalties(make_table, score_by):
    data = table_data(make_table("classification"))
    tied = {(1e-4, 1e-4), (1e-1, 1e-2), (1e-2, 1.0), (1e-3, 1.0)}
    score_by(lambda pair: 0.9 if pair in tied else 0.8)
    chosen = select(data)
    assert (chosen.lambda_1, chosen.lambda_2) == (1e-2, 1.0)
    score_by(lambda _: 0.5)
    chosen = select(data)
    assert (chosen.lambda_1, chosen.lambda_2) == (1.0, 1.0)


@pytest.mark.parametrize(("kind", "best"), [("regression", 0.2), ("classification", 0.7)])
def test_nmse_is_low_and_auc_high_when_good(make_table, score_by, kind, best):
    scores = {(1e-2, 1e-3): best, (1e-1, 1e-1): 0.45}
    score_by(lambda pair: scores.get(pair, 0.5))
    chosen = select(table_data(make_table(kind)))
    assert (chosen.lambda_1, chosen.lambda_2) == (1e-2, 1e-3)


def test_nothing_measurable_falls_back_to_the_strongest_and_says_so(make_table, score_by):
    score_by(lambda _: float("nan"))
    chosen = select(table_data(make_table()))
    assert (chosen.lambda_1, chosen.lambda_2) == (1.0, 1.0)
    assert "too few rows" in chosen.chosen_by


@pytest.mark.parametrize("kind", KINDS)
def test_tiny_tasks_are_scored_together(make_table, kind):
    chosen = select(table_data(make_table(kind, sizes=[4] * 20, noise=0.1)))
    assert all(np.isfinite(score) for _, _, score in chosen.scores)
    assert "cross-validation" in chosen.chosen_by


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_rows_play_no_part(make_table, kind):
    data = table_data(make_table(kind, sizes=(20, 20)))
    blind = replace(data, X_test=data.X_test[::-1] * 9.0, y_test=-data.y_test)
    assert select(data) == select(blind)


def test_a_weaker_penalty_than_the_grids_is_found_where_it_is_better(make_table):
    table = make_table(sizes=(60, 60, 60), noise=0.0)
    rng = np.random.default_rng(1)
    own = rng.normal(size=(180, 4))
    twins = rng.normal(size=(180, 1)) + 0.05 * own  # the target is in the differences of columns that are almost one
    y = own @ [1.0, -1.0, 1.0, -1.0] + 0.3 * rng.normal(size=180)
    data = table_data(replace(table, X=twins, y=y, features=tuple("abcd")))
    more = []
    steps = []
    chosen = select_lambdas(data, AuditSettings(), n_jobs=1, advance=lambda: steps.append(1), announce=more.append)
    assert max(chosen.lambda_1, chosen.lambda_2) <= 1e-5
    scores = {(a, b): score for a, b, score in chosen.scores}
    assert scores[chosen.lambda_1, chosen.lambda_2] < 0.7 * scores[1e-4, 1e-4]
    assert chosen.chosen_by == f"3-fold cross-validation over {len(scores)} pairs"
    assert len(steps) == len(scores) == 25 + sum(more)
    assert chosen.edges == ()


def test_where_even_the_weakest_is_too_strong_the_edges_are_named(make_table, score_by):
    score_by(lambda pair: 1e-3 + sum(pair) ** 0.1)
    chosen = select(table_data(make_table()))
    assert (chosen.lambda_1, chosen.lambda_2) == (1e-8, 1e-8)
    assert chosen.edges == ("weaker lambda_1", "weaker lambda_2")
    assert len(chosen.scores) == 81
