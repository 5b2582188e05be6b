"""What every filter of rows promises."""

import numpy as np
import pytest
from sklearn.base import clone

from patom import MTRLClassifier, MTRLRegressor
from patom.defenses import Chain, Clip, ITrim, Leverage, Neighbours, Roni, Shares, Slab, Sphere, Trim

FILTERS = {
    "sphere": Sphere(fraction=0.2),
    "sphere, mean": Sphere(fraction=0.2, centre="mean"),
    "slab": Slab(fraction=0.2),
    "neighbours": Neighbours(fraction=0.2, k=3),
    "neighbours, targets": Neighbours(fraction=0.2, k=3, of="targets"),
    "leverage": Leverage(fraction=0.2),
    "trim": Trim(fraction=0.2, n_starts=2),
    "itrim": ITrim(max_fraction=0.2, threshold=0.0, n_starts=1),
    "roni": Roni(fraction=0.2, n_folds=3),
    "chain": Chain([Sphere(fraction=0.1), Trim(fraction=0.1, n_starts=1)]),
}
OVER_TASKS = {
    "clip": Clip(),
    "clip, own": Clip(over="task"),
    "clip, whitened": Clip(metric="whitened"),
    "shares": Shares(tolerance=1.2),
}
"""Filters that drop no fixed fraction, or none at all."""
WITHOUT_A_FIT = [name for name in FILTERS if name not in {"trim", "itrim", "roni", "chain"}]


@pytest.fixture(params=FILTERS.values(), ids=FILTERS.keys())
def filter_(request):
    return clone(request.param)


@pytest.fixture(params=(FILTERS | OVER_TASKS).values(), ids=(FILTERS | OVER_TASKS).keys())
def any_filter(request):
    return clone(request.param)


def drawn_data(kind):
    """X, y and text tasks of 20, 31 and 12 rows in no order."""
    rng = np.random.default_rng(5)
    task = rng.permutation(np.repeat(["a", "b", "c"], [20, 31, 12]))
    X = rng.standard_normal((task.size, 3))
    y = X @ [1.0, -1.0, 0.5] + 0.1 * rng.standard_normal(task.size)
    return X, (y if kind == "quantity" else np.where(y > 0.0, "yes", "no")), task


@pytest.fixture(name="data", params=["quantity", "classes"])
def fixture_data(request):
    return drawn_data(request.param)


def refused(made, said):
    """The filter must refuse targets of both kinds with this sentence."""
    for kind in ("quantity", "classes"):
        with pytest.raises(ValueError, match=f"^{said}"):
            made.keep(*drawn_data(kind))


def test_it_says_which_rows_stay_and_why_not(filter_, data):
    """Rows that go score above their threshold and rows that stay below; ``fit_resample`` gives those that stay."""
    X, y, task = data
    found = filter_.keep(X, y, task)
    assert found.kept.dtype == bool
    assert found.kept.shape == found.score.shape == found.threshold.shape == found.why.shape == y.shape
    assert 0 < np.count_nonzero(~found.kept) <= 0.2 * y.size
    np.testing.assert_array_equal(found.kept, found.why == "")
    np.testing.assert_array_equal(found.tasks, ["a", "b", "c"])
    by_task = found.by_task
    np.testing.assert_array_equal(by_task["rows"], [20, 31, 12])
    np.testing.assert_array_equal(by_task["dropped"], [np.sum(~found.kept[task == label]) for label in "abc"])
    assert (by_task["dropped"] <= 0.2 * by_task["rows"]).all()
    assert (found.score[~found.kept] >= found.threshold[~found.kept]).all()
    assert (found.score[found.kept] <= found.threshold[found.kept]).all()
    for sampled, given in zip(filter_.fit_resample(X, y, task), data, strict=True):
        np.testing.assert_array_equal(sampled, given[found.kept], err_msg="fit_resample")
    assert len(filter_.fit_resample(X, y)) == 2


@pytest.mark.parametrize("name", [*WITHOUT_A_FIT, *OVER_TASKS])
def test_rows_in_another_order_have_the_same_fate(name, data):
    X, y, task = data
    filter_ = (FILTERS | OVER_TASKS)[name]
    order = np.random.default_rng(0).permutation(y.size)
    expected, found = filter_.keep(X, y, task), filter_.keep(X[order], y[order], task[order])
    np.testing.assert_array_equal(found.kept, expected.kept[order])
    if expected.X is not None:
        np.testing.assert_allclose(found.X, expected.X[order], rtol=1e-12)


def test_rows_sorted_by_task_have_the_same_fate(any_filter, data):
    """For every filter: what one draws by chance goes by the rows of a task, whose order stays."""
    X, y, task = data
    order = np.argsort(task, kind="stable")
    expected, found = any_filter.keep(X, y, task), any_filter.keep(X[order], y[order], task[order])
    np.testing.assert_array_equal(found.kept, expected.kept[order])
    np.testing.assert_allclose(found.score, expected.score[order], rtol=1e-9, atol=1e-12)


