"""Generators of audits and grids, each from a key of whole numbers.

Functions with a ``random_state`` of their own take a seed instead: loaders of data sets, ``LambdaSearch``, ``screen``.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What an audit draws. The number stands in the key of the generator, so it must never change."""

    SAMPLE = 1  # the rows of a large table, then the first split
    FOLDS = 2  # of cross-validation
    ATTACK = 3
    TARGETS = 4
    SPLIT = 5  # training and test rows of another seed
    ACCOUNTS = 6  # attacks by new accounts


def generator(*key: int) -> np.random.Generator:
    """A generator that depends on the key alone: not on the order of the work, nor on the number of workers.

    >>> generator(7, Stream.ATTACK, 2).random() == generator(7, Stream.ATTACK, 2).random()
    True
    """
    return np.random.default_rng([int(part) for part in key])
