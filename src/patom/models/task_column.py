"""Task labels as a column of X, so that scikit-learn's own tools can carry them.

Scikit-learn cuts X into folds and hands it to scorers, but it cannot route ``task`` to the predict that a
scorer calls (its issue 27977). `TaskColumn` keeps the labels inside X until the wrapped estimator needs them.
"""

from collections.abc import Iterator, Sized
from difflib import get_close_matches
from numbers import Integral
from typing import Any, Self

import narwhals as nw
import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from patom.core.arrays import AnyArray
from patom.core.exact import exact_array, objects
from patom.models.delegating import has, tags_of
from patom.models.reading import require_shown
from patom.models.scoring import accuracy, r_squared

ROUTED_METHODS = ("fit", "transform", "predict", "predict_proba", "decision_function", "score")


class TaskColumn(MetaEstimatorMixin, BaseEstimator):
    """Wrap an estimator so that the task labels are one column of X.

    The column is taken out of X and goes to ``estimator.fit(X, y, task=...)``, ``predict(X, task=...)`` and
    ``decision_function(X, task=...)``. Cross-validation, grid search with string scorers and pipelines then
    work as for any scikit-learn estimator, which is a classifier or a regressor as the wrapped one is.

    Parameters
    ----------
    estimator : estimator
        Its ``fit`` takes ``task``. A pipeline whose last step does is fine: the labels go to that step, and
        to every step before it whose ``fit`` or ``transform`` takes ``task`` too, whether or not metadata
        routing is enabled. A step that set its own request for ``task`` keeps it.
    column : int or str, default 0
        The column of the labels: its position (negative counts from the end), or its name in a data frame.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone; ``estimator_.tasks_`` and the like are found there.
    classes_ : array
        Class labels, for classifiers.
    n_features_in_ : int
        Columns of X, the task column included.
    feature_names_in_ : array of str
        Their names, when X was a data frame.

    Notes
    -----
    X may be an array (of numbers, or of objects or text when labels are text) or any data frame that narwhals
    knows; the remaining columns go on as an array or as a data frame of the same kind. In an array of floats
    the labels are floats (2.0 for task 2). An array of text goes on as one of objects, so that numbers
    written as text can be read as numbers.

    A search goes around a ``TaskColumn``, as below, not inside: it has no way to pass the labels on to ``predict``.
    Weights reach its fits through its own ``fit(X, y, sample_weight=...)``; its scores weigh rows alike. Where metadata
    routing is enabled, scikit-learn asks first: ``TaskColumn(...).set_fit_request(sample_weight=True)`` and, with
    ``scoring=None``, ``.set_score_request(sample_weight=True)`` (False for scores that weigh rows alike).

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from patom import MTRLRegressor
    >>> X = np.array([["up", 0], ["down", 0], ["up", 1], ["down", 1], ["up", 2], ["down", 2]], dtype=object)
    >>> y = [0.0, 0.0, 1.0, -1.0, 2.0, -2.0]
    >>> search = GridSearchCV(TaskColumn(MTRLRegressor()), {"estimator__lambda_1": [0.01, 10.0]}, cv=3)
    >>> search.set_params(scoring="neg_mean_squared_error").fit(X, y).best_params_
    {'estimator__lambda_1': 0.01}
    """

    def __init__(self, estimator: Any, column: int | str = 0) -> None:
        self.estimator = estimator
        self.column = column

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit a clone of the estimator.

        Parameters
        ----------
        X : array or data frame of shape (n, 1 + d)
            Features and the task column.
        y : array of shape (n,)
            Targets.
        sample_weight : array of shape (n,), optional
            For the steps that take ``task`` and weights, and for others that ask for it (``set_fit_request``). Rows of
            weight 0 are read and checked as the others are.

        Raises
        ------
        ValueError
            No such column, no column besides it, or X without two dimensions.
        TypeError
            ``column`` is neither position nor name; no ``fit`` inside the estimator takes ``task``; weights are given
            and it takes none; or there is a search inside, which cannot pass ``task`` on to ``predict``: put the search
            around the ``TaskColumn``.
        """
        features, task = self._split(X, reset=True)
        estimator = request_task(clone(self.estimator))
        if sample_weight is not None:
            require_weighted(estimator)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        with config_context(enable_metadata_routing=True):  # a Pipeline passes task to its last step only so
            self.estimator_ = estimator.fit(features, y, task=task, **weights)
        return self

    def predict(self, X: Any) -> AnyArray:
        """Predictions, shape (n,), for X of shape (n, 1 + d), with columns as in ``fit``."""
        return self._respond("predict", X)

    @available_if(lambda self: has(self, "decision_function"))
    def decision_function(self, X: Any) -> AnyArray:
        """Scores of the rows of X, shape (n,); higher means more surely the larger class."""
        return self._respond("decision_function", X)

    @available_if(lambda self: has(self, "predict_proba"))
    def predict_proba(self, X: Any) -> AnyArray:
        """Class probabilities, shape (n, number of classes), where the estimator has them."""
        return self._respond("predict_proba", X)

    def score(self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """Accuracy of a classifier, R^2 of a regressor; a class that ``fit`` has not seen is predicted wrongly.

        Targets and weights that ``fit`` refuses are a ValueError.
        """
        if get_tags(self).estimator_type == "classifier":
            return accuracy(y, self.predict(X), self.classes_, sample_weight)
        return r_squared(y, self.predict(X), sample_weight, owner=type(self.estimator_).__name__)

    @property
    def classes_(self) -> AnyArray:
        """Class labels of the fitted classifier."""
        return np.asarray(self.estimator_.classes_)

    def _respond(self, method: str, X: Any) -> AnyArray:
        check_is_fitted(self)
        features, task = self._split(X, reset=False)
        with config_context(enable_metadata_routing=True):
            return np.asarray(getattr(self.estimator_, method)(features, task=task))

    def _split(self, X: Any, *, reset: bool) -> tuple[Any, AnyArray]:
        require_shown(X=X)
        table = _as_table(X)
        plain = X if isinstance(table, nw.DataFrame) else table
        validate_data(self, plain, reset=reset, skip_check_array=True)
        features, labels = _take_column(table, self.column)
        if isinstance(X, list | tuple):  # as an array the numbers of a row may have lost digits to one type
            labels = exact_array([row[_position(table, self.column)] for row in X])
        return features, labels

    def __sklearn_tags__(self) -> Tags:
        own = super().__sklearn_tags__()
        columns, tags = own.input_tags, tags_of(self.estimator, own)
        columns.string, columns.allow_nan = True, tags.input_tags.allow_nan
        tags.input_tags = columns
        tags.non_deterministic = get_tags(self.estimator).non_deterministic
        return tags


def _as_table(X: Any) -> Any:
    """X as a narwhals data frame or an array of two dimensions."""
    if hasattr(X, "toarray"):
        raise TypeError("TaskColumn: X is a sparse matrix; pass its .toarray() or a data frame")
    if not isinstance(X, np.ndarray | list | tuple):
        frame = nw.from_native(X, eager_only=True, pass_through=True)
        if isinstance(frame, nw.DataFrame):
            return frame
    try:
        array = np.asarray(X)
    except ValueError:  # rows of different lengths, or with a tuple for a label
        array = _entries(X)
    if array.dtype.kind in "US":
        array = np.asarray(X, dtype=object)
    if array.ndim != 2:
        raise ValueError(
            f"TaskColumn: X has shape {array.shape}; it must have two dimensions, task column and features"
        )
    return array


def _entries(rows: Any) -> AnyArray:
    """Rows as objects, shape (n, k); of no second dimension where they differ in length."""
    lengths = {len(row) for row in rows if isinstance(row, Sized)}
    if len(lengths) != 1:
        return objects(rows)
    return np.array([objects(row) for row in rows])


def _take_column(table: Any, column: int | str) -> tuple[Any, AnyArray]:
    position = _position(table, column)
    if table.shape[1] == 1:
        raise ValueError("TaskColumn: X has the task column only; it needs one feature or more")
    if isinstance(table, nw.DataFrame):
        others = [j for j in range(table.shape[1]) if j != position]
        return table[:, others].to_native(), exact_array(table[:, position])
    return np.delete(table, position, axis=1), table[:, position]


def _position(table: Any, column: int | str) -> int:
    """Where the column is, counted from 0."""
    width = table.shape[1]
    if isinstance(column, Integral) and not isinstance(column, bool):
        if not -width <= column < width:
            raise ValueError(
                f"TaskColumn: column is {column}, X has {width} columns; use a position from {-width} to {width - 1}"
            )
        return int(column) % width
    if not isinstance(column, str):
        raise TypeError(f"TaskColumn: column is {column!r}; it must be a position (int) or a name (str)")
    if not isinstance(table, nw.DataFrame):
        raise ValueError(
            f"TaskColumn: column is the name {column!r}, but X is an array without names; "
            "pass a position or a data frame"
        )
    names = [str(name) for name in table.columns]
    if column not in table.columns:
        near = get_close_matches(column, names, n=3) or names[:3]
        raise ValueError(f"TaskColumn: X has no column {column!r}; the nearest names are {', '.join(near)}")
    return int(table.columns.index(column))


def request_task(estimator: Any) -> Any:
    """Make every part of the estimator that takes ``task`` request it, and weights, unless it says otherwise itself.

    Parts without a task, such as a scaler, take no weights unless they ask for them, as outside of metadata routing.
    The parts are clones that belong to `TaskColumn`, so nothing of the user's changes. Requests can only be
    set while routing is enabled; they have no effect where it is not. A
    TypeError says that no part's ``fit`` takes ``task``, or that it cannot reach ``predict``, as inside of a search.
    """
    takes_task = False
    for part in _parts(estimator):
        for method in ROUTED_METHODS:
            wanted = _requests(part, method)
            takes_task = takes_task or (method == "fit" and "task" in wanted)
            unsaid = {name: "task" in wanted for name in ("task", "sample_weight") if wanted.get(name, name) is None}
            if unsaid:
                with config_context(enable_metadata_routing=True):
                    getattr(part, f"set_{method}_request")(**unsaid)
    if not takes_task:
        raise TypeError(
            f"TaskColumn: no fit in {type(estimator).__name__} takes task=; wrap an estimator that does, "
            "such as MTRLRegressor or MTRLClassifier"
        )
    with config_context(enable_metadata_routing=True):
        routing = get_routing_for_object(estimator)
        lost = isinstance(routing, MetadataRouter) and not routing.consumes("predict", ["task"])
        if lost and routing.consumes("fit", ["task"]):
            name = type(_last_step(estimator)).__name__
            raise TypeError(
                f"TaskColumn: {name} cannot pass task= on to predict; put TaskColumn inside of it instead, as in "
                f"{name}(TaskColumn(MTRLRegressor()), ...)"
            )
    return estimator


def require_weighted(estimator: Any) -> None:
    """Refuse weights where the fit that they are meant for takes none; a fit may decline them by its own request.

    The TypeError names the estimator, the last step of a pipeline.
    """
    last = _last_step(estimator)
    with config_context(enable_metadata_routing=True):
        taken = get_routing_for_object(last).consumes("fit", ["sample_weight"])
    if not taken and "sample_weight" not in _requests(last, "fit"):
        raise TypeError(
            f"TaskColumn: {type(last).__name__}.fit takes no sample_weight, so all rows would count alike; leave the "
            "weights out or wrap an estimator that takes them, such as MTRLRegressor"
        )


def _parts(estimator: Any) -> Iterator[Any]:
    for part in (estimator, *estimator.get_params(deep=True).values()):
        if hasattr(part, "get_metadata_routing") and not isinstance(part, type):
            yield part


def _requests(part: Any, method: str) -> dict[str, Any]:
    """What the part itself takes, each with its request; nothing for what only routes."""
    requests: dict[str, Any] = getattr(getattr(get_routing_for_object(part), method, None), "requests", {})
    return requests


def _last_step(estimator: Any) -> Any:
    while getattr(estimator, "steps", None):
        estimator = estimator.steps[-1][1]
    return estimator
