"""Fifty thousand tasks: attacks hold no array over pairs of tasks."""

import tracemalloc

import numpy as np
import pytest

from patom import PATOM, MTRLRegressor, ProjectedAscent, ThreatModel
from patom.core.solvers.solution import Status

M, D = 50_000, 4
FEW, OTHERS, ALL = range(5), range(5, 10), range(M)
MODEL = MTRLRegressor(0.1, 0.1)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    task = rng.permutation(np.repeat(np.arange(M), 3))
    X = rng.standard_normal((task.size, D))
    X /= np.linalg.norm(X, axis=1).max()
    return X, X @ rng.standard_normal(D) + 0.2 * rng.standard_normal(task.size), task


ASCENT = {"max_iter": 1, "n_starts": 1}
CASES = {
    "PATOM, few on all": (PATOM(max_iter=1, batch_ratio=0.1), ALL, FEW),
    "ascent, indirect": (ProjectedAscent(**ASCENT), OTHERS, FEW),
    "ascent, all on all, the paper's gradient": (ProjectedAscent("paper", **ASCENT), ALL, ALL),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_memory_of_an_attack_is_far_below_one_number_a_pair_of_tasks(data, case):
    attack, targets, attackers = CASES[case]
    X, y, task = data
    tracemalloc.start()
    result = attack.poison(MODEL, X, y, task=task, threat=ThreatModel(targets, attackers, 0.4), random_state=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.02 * 8 * M**2
    assert result.y.size == len(attackers)
    assert result.model.status_ is Status.CONVERGED
    assert np.isfinite(result.utility)


def test_all_rows_move_the_same_however_phi_is_cut(data, monkeypatch):
    X, y, task = data
    small = task < 40
    attack, threat = PATOM(max_iter=2), ThreatModel(range(20), range(10, 40), 0.7)
    given = {"model": MODEL, "X": X[small], "y": y[small], "task": task[small], "threat": threat, "random_state": 0}
    whole = attack.poison(**given)
    monkeypatch.setattr("patom.core.relationship._BLOCK", 3 * 20)
    np.testing.assert_allclose(attack.poison(**given).X, whole.X, atol=1e-9)
