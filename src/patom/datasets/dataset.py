"""What a data set is: two tables in long format and the words that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from patom.core.arrays import AnyArray, FloatArray

Kind = Literal["regression", "classification"]
"""The kind of target."""


class LongTable(NamedTuple):
    """Rows of all tasks in long format; unpacks as ``X, y, task``.

    Parameters
    ----------
    X : (n, d) features, without the constant.
    y : (n,) targets: numbers for a regression, any labels for a classification.
    task : (n,) the label of the task that each row belongs to.

    Examples
    --------
    >>> import numpy as np
    >>> table = LongTable(np.array([[0.5], [1.0]]), np.array([1, -1]), np.array(["a", "b"]))
    >>> X, y, task = table
    >>> table.n_rows, table.n_features
    (2, 1)
    """

    X: FloatArray
    y: AnyArray
    task: AnyArray

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.X.shape[1])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set: rows to train on, rows to test on, and what they mean.

    Parameters
    ----------
    name : str
        Short name, as on the command line and in file names.
    kind : {"regression", "classification"}
        What the target is; a classification's is -1 or +1.
    train, test : LongTable
        Disjoint rows with the same d features.
    feature_names : tuple of str
        The d names of the columns of ``X``.
    task_name, target_name : str
        What a task and a target are, in the words of the data ("digit", "torque").
    description : str
        A paragraph for readers: where the rows come from and what was done to them.
    source : str, default ""
        Citation or address of the origin.
    feature_scale : float, default 1.0
        The features were divided by this number; multiply by it to return to the original units.
    files : mapping of str to str, default empty
        The files that the rows were read from: name relative to the data home, and sha256 of the bytes that were
        read (of a gzip file, of what it holds). Empty for embedded and generated data.
    weights : array of shape (m, d + 1), optional
        The true weights of generated data, tasks in sorted order of their labels, the intercept last.

    Raises
    ------
    ValueError
        When the tables, ``feature_names`` and ``weights`` disagree on the number of features, or ``kind`` is
        unknown.

    Examples
    --------
    >>> import numpy as np
    >>> rows = LongTable(np.zeros((1, 2)), np.zeros(1), np.array(["a"]))
    >>> Dataset("two", "regression", rows, rows, ("age", "height"), "user", "spend", "Nobody.").feature_scale
    1.0
    """

    name: str
    kind: Kind
    train: LongTable
    test: LongTable
    feature_names: tuple[str, ...]
    task_name: str
    target_name: str
    description: str
    source: str = ""
    feature_scale: float = 1.0
    files: Mapping[str, str] = field(default_factory=dict)
    weights: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("regression", "classification"):
            raise ValueError(f'Dataset: kind is {self.kind!r}; it must be "regression" or "classification"')
        widths = (self.train.n_features, self.test.n_features, len(self.feature_names))
        if len(set(widths)) != 1:
            raise ValueError(
                f"Dataset {self.name!r}: train has {widths[0]} features, test {widths[1]} and feature_names "
                f"{widths[2]} names; all three must be equal"
            )
        if self.weights is not None and (self.weights.ndim != 2 or self.weights.shape[1] != widths[0] + 1):
            raise ValueError(
                f"Dataset {self.name!r}: weights have shape {self.weights.shape}; they must be (tasks, {widths[0]} + 1)"
            )
