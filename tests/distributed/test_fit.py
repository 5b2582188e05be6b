"""A fit over worker processes: the weights and the certificate of one machine, and rows that stay where they are."""

from functools import partial

import dask
import numpy as np
import pytest
from partitions import features_and_tasks, rows, together
from sklearn.exceptions import ConvergenceWarning
from small_grid import CELLS, GRID

from patom import MTRLClassifier, MTRLRegressor
from patom.core.solvers.solution import Status
from patom.distributed import fit_distributed, held
from patom.paper import parse_grid, run_grid

CASES = {
    "squared error": (MTRLRegressor(0.1, 0.1), {}),
    "weak penalties": (MTRLRegressor(1e-4, 1e-3), {}),
    "Huber's": (MTRLRegressor(0.01, 0.01, loss="huber", huber_delta=0.5), {}),
    "squared hinge": (MTRLClassifier(0.01, 0.01), {"classes": True}),
    "logistic": (MTRLClassifier(0.01, 0.01, loss="logistic"), {"classes": True}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_weights_and_certificate_as_on_one_machine(client, case):
    model, settings = CASES[case]
    X, y, task = together(3, **settings)
    one = model.fit(X, y, task=task)
    with fit_distributed(model, [partial(rows, k, **settings) for k in range(3)], client) as fitted:
        assert fitted.status is one.status_ is Status.CONVERGED
        assert fitted.objective == pytest.approx(one.objective_, rel=1e-9)
        assert fitted.duality_gap <= model.tol * min(1.0, fitted.objective)
        np.testing.assert_allclose(fitted.task_spectrum, one.task_spectrum_, atol=1e-7)
        gathered = fitted.model()
        few = fitted.predict(X[:9], task=task[:9])
    np.testing.assert_array_equal(gathered.tasks_, one.tasks_)
    np.testing.assert_allclose(gathered.coef_, one.coef_, atol=1e-8)
    np.testing.assert_allclose(gathered.intercept_, one.intercept_, atol=1e-8)
    np.testing.assert_allclose(gathered.task_correlation_, one.task_correlation_, atol=1e-6)
    np.testing.assert_array_equal(few, gathered.predict(X[:9], task=task[:9]))


def test_features_as_float32_and_tasks_of_numbers(client):
    def part(k):
        X, y, task = rows(k, dtype=np.float32)
        return X, y, 100 * k + np.unique(task, return_inverse=True)[1]

    X, y, task = (np.concatenate(parts) for parts in zip(part(0), part(1), strict=True))
    one = MTRLRegressor().fit(X.astype(np.float64), y, task=task)
    with fit_distributed(MTRLRegressor(), [partial(part, 1), partial(part, 0)], client) as fitted:
        model = fitted.model()
    np.testing.assert_array_equal(model.tasks_, one.tasks_)
    np.testing.assert_allclose(model.coef_, one.coef_, atol=1e-8)


LABELS = {
    "past float64": ([2**53, 2**53 + 1, 0.5], [7, 8, 9]),
    "past both 64-bit types": (np.array([2**63, 2**63 + 1], dtype=np.uint64), np.array([-1, -2])),
    "dates in two units": (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), np.array(["2020-01-03T12"], "M8[ns]")),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_two_partitions_stay_what_they_are(client, kind):
    given = LABELS[kind]

    def part(k):
        X, y, _ = rows(k)
        return X, y, [label for label in given[k] for _ in range(y.size)][:: len(given[k])]

    with fit_distributed(MTRLRegressor(), [part(0), part(1)], client) as fitted:
        model = fitted.model()
        for k in (0, 1):
            X, _, task = part(k)
            np.testing.assert_allclose(fitted.predict(X, task=task), model.predict(X, task=task), atol=1e-12)
    assert model.tasks_.size == sum(len(labels) for labels in given)


@pytest.mark.slow
def test_rows_of_futures_and_of_delayed_calls(client):
    one = MTRLRegressor().fit(*together(2)[:2], task=together(2)[2])
    for sources in (
        [client.submit(rows, k) for k in range(2)],
        [dask.delayed(rows)(k) for k in range(2)],
        [*map(rows, range(2))],
    ):
        with fit_distributed(MTRLRegressor(), sources, client) as fitted:
            np.testing.assert_allclose(fitted.model().coef_, one.coef_, atol=1e-8)


@pytest.mark.slow
def test_predictions_stay_on_the_workers(client):
    with fit_distributed(MTRLRegressor(), [partial(rows, k) for k in range(3)], client) as fitted:
        futures = fitted.predict_partitions([partial(features_and_tasks, k, each=2) for k in range(3)])
        for k, future in enumerate(futures):
            X, task = features_and_tasks(k, each=2)
            np.testing.assert_allclose(future.result(), fitted.predict(X, task=task), atol=1e-12)
        with pytest.raises(ValueError, match="must be as many as the fit had, 3; got 1"):
            fitted.predict_partitions([partial(features_and_tasks, 0)])
        with pytest.raises(ValueError, match="task names the task 'z', which the training data do not hold"):
            fitted.predict(np.zeros((1, 4)), task=["z"])


def test_workers_forget_when_the_fit_is_closed_or_dropped(client):
    def holding():
        return client.run(lambda: len(held._HELD))

    fitted = fit_distributed(MTRLRegressor(), [partial(rows, k) for k in range(2)], client)
    assert sum(holding().values()) == 2
    fitted.close()
    assert sum(holding().values()) == 0


@pytest.mark.slow
def test_an_address_is_enough_and_a_grid_runs_on_the_same_cluster(cluster, tmp_path):
    address = cluster.scheduler_address
    grid = parse_grid(GRID.replace("budgets = [0.1, 0.3]", "budgets = [0.3]"), "small")
    with fit_distributed(MTRLRegressor(), [partial(rows, k) for k in range(2)], address) as fitted:
        run = run_grid(grid, tmp_path, dask=address)
        X, _, task = together(2)
        one = MTRLRegressor().fit(*together(2)[:2], task=task)
        np.testing.assert_allclose(fitted.predict(X, task=task), one.predict(X, task=task), atol=1e-8)
    assert (run.cells, run.failed) == (CELLS // 2, 0)


def test_a_fit_that_stops_early_warns(client):
    with pytest.warns(ConvergenceWarning, match=r"Stopped at max_iter.* 1 iterations") as caught:
        fit_distributed(MTRLRegressor(max_iter=1), [partial(rows, 0)], client).close()
    assert caught[0].filename == __file__


X, Y, TASK = rows(0)
GAP = np.where(np.arange(Y.size) == 3, np.nan, Y)
REFUSED = {
    "no list": (MTRLRegressor(), 3, "partitions of fit_distributed must be a list of at least one partition; got 3"),
    "none": (MTRLRegressor(), [], "must be a list of at least one partition; got \\[\\]"),
    "a number": (MTRLRegressor(), [3], "a partition must give \\(X, y, task\\); got int"),
    "split task": (
        MTRLRegressor(),
        [(X, Y, TASK)] * 2,
        "must not share a task; p0-00000 is in partition 0 and in partition 1",
    ),
    "other features": (MTRLRegressor(), [(X, Y, TASK), rows(1, d=3)], "the first has 4, partition 1 has 3"),
    "missing feature": (
        MTRLRegressor(),
        [(np.where(np.arange(X.size).reshape(X.shape) == 9, np.nan, X), Y, TASK)],
        "X holds NaN in row 2, column 1",
    ),
    "missing target": (MTRLRegressor(), [(X, GAP, TASK)], "y holds a missing value in row 3"),
    "words": (MTRLRegressor(), [rows(0, classes=True)], "y must hold numbers for MTRLRegressor"),
    "many classes": (MTRLClassifier(), [(X, np.arange(Y.size) % 3, TASK)], "Only binary classification is supported"),
    "one class": (MTRLClassifier(), [(X, np.ones(Y.size), TASK)], "y holds one class only"),
    "lengths": (MTRLRegressor(), [(X, Y[1:], TASK)], "must hold one target a row"),
    "given Omega": (
        MTRLRegressor(task_covariance=np.eye(8)),
        [(X, Y, TASK)],
        "must learn Omega with solver='accelerated'",
    ),
    "setting": (MTRLRegressor(lambda_1=-1.0), [(X, Y, TASK)], "lambda_1 of MTRLRegressor must be a finite number"),
    "model": (object(), [(X, Y, TASK)], "Cannot clone object"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(client, case):
    model, partitions, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        fit_distributed(model, partitions, client)


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr("patom.workers.CONNECT_SECONDS", 0.5)
    with pytest.raises(ConnectionError, match=r"^No dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        fit_distributed(MTRLRegressor(), [partial(rows, 0)], "tcp://127.0.0.1:1")


@pytest.mark.parametrize("pair", [("a", "a\0"), (-1, 2**63 + 2)], ids=["null characters", "past 64 bits"])
def test_classes_stay_what_they_are(client, pair):
    parts = [rows(i, classes=True) for i in range(2)]
    coded = [(X, [pair[label == "yes"] for label in y.tolist()], task) for X, y, task in parts]
    with (
        fit_distributed(MTRLClassifier(0.01, 0.01), coded, client) as fitted,
        fit_distributed(MTRLClassifier(0.01, 0.01), parts, client) as known,
    ):
        found = fitted.model()
        assert found.classes_.tolist() == list(pair)
        np.testing.assert_allclose(found.coef_, known.model().coef_, atol=1e-8)
