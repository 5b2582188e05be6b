"""PATOM holds few samples and little of Phi at a time; how few changes nothing."""

import numpy as np
import pytest

from patom import PATOM, Ball, Box, ThreatModel
from patom.attacks import AttackStatus
from patom.attacks.program import bilevel


@pytest.mark.parametrize("region", [Ball(1.0), Box(-1.0, 1.0)])
@pytest.mark.parametrize("stretch", [32, 64, 10**6])
def test_stretches_of_samples_are_one_sweep(make_tasks, make_victim, monkeypatch, region, stretch):
    X, y, task = make_tasks("squared_hinge", n_rows=30)
    threat = ThreatModel(["a", "c"], ["b", "c"], budget=0.2, region=region)
    attack, model = PATOM(max_iter=2), make_victim("squared_hinge", lambda_1=0.01, lambda_2=0.01)
    whole = attack.poison(model, X, y, task=task, threat=threat, random_state=0)
    monkeypatch.setattr("patom.attacks.patom._STRETCH", stretch)
    parts = attack.poison(model, X, y, task=task, threat=threat, random_state=0)
    np.testing.assert_array_equal(parts.X, whole.X)


@pytest.mark.parametrize("lambda_2", [0.0, 0.1])
def test_whether_anything_couples_is_seen_a_few_attackers_at_a_time(make_tasks, make_victim, monkeypatch, lambda_2):
    X, y, task = make_tasks("squared_error")
    threat = ThreatModel(["a"], ["b", "c", "d"], budget=0.2)
    monkeypatch.setattr("patom.core.relationship._BLOCK", 1)
    result = PATOM(max_iter=2).poison(
        make_victim("squared_error", lambda_2=lambda_2), X, y, task=task, threat=threat, random_state=0
    )
    assert (result.status is AttackStatus.UNCOUPLED) == (lambda_2 == 0.0)


@pytest.mark.parametrize("targets", [["b"], ["b", "c"], ["a", "c"], ["a", "b", "c", "d"]])
def test_rows_of_targets_side_by_side_are_not_copied(make_tasks, make_victim, targets):
    X, y, task = make_tasks("squared_error")
    program = bilevel(make_victim("squared_error"), X, y, task, ThreatModel(targets, ["d"], budget=0.2))
    rows, (aimed, of_task) = program.problem.rows, program.aim.rows
    inside = np.isin(program.problem.tasks[rows.task_index], targets)
    np.testing.assert_array_equal(aimed, rows.X[inside])
    np.testing.assert_array_equal(of_task, rows.task_index[inside])
    assert np.shares_memory(aimed, rows.X) == (targets != ["a", "c"])
