"""Scikit-learn's embedded handwritten digits as ten one-vs-rest tasks: real data without a network."""

import math

import numpy as np
from sklearn.datasets import load_digits

from patom.core.arrays import FloatArray, IntArray
from patom.datasets.convert import one_vs_rest
from patom.datasets.dataset import Dataset, LongTable
from patom.datasets.scaling import in_unit_ball
from patom.datasets.splits import mark_drawn, share

SOURCE = (
    "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository "
    "(1998), https://archive.ics.uci.edu/dataset/80; the test part of 1,797 images as scikit-learn ships it"
)


def load_digits_tasks(
    *,
    test_fraction: float = 0.3,
    negatives_ratio: float = 1.0,
    random_state: int | np.random.Generator = 0,
    scaled: bool = True,
) -> Dataset:
    """Load the 8 x 8 digits as ten tasks, "is it a 0" to "is it a 9".

    The images, not the rows, are split first (the same share of every digit), so no image is in both tables.
    Then every task takes all images of its digit as +1 and draws images of the other digits as -1 without
    replacement; one image may so serve several tasks of the same table. That is the paper's construction for
    MNIST (Zhao et al. 2018, experiments) with fewer rows.

    Parameters
    ----------
    test_fraction : float, default 0.3
        Share of the images that are held out, between 0 and 1.
    negatives_ratio : float, default 1.0
        Rows of other digits for each row of the task's own digit; rounded, at least one row, at most all.
    random_state : int or numpy Generator, default 0
        Source of the split and the draws; the same int gives the same ones.
    scaled : bool, default True
        Divide all features by the largest Euclidean norm of a training row, as the paper does, so that
        training rows lie in the unit ball; test rows may lie slightly outside. Otherwise grey values 0 to 16.

    Returns
    -------
    Dataset
        Classification, tasks 0 to 9 (integers), ``y`` -1 or +1, 64 pixels. The three pixels that are zero in
        every image are kept, so that feature names are pixel positions. With the defaults 2,516 training and
        1,078 test rows.

    Raises
    ------
    ValueError
        ``test_fraction`` or ``negatives_ratio`` out of range.

    Notes
    -----
    Costs a few tens of milliseconds.

    Examples
    --------
    >>> digits = load_digits_tasks()
    >>> X, y, task = digits.train
    >>> X.shape[1], sorted(set(y.tolist())), sorted(set(task.tolist()))
    (64, [-1, 1], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    >>> float(np.linalg.norm(X, axis=1).max())
    1.0
    """
    if not 0.0 < test_fraction < 1.0:
        raise ValueError(f"load_digits_tasks: test_fraction is {test_fraction}; it must lie between 0 and 1")
    if not (negatives_ratio > 0.0 and math.isfinite(negatives_ratio)):
        raise ValueError(f"load_digits_tasks: negatives_ratio is {negatives_ratio}; it must be above 0 and finite")
    generator = np.random.default_rng(random_state)
    images, digits = load_digits(return_X_y=True)
    by_digit = [np.flatnonzero(digits == digit) for digit in range(10)]
    held_out = mark_drawn(by_digit, [share(test_fraction * rows.size, rows.size) for rows in by_digit], generator)
    train = _one_vs_rest(images[~held_out], digits[~held_out], negatives_ratio, generator)
    test = _one_vs_rest(images[held_out], digits[held_out], negatives_ratio, generator)
    train, test, scale, _ = in_unit_ball(train, test, scaled=scaled)
    return Dataset(
        name="digits",
        kind="classification",
        train=train,
        test=test,
        feature_names=tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        task_name="digit",
        target_name="is_the_digit",
        description="Handwritten digits, 8 x 8 grey pixels; each task tells one digit from the others.",
        source=SOURCE,
        feature_scale=scale,
    )


def _one_vs_rest(
    images: FloatArray, digits: IntArray, negatives_ratio: float, generator: np.random.Generator
) -> LongTable:
    own = np.bincount(digits, minlength=10)
    negatives = [min(max(round(negatives_ratio * count), 1), digits.size - count) for count in own.tolist()]
    return one_vs_rest(images, digits, [None] * 10, negatives, generator, range(10))
