"""What a mask hides is refused wherever it lies, in lists, settings and regions too, and without a warning."""

import numpy as np
import pytest

from patom import Ball, Box, MTRLRegressor, ThreatModel
from patom.attacks import GreyBox
from patom.core.regions import Ellipsoid, Fixed, ellipsoid_around
from patom.datasets import from_target_matrix, from_task_arrays, one_vs_rest_tasks
from patom.defenses import Sphere, TrustedMTRL
from patom.metrics import correlation_shift, mean_over_tasks, nmse, per_task
from patom.models import TaskColumn

N = 12
X = np.random.default_rng(0).uniform(-0.5, 0.5, (N, 2))
Y = np.arange(float(N))
TASK = np.repeat(["a", "b"], N // 2)


def in_list(values, *at):
    mask = np.zeros(np.shape(values), dtype=bool)
    mask[at] = True
    return list(np.ma.masked_array(values, mask=mask))


def masked(*values):
    return np.ma.masked_array(values, mask=[1] * len(values))


def fitted():
    return MTRLRegressor().fit(X, Y, task=TASK)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: fitted().fit(in_list(X, 3, 1), Y, task=TASK), "X holds a masked value in row 3, column 1;"),
        (lambda: fitted().fit([masked(1.0) for _ in X], Y, task=TASK), "X holds a masked value in row 0, column 0 "),
        (lambda: fitted().fit(X, in_list(Y, 3), task=TASK), "y holds a masked value in row 3;"),
        (lambda: fitted().fit(X, Y, task=in_list(TASK, 3)), "task holds a missing label in row 3;"),
        (lambda: fitted().fit(X, Y, task=TASK, sample_weight=in_list(Y, 3)), "sample_weight holds a masked value"),
        (lambda: fitted().predict([X[0], in_list(X, 0)[0]], task=["a", "b"]), "X holds a masked value in row 1"),
        (lambda: TaskColumn(MTRLRegressor()).fit(in_list(X, 3, 1), Y), "X holds a masked value in row 3"),
        (lambda: Sphere(0.1).keep(in_list(X, 3), Y, task=TASK), "X holds a masked value in row 3"),
        (lambda: GreyBox(X=in_list(X, 3), y=Y, task=TASK), "X of GreyBox holds a masked value in row 3"),
        (lambda: from_task_arrays([(in_list(X, 3), Y)]), "X of task 0 has a masked value in row 3"),
        (lambda: from_task_arrays([(X, in_list(Y, 3))]), "y of task 0 has a masked value in row 3"),
        (lambda: from_target_matrix(X, in_list(X, 3)), "Y has a masked value in row 3"),
        (lambda: from_target_matrix(X, X, tasks=masked("a", "b")), "tasks has a masked label in place 0"),
        (lambda: one_vs_rest_tasks(X, in_list(Y, 3)), "y has a masked value in row 3"),
    ],
)
def test_rows(use, said):
    with pytest.raises(ValueError, match=said):
        use()


def threat(**settings):
    return ThreatModel(**{"targets": ["a"], "attackers": ["b"], "budget": 0.1} | settings)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: threat(targets=masked(0, 1)), "targets of ThreatModel holds a masked value in row 0"),
        (lambda: threat(attackers=[0, np.ma.masked]), "attackers of ThreatModel holds a masked value in row 1"),
        (lambda: TrustedMTRL(MTRLRegressor(), trusted=masked("a")).fit(X, Y, task=TASK), "trusted holds a masked"),
        (lambda: Ball(1.0, centre=masked(1.0, 2.0)), "centre of Ball holds a masked value"),
        (lambda: Box(masked(0.0, 0.0), 1.0), "lower of Box holds a masked value"),
        (lambda: Fixed(masked(1, 2), 0.5), "columns of Fixed holds a masked value"),
        (lambda: Ellipsoid([np.ma.masked_array([1.0, 0.0], mask=[1, 0]), [0.0, 1.0]]), "covariance of Ellipsoid holds"),
        (lambda: ellipsoid_around(in_list(X, 3)), "X of ellipsoid_around holds a masked value"),
        (
            lambda: MTRLRegressor(task_covariance=in_list(np.eye(2), 0)).fit(X, Y, task=TASK),
            "task_covariance holds a masked value in row 0",
        ),
        (lambda: nmse(in_list(Y, 3), Y), "hides values under a mask"),
        (lambda: per_task(nmse, Y, Y, in_list(TASK, 3)), "task hides labels under a mask"),
        (lambda: mean_over_tasks(masked(1.0, 2.0)), "values are hidden under a mask"),
        (lambda: correlation_shift(np.eye(2), in_list(np.eye(2), 0)), "hides values under a mask"),
    ],
)
def test_settings_regions_and_metrics(use, said):
    with pytest.raises(ValueError, match=said):
        use()