def test_it_is_the_same_each_time_and_leaves_its_input_alone(any_filter, data):
    copies = [part.copy() for part in data]
    first = any_filter.keep(*data)
    np.testing.assert_array_equal(any_filter.keep(*data).score, first.score)
    for part, copy in zip(data, copies, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_nothing_is_dropped_where_nothing_is_asked_for(filter_, data):
    asked = {name: 0.0 for name in filter_.get_params() if name.endswith("fraction")}
    if isinstance(filter_, Chain):
        filter_.steps = [step.set_params(fraction=0.0) for step in filter_.steps]
    else:
        filter_.set_params(**asked)
    assert filter_.keep(*data).kept.all()


@pytest.mark.parametrize("name", WITHOUT_A_FIT)
def test_other_tasks_do_not_matter_to_a_filter_without_a_fit(name, data):
    X, y, task = data
    one = task == "b"
    np.testing.assert_array_equal(FILTERS[name].keep(X[one], y[one]).kept, FILTERS[name].keep(X, y, task).kept[one])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_task_keeps_a_row(any_filter, n):
    rng = np.random.default_rng(n)
    task = np.repeat(np.arange(4), n)
    found = any_filter.keep(rng.standard_normal((4 * n, 2)), rng.standard_normal(4 * n), task)
    assert (found.by_task["dropped"] < n).all()


def test_equal_rows_are_no_odder_than_each_other(filter_):
    X, y = np.ones((12, 2)), np.arange(12.0)
    if isinstance(filter_, Sphere | Leverage) or filter_.get_params().get("of") == "features":
        assert filter_.keep(X, y).kept.all()
    else:
        assert np.isfinite(filter_.keep(X, y).score).all()


SPOILED = [
    (lambda X, y, task: (np.where(np.eye(*X.shape) > 0, np.nan, X), y, task), "X holds NaN in row 0, column 0"),
    (lambda X, y, task: (X[:-1], y, task), "inconsistent numbers of samples"),
    (lambda X, y, task: (X, y, task[:-1]), "task must hold one label for each of the 63 rows of X; got 62"),
    (lambda X, y, task: (X, np.array(list("abc"))[np.arange(y.size) % 3], task), "y must hold numbers or two"),
    (lambda X, y, task: (X[:0], y[:0], task[:0]), "0 sample"),
]


def test_what_cannot_be_used_is_refused_in_a_sentence(any_filter, data):
    for spoil, said in SPOILED:
        with pytest.raises(ValueError, match=said):
            any_filter.keep(*spoil(*data))


@pytest.mark.parametrize("kind", [Sphere, Slab, Neighbours, Leverage, Trim, Roni])
def test_fractions_that_make_no_sense(kind):
    for fraction in (-0.1, 1.0, np.nan, "all", True):
        refused(kind(fraction=fraction), f"fraction of {kind.__name__} must be")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Sphere(centre="mode"), "centre of Sphere must be one of 'median', 'mean'"),
        (Slab(centre="mode"), "centre of Slab must be one of"),
        (Neighbours(k=0), "k of Neighbours must be a whole number at least 1"),
        (Neighbours(of="rows"), "of of Neighbours must be one of"),
        (Leverage(ridge=0.0), "ridge of Leverage must be a finite number above 0"),
        (Trim(n_starts=0), "n_starts of Trim must be a whole number at least 1"),
        (Trim(estimator=3), "estimator of Trim must be an MTRLRegressor or MTRLClassifier; got int"),
        (ITrim(max_fraction=1.0), "max_fraction of ITrim must be below 1; got 1.0"),
        (ITrim(step=0.0), "step of ITrim must be a finite number above 0"),
        (ITrim(threshold=-1.0), "threshold of ITrim must be a finite number at least 0"),
        (ITrim(n_starts=0), "n_starts of ITrim must be a whole number at least 1"),
        (ITrim(estimator=3), "estimator of ITrim must be an MTRLRegressor or MTRLClassifier; got int"),
        (Roni(n_folds=1), "n_folds of Roni must be a whole number at least 2"),
        (Clip(quantile=0.0), "quantile of Clip must be a finite number above 0"),
        (Clip(quantile=1.1), "quantile of Clip must be at most 1; got 1.1"),
        (Clip(ridge=0.0), "ridge of Clip must be a finite number above 0"),
        (Clip(metric="l1"), "metric of Clip must be one of 'euclidean', 'whitened'"),
        (Clip(over="all"), "over of Clip must be one of 'tasks', 'task'"),
        (Shares(tolerance=0.9), "tolerance of Shares must be a finite number at least 1"),
        (Chain([]), "steps of Chain must be one filter or more"),
        (Chain([Sphere(), "slab"]), "steps of Chain must be one filter or more"),
        (Chain([Sphere(fraction=2.0)]), "fraction of Sphere must be below 1"),
    ],
)
def test_settings_that_make_no_sense(made, said):
    refused(made, said)


@pytest.mark.parametrize("filter_", [Trim, Roni])
def test_the_estimator_goes_with_the_data(filter_, data):
    X, y, task = data
    estimator = MTRLRegressor(0.01, 0.01) if y.dtype.kind == "f" else MTRLClassifier(0.01, 0.01)
    assert 0 < np.sum(~filter_(estimator, fraction=0.1).keep(X, y, task).kept) <= 6
