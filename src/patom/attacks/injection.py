"""Injected rows as attacks move them."""

from dataclasses import dataclass

from patom.core.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Injection:
    """Injected rows as the lower level sees them.

    Parameters
    ----------
    X : array of shape (r, d)
        Features, without the constant.
    y : array of shape (r,)
        Targets, -1 or +1 for a classifier.
    task_index : array of shape (r,)
        Position of each row's task.
    """

    X: FloatArray
    y: FloatArray
    task_index: IntArray
