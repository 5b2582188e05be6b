"""Whatever takes task labels keeps them apart, in lists that one numpy type cannot hold and in dates of any unit."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from patom import Ball, MTRLRegressor, RandomAttack, ThreatModel
from patom.attacks import AttackResult, ByTask, GreyBox, Targeted, hypergradient
from patom.core.covariances import cluster_covariance
from patom.datasets import from_target_matrix, from_task_arrays
from patom.defenses import PartitionMedian, Sanitised, Sphere, TrustedMTRL, TrustedRows, screen
from patom.metrics import nmse, per_task
from patom.models import LambdaSearch, TaskColumn

BIG = 2**63 + 1
LABELS = {
    "past both 64-bit types": [BIG + 1, -1, BIG],
    "past float64": [2**53, 2**53 + 1, 0.5],
    "text and numbers": ["1", 1, "x"],
    "null characters": ["a\0", "a", "b"],
    "tuples of both": [("a", 1), ("a", "1"), ("a", 2)],
    "dates": [dt.date(2020, 1, 1), dt.date(2020, 1, 2), dt.date(2020, 1, 3)],
    "Timestamps": [
        pd.Timestamp("2020-01-01"),
        pd.Timestamp("2020-01-02 12:00:00.000000001"),
        pd.Timestamp("2021-01-01"),
    ],
}
N = 12


@pytest.fixture(params=LABELS)
def three(request):
    """Three tasks that lean different ways: X, y and a list of labels."""
    rng, labels = np.random.default_rng(0), LABELS[request.param]
    X = rng.uniform(-0.5, 0.5, (3 * N, 2))
    slope = np.repeat([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], N, axis=0)
    return X, (X * slope).sum(axis=1), [labels[i // N] for i in range(3 * N)], labels


MODEL = MTRLRegressor(1e-3, 1e-3)
LEARNERS = {
    "MTRLRegressor": MODEL,
    "LambdaSearch": LambdaSearch(MTRLRegressor(), lambdas=(1e-3,)),
    "Sanitised": Sanitised(MODEL, Sphere(0.1)),
    "PartitionMedian": PartitionMedian(MODEL, n_parts=3),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_learners(name, three):
    X, y, task, labels = three
    model = clone(LEARNERS[name]).fit(X, y, task=task)
    assert model.tasks_.size == 3
    numbered = clone(LEARNERS[name]).fit(X, y, task=np.repeat(range(3), N))
    x = [[0.3, 0.1]] * 3
    if name == "PartitionMedian":  # its parts go by the labels
        assert np.ptp(model.predict(x, task=labels)) > 0.1
    else:
        np.testing.assert_allclose(model.predict(x, task=labels), numbered.predict(x, task=[0, 1, 2]), atol=1e-6)
    np.testing.assert_array_equal(model.predict(x[:1], task=labels[1:2]), model.predict(x, task=labels)[1:2])


def test_trusted_tasks(three):
    X, y, task, labels = three
    model = TrustedMTRL(MODEL, trusted=labels[1:]).fit(X, y, task=task)
    assert np.isfinite(model.predict(X, task=task)).all()


def test_trusted_rows(three):
    X, y, task, _ = three
    model = TrustedRows(MODEL, X[::3], y[::3], task[::3]).fit(X, y, task=task)
    assert model.tasks_.size == 3
    assert np.isfinite(model.predict(X, task=task)).all()


def test_task_column(three):
    X, y, task, labels = three
    table = [[label, *row] for label, row in zip(task, X.tolist(), strict=True)]
    model = TaskColumn(MODEL).fit(table, y)
    assert model.estimator_.tasks_.size == 3
    direct = MTRLRegressor(1e-3, 1e-3).fit(X, y, task=task)
    np.testing.assert_allclose(model.predict(table[::N]), direct.predict(X[::N], task=labels), atol=1e-9)


def test_attacks(three):
    X, y, task, labels = three
    threat = ThreatModel(targets=labels[:1], attackers=labels[1:], budget=0.25, region=Ball(1.0))
    result = RandomAttack().poison(MODEL, X, y, task=task, threat=threat, random_state=0)
    both = result.combine(X, y, task)
    encoded = per_task(lambda a, _: float(len(a)), both.y, both.y, both.task).as_dict()
    assert sorted(encoded.values()) == [12.0, 15.0, 15.0]
    assert result.refit(MODEL, X, y, task=task).tasks_.size == 3
    G = hypergradient(
        MODEL, X, y, task=task, X_poison=result.X, y_poison=result.y, task_poison=result.task, targets=labels[:1]
    )
    assert G.shape == result.X.shape


def test_parts_of_a_threat(three):
    X, y, task, labels = three
    threat = ThreatModel(
        targets=labels[:1], attackers=labels[1:], budget=0.25,
        region=ByTask({labels[1]: Ball(0.5), labels[2]: Ball(0.4)}),
        objective=Targeted([[0.1, 0.1]], task=labels[:1]),
        knowledge=GreyBox(X=X, y=y, task=task),
    )  # fmt: skip
    result = RandomAttack().poison(MODEL, X, y, task=task, threat=threat, random_state=0)
    assert isinstance(result, AttackResult)
    assert (np.linalg.norm(result.X, axis=1) <= 0.5 + 1e-9).all()


def test_kinds_of_a_threat(three):
    *_, labels = three
    assert ThreatModel(labels[:2], labels[:2], 0.2).kind == "direct"
    assert ThreatModel(labels[:2], labels[1:], 0.2).kind == "hybrid"
    assert ThreatModel(labels[:2], labels[2:], 0.2).kind == "indirect"


def test_converters(three):
    X, y, _, labels = three
    pairs = {label: (X[i * N : (i + 1) * N], y[i * N : (i + 1) * N]) for i, label in enumerate(labels)}
    for table in (from_task_arrays(pairs), from_target_matrix(X[:N], np.arange(3.0 * N).reshape(N, 3), labels)):
        assert MTRLRegressor().fit(*table[:2], task=table.task).tasks_.size == 3
        assert np.isfinite(MTRLRegressor().fit(*table[:2], task=table.task).predict(X[:3], task=labels)).all()


def test_metrics(three):
    _, y, task, _ = three
    assert per_task(nmse, y, y, task).tasks.size == 3


def test_clusters_and_screening(three):
    X, y, task, labels = three
    assert np.unique(cluster_covariance(labels[:2])).size > 1
    assert np.ptp(np.diag(cluster_covariance(labels))) < 1e-12
    found = screen(MODEL, X, y, task=task)
    assert found.tasks.size == 3
    assert found.next_to(labels[:1]).size == 2


def test_screening_does_not_cut_a_label_short():
    rng = np.random.default_rng(0)
    X, y, task = rng.uniform(-0.5, 0.5, (24, 2)), rng.standard_normal(24), np.repeat(["ab", "cd"], 12)
    with pytest.raises(ValueError, match="confirmed names the task 'abacus'"):
        screen(MODEL, X, y, task=task).next_to(["abacus"])


UNITS = ["datetime64[D]", "datetime64[us]", "datetime64[ns]"]


@pytest.mark.parametrize("fitted", UNITS)
@pytest.mark.parametrize("given", [*UNITS, "Timestamps", "polars"])
def test_a_model_fitted_on_dates_predicts_in_every_unit(fitted, given):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-0.5, 0.5, (24, 2)), rng.standard_normal(24)
    days = np.repeat(np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), 12)
    model = MTRLRegressor().fit(X, y, task=days.astype(fitted))
    same = {"Timestamps": [pd.Timestamp(day) for day in days], "polars": pl.Series(days)}
    later = same[given] if given in same else days.astype(given)
    np.testing.assert_array_equal(model.predict(X, task=later), model.predict(X, task=days.astype(fitted)))
    threat = ThreatModel(targets=later[:1], attackers=later[-1:], budget=0.2)
    result = RandomAttack().poison(MODEL, X, y, task=days.astype(fitted), threat=threat, random_state=0)
    assert result.combine(X, y, later).task.dtype.kind == "M"
