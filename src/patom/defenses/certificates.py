"""The median of models on disjoint parts of the rows, and its certificate.

An injected row can change one model's vote at most, so k rows change at most k votes.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    validate_data,
)

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.exact import exact_column
from patom.core.labels import as_labels, encode, positions
from patom.models.delegating import tags_of
from patom.models.reading import reading
from patom.models.scoring import TARGETS, accuracy, given_targets, r_squared
from patom.models.settings import (
    encode_classes,
    known_classes,
    number_targets,
    require_at_least,
    require_finite,
)

CURVE = np.dtype([("rows", "i8"), ("certified", "f8"), ("error", "f8")])
_FEATURES: dict[str, Any] = {"dtype": np.float64, "order": "C", "ensure_all_finite": False}

__path__: list[str] = []  # pickles of version 0.2.0 look for modules in here, see ``patom.moved``


@dataclass(frozen=True)
class Certificate:
    """What a number of changed votes can do to predictions that are medians of votes.

    Parameters
    ----------
    votes : array of shape (n_parts, n)
        Each part's prediction (its margin, for a classifier) of each row; NaN where it abstains.
    y : array of shape (n,)
        True targets; -1 and +1 for a classifier.
    within : float, optional
        How far a prediction may be off, in units of y; None for classes, where its side counts.

    Examples
    --------
    Three of five votes must change before the median of the first row leaves [-1, 1]; the second row is wrong already.

    >>> votes = np.array([[0.0, 9.0], [0.5, 9.0], [-0.5, 9.0], [0.2, 9.0], [0.1, 9.0]])
    >>> certificate = Certificate(votes, np.zeros(2), within=1.0)
    >>> certificate.tolerated
    array([ 2, -1])
    >>> certificate.curve()["certified"]
    array([0.5, 0.5, 0.5])
    """

    votes: FloatArray
    y: FloatArray
    within: float | None

    def bounds(self, changed: int) -> tuple[FloatArray, FloatArray]:
        """Bounds on each prediction when ``changed`` votes change, shapes (n,); infinite where there is none.

        The bounds are tight: votes that change to very small, or very large, values reach them.
        """
        return median_bounds(self.votes, changed)

    @property
    def tolerated(self) -> IntArray:
        """The largest number of changed votes at which each prediction surely is right, shape (n,); -1 for none."""
        found = np.full(self.y.size, -1)
        for changed in range(self.most + 1):
            found[self._right(*self.bounds(changed))] = changed
        return found

    @property
    def most(self) -> int:
        """The largest number of changed votes at which any prediction is bounded."""
        return int((np.count_nonzero(~np.isnan(self.votes), axis=0).max() - 1) // 2)

    def curve(self) -> np.recarray[Any, Any]:
        """By the number of injected rows: the share of predictions that are surely right, and the error at worst.

        The error is the mean squared error with every prediction as wrong as it can be; for classes it is the share
        of predictions that are not surely right. It assumes for each row the attack that is worst for that row, so it
        is an upper bound.
        """
        found = np.recarray(self.most + 1, CURVE)
        for changed in range(self.most + 1):
            low, high = self.bounds(changed)
            certified = float(self._right(low, high).mean())
            error = float((np.maximum(self.y - low, high - self.y) ** 2).mean())
            found[changed] = (changed, certified, 1.0 - certified if self.within is None else error)
        return found

    def _right(self, low: FloatArray, high: FloatArray) -> Any:
        if self.within is None:
            return np.where(self.y > 0.0, low > 0.0, high <= 0.0)
        return np.maximum(self.y - low, high - self.y) <= self.within


def median_bounds(votes: FloatArray, changed: int) -> tuple[FloatArray, FloatArray]:
    """The smallest and largest median of each column when any ``changed`` of its votes may change; NaNs abstain.

    Of s votes in ascending order the median is the mean of those at the places (s - 1)//2 and s//2. If k votes above
    it change to very small values, both places move down by k; no other change moves them further. A voter that
    appears or disappears moves the median by half a place at most, so the bounds hold for such changes too.

    >>> median_bounds(np.array([[1.0], [2.0], [3.0], [7.0], [np.nan]]), 1)
    (array([1.5]), array([5.]))
    """
    ascending = np.sort(votes, axis=0)  # NaN last
    count = np.count_nonzero(~np.isnan(votes), axis=0)
    places = (count - 1) // 2, count // 2

    def at(place: IntArray) -> FloatArray:
        values = np.take_along_axis(ascending, np.clip(place, 0, votes.shape[0] - 1)[None], axis=0)[0]
        return np.where(place < 0, -np.inf, np.where(place >= count, np.inf, values))

    low, high = (0.5 * (at(places[0] + shift) + at(places[1] + shift)) for shift in (-changed, changed))
    return low, high


@dataclass(eq=False, repr=False)
class PartitionMedian(MetaEstimatorMixin, BaseEstimator):
    """Fit one model on each of ``n_parts`` disjoint parts of the rows and predict their median.

    A row's part follows from a hash of its features, its task and the seed alone. So an injected or removed row changes
    the model of one part only, whatever its values and its task, and the median stays between known votes: `certify`
    gives for each prediction the number of such rows that it surely withstands.

    Parameters
    ----------
    estimator : regressor or classifier of two classes
        Of patom or of scikit-learn, and deterministic: the same rows must give the same model. A classifier votes by
        its ``decision_function``. Where its ``fit`` takes no ``task``, it learns from all tasks' rows as one. With
        ``unseen="mean"`` all parts vote on a task that no training row has, each by the mean of its tasks.
    n_parts : int, default 11
        Each model has 1/n_parts of the rows; half the parts must be hit before a prediction can be anything.
    random_state : int, default 0
        The seed of the hash, at least 0. The attacker may know it.

    Attributes
    ----------
    tasks_ : array of shape (m,)
    classes_ : array of shape (2,)
        For classifiers.
    estimators_ : list of length n_parts
        The fitted models; None for a part that has no rows or, for a classifier, one class only.
    voters_ : array of bool, shape (n_parts, m)
        Which part votes on which task. A part that holds no row of a task abstains there.

    Raises
    ------
    ValueError
        For values or settings that cannot be used, or where all parts abstain on a task; with the argument's name.

    Notes
    -----
    A row whose target alone changes stays in its part and counts as one. A row whose features or task change leaves one
    part and enters another, and counts as two. The certificate assumes that tasks and classes stay the same, and that
    the estimator can fit any rows that a part may hold. It costs accuracy: each model sees few rows.
    Costs n_parts fits on 1/n_parts of the rows each.

    References
    ----------
    Levine and Feizi 2021, "Deep partition aggregation: provable defense against general poisoning attacks", section 3.
    Hammoudeh and Lowd 2023, "Reducing certified regression to certified classification for general poisoning
    attacks", sections III and IV: the median in the place of the vote.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> X = np.linspace(-1.0, 1.0, 60)[:, None]
    >>> model = PartitionMedian(MTRLRegressor(1e-3, 1e-3), n_parts=5).fit(X, 2.0 * X[:, 0])
    >>> model.certify([[0.5]], [1.0], within=0.1).tolerated
    array([2])
    """

    estimator: Any
    n_parts: int = 11
    random_state: int = 0

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Self:
        """Fit the parts' models; arguments as in ``MTRLRegressor.fit``, without ``sample_weight``: rows count alike."""
        require_at_least("PartitionMedian", 1, whole=True, n_parts=self.n_parts)
        require_at_least("PartitionMedian", 0, whole=True, random_state=self.random_state)
        with reading(X=X, y=y):
            X_, given = validate_data(self, X, exact_column(y), validate_separately=(_FEATURES, TARGETS))
        check_consistent_length(X_, given)
        require_finite(X_)
        targets = column_or_1d(given, warn=True)
        numbers = self._encode(targets)
        labels = as_labels(task, X_.shape[0])
        self.tasks_, index = encode(labels)
        self._multi = bool(has_fit_parameter(self.estimator, "task"))
        digests = digest_rows(X_, labels, self.random_state)
        order = np.lexsort((numbers, digests))  # a model must not depend on the order of the rows
        part = (digests % np.uint64(self.n_parts)).astype(np.int64)
        self.voters_ = np.zeros((self.n_parts, self.tasks_.size), dtype=bool)
        self.estimators_: list[Any] = [None] * self.n_parts
        for number in range(self.n_parts):
            chosen = order[part[order] == number]
            if chosen.size > 0 and not (is_classifier(self.estimator) and np.ptp(numbers[chosen]) == 0.0):
                settings = {"task": labels[chosen]} if self._multi else {}
                self.estimators_[number] = clone(self.estimator).fit(X_[chosen], targets[chosen], **settings)
                self.voters_[number, index[chosen] if self._multi else slice(None)] = True
        self._require_votes()
        return self

    def predict(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """The votes' median (for a classifier, the class on its side), shape (n,)."""
        middle, _ = median_bounds(self.votes(X, task), 0)
        return self.classes_[(middle > 0.0).astype(int)] if is_classifier(self) else middle

    @available_if(lambda self: is_classifier(self.estimator))
    def decision_function(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """The median of the parts' margins, shape (n,)."""
        return median_bounds(self.votes(X, task), 0)[0]

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> float:
        """R^2 over all rows or, for a classifier, accuracy; targets that ``fit`` refuses are errors here too."""
        if is_classifier(self):
            return accuracy(y, self.predict(X, task), self.classes_)
        return r_squared(y, self.predict(X, task), owner="PartitionMedian")

    def certify(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None, within: float | None = None) -> Certificate:
        """How many injected rows, anywhere in the training data, each prediction withstands.

        Parameters
        ----------
        X, y, task : arrays
            Test rows and their true targets.
        within : float, optional
            For regression: how far a prediction may be off, in units of y, at least 0.
        """
        votes = self.votes(X, task)
        targets = given_targets(y)
        check_consistent_length(X, targets)
        if is_classifier(self):
            if within is not None:
                raise ValueError(f"within is for regression, a class is right or not; leave it out; got {within!r}.")
            return Certificate(votes, known_classes(targets, self.classes_), None)
        require_at_least("certify", 0.0, within=within)
        return Certificate(votes, self._encode(targets), within)

    def votes(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Each part's prediction, or margin, of each row, shape (n_parts, n); NaN where it abstains."""
        check_is_fitted(self)
        with reading(X=X):
            X_ = validate_data(self, X, reset=False, **_FEATURES)
        require_finite(X_)
        if task is None and self.tasks_.size > 1:
            raise ValueError(f"task must name each row's task: the model was fitted on {self.tasks_.size} tasks.")
        labels, index = self._labels(task, X_.shape[0])
        votes = np.full((len(self.estimators_), index.size), np.nan)
        for number, model in enumerate(self.estimators_):
            chosen = np.flatnonzero(np.where(index < 0, model is not None, self.voters_[number][index]))
            if chosen.size > 0:
                settings = {"task": labels[chosen]} if self._multi else {}
                respond = model.decision_function if is_classifier(self) else model.predict
                votes[number, chosen] = respond(X_[chosen], **settings)
        return votes

    def _labels(self, task: Any, n_rows: int) -> tuple[AnyArray, IntArray]:
        """Each row's task and its position, shape (n,) each; -1 for one never seen, where the estimator allows it."""
        if task is None:
            return np.repeat(self.tasks_, n_rows), np.zeros(n_rows, dtype=np.int64)
        labels = as_labels(task, n_rows)
        settings = next(model for model in self.estimators_ if model is not None).get_params()
        unseen = any(name.split("__")[-1] == "unseen" and value == "mean" for name, value in settings.items())
        return labels, positions(labels, self.tasks_, argument="task", unseen=unseen)

    def _encode(self, y: AnyArray) -> FloatArray:
        if is_classifier(self.estimator):
            self.classes_, numbers = encode_classes(y)
            return numbers
        return number_targets(y, "a regressor")

    def _require_votes(self) -> None:
        silent = np.flatnonzero(~self.voters_.any(axis=0))
        if silent.size:
            raise ValueError(
                f"n_parts of PartitionMedian is too large: no part of {self.n_parts} can learn task "
                f"{self.tasks_[silent[0]]!s}; lower it."
            )

    def __sklearn_tags__(self) -> Tags:
        tags = tags_of(self.estimator, super().__sklearn_tags__())
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_class = False
        return tags


def digest_rows(X: FloatArray, labels: AnyArray, seed: int) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each row's features and task, shape (n,); the same on every machine.

    >>> a, b, c = digest_rows(np.array([[0.0], [-0.0], [1.0]]), np.array([1, 1, 1]), seed=0)
    >>> bool(a == b), bool(a == c)
    (True, False)
    """
    key = seed.to_bytes(16, "little")
    contents = (X + 0.0).astype("<f8")  # -0.0 is 0.0
    found = [
        blake2b(row.tobytes() + _text(label).encode(), digest_size=8, key=key).digest()
        for row, label in zip(contents, labels.tolist(), strict=True)
    ]
    return np.frombuffer(b"".join(found), dtype="<u8").astype(np.uint64)


def _text(label: Any) -> str:
    # The task 1 is the task 1.0, and injected rows may turn a column of whole numbers into one of floats.
    return repr(float(label)) if isinstance(label, int | float) else repr(label)
