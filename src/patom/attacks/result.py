"""What an attack returns: the injected rows, how they came about, and the victim fitted on them."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import narwhals as nw
import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.atomic import write_atomically
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.promises import require_sound
from patom.attacks.records import HISTORY, TASK_LOSSES, AttackStatus, Tally
from patom.attacks.serialise import read_fields, to_bytes
from patom.core.arrays import AnyArray, BoolArray, FloatArray
from patom.core.exact import exact_column, joined
from patom.core.labels import as_labels, encode, positions
from patom.models.reading import reading

__all__ = ["HISTORY", "TASK_LOSSES", "AttackResult", "AttackStatus", "Poisoned"]


class Poisoned(NamedTuple):
    """Clean and injected rows together, the injected ones last."""

    X: FloatArray
    y: AnyArray
    task: AnyArray
    is_poison: BoolArray


@dataclass(frozen=True)
class AttackResult:
    """Rows to inject, and what they do.

    Parameters
    ----------
    X : array of shape (r, d)
        Features of the injected rows, within the threat's region.
    y, task : arrays of shape (r,)
        Their targets and tasks, in the labels of the data.
    utility : float
        The attacker's utility (by default the mean loss of the target tasks' clean rows), measured on ``model``: after
        columns were rounded, and on the true victim, whatever the attacker knew.
    clean_utility : float
        The same without an attack.
    task_losses : record array of shape (m,)
        Mean loss of each task's clean training rows, ``clean`` and ``attacked``, and whether it is a ``target`` or an
        ``attacker``; in the order of ``tasks``.
    tasks : array of shape (m,)
        Labels of all tasks, sorted.
    history : record array
        One record an iteration, 0 being the random start, as the attacker saw them: ``iteration``, ``utility``,
        ``gap`` (duality gap of that fit), ``solver_steps``, ``seconds`` since the start.
    start_utilities : array of shape (n_starts,)
        Final utility of every start, as the attacker saw it; the rows are those of the highest.
    threat : ThreatModel
    attack : dict
        The attack's name and settings.
    cost : Tally
        Solves and linear systems that it took, all starts together.
    status : AttackStatus
    model : estimator or None
        The victim fitted on clean plus injected rows; None after ``load``, see ``refit``.
    """

    X: FloatArray
    y: AnyArray
    task: AnyArray
    utility: float
    clean_utility: float
    task_losses: np.recarray[Any, Any]
    tasks: AnyArray
    history: np.recarray[Any, Any]
    start_utilities: FloatArray
    threat: ThreatModel
    attack: dict[str, Any]
    cost: Tally
    status: AttackStatus
    model: Any = field(default=None, repr=False)

    @property
    def expected_utility(self) -> float:
        """What the attacker expected, before rounding columns and meeting the true victim."""
        return float(self.history["utility"][-1])

    @property
    def collateral(self) -> float:
        """Relative rise of the mean training loss of the tasks that are not targets; NaN where all are."""
        others = self.task_losses[~self.task_losses["target"]]
        before = float(others["clean"].mean()) if others.size else 0.0
        return float(others["attacked"].mean()) / before - 1.0 if before > 0.0 else float("nan")

    @property
    def spread(self) -> float:
        """Standard deviation of the starts' final utilities over their mean: 0 for equal optima, NaN for one start."""
        if self.start_utilities.size < 2:
            return float("nan")
        deviation = float(self.start_utilities.std(ddof=1))
        return deviation / abs(float(self.start_utilities.mean())) if deviation > 0.0 else 0.0

    def combine(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Poisoned:
        """Append the injected rows to clean data; the last array marks them.

        Raises
        ------
        ValueError
            For arrays of unequal length, other features than those attacked, or data without an attacking task.
        """
        with reading(X=X, y=y):
            clean = np.asarray(X, dtype=np.float64)
        if clean.ndim != 2 or clean.shape[1] != self.X.shape[1]:
            raise ValueError(f"X must have shape (n, {self.X.shape[1]}) like the attacked data; got {clean.shape}.")
        targets, labels = column_or_1d(exact_column(y)), as_labels(task, clean.shape[0])
        check_consistent_length(clean, targets)
        positions(self.task, encode(labels)[0], argument="task of AttackResult")  # refuses a forgotten task=
        return Poisoned(
            np.concatenate([clean, self.X]),
            _append(targets, self.y),
            joined(labels, self.task),
            np.repeat([False, True], [clean.shape[0], self.X.shape[0]]),
        )

    def refit(self, model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Any:
        """A clone of any model or defense, fitted on clean plus injected rows: ``fit(X, y, task=task)``.

        Returns the model, as ``poison`` returns the rows. A data frame's column names reach it. All rows count alike:
        for a model with ``sample_weight`` fit on what ``combine`` returns, with weights for the injected rows as well.
        """
        data = self.combine(X, y, task)
        return clone(model).fit(_named(data.X, X), data.y, task=data.task)

    def replay(self, model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Any:
        """``refit``, by the name that it had.

        .. deprecated:: 0.3
            It returns a model, which the name does not say; it will go in 0.5.
        """
        warnings.warn("AttackResult.replay is called refit now, and will go in version 0.5.", DeprecationWarning, 2)
        return self.refit(model, X, y, task=task)

    def save(self, path: str | Path) -> None:
        """Write everything but the model to a NumPy archive (no pickle), whole or not at all.

        Raises
        ------
        TypeError
            For task or class labels other than numbers, strings and booleans, or a region or objective that is not
            patom's.
        ValueError
            For a result that was changed into one that no attack returns, such as rows outside of the region: ``load``
            would refuse it.
        """
        try:
            content = to_bytes(self)
        except ValueError as error:
            raise ValueError(f"AttackResult cannot be saved: {_clause(error)}.") from None
        write_atomically(Path(path), content)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote, of this version or of 0.2.0; ``model`` is None.

        The file may be a stranger's: nothing in it is run, and it is refused before it takes more memory than
        16 MiB and a hundred times its size.

        Raises
        ------
        ValueError
            For anything else than such a file, whole, of rows and labels that its threat model allows; the sentence
            names the file and what is wrong. What depends on the clean data is not checked: the budget, the labels'
            range where the threat model has none, and the region ``OwnData``.
        OSError
            Where it cannot be read.
        """
        try:
            result = cls(**read_fields(Path(path)))
            require_sound(result)
        except ValueError as error:
            raise ValueError(f"{path} is no file of AttackResult.save: {_clause(error)}.") from None
        return result


def _clause(error: ValueError, most: int = 400) -> str:
    """An error's words on one line, without the stop at the end."""
    text = " ".join(str(error).split()).rstrip(".")
    return text if len(text) <= most else text[:most] + "..."


def _append(clean: AnyArray, injected: AnyArray) -> AnyArray:
    """Targets, one after the other: numbers in a type for all of them, classes as they are."""
    numbers = {clean.dtype.kind, injected.dtype.kind} <= set("biuf")
    return np.concatenate([clean, injected]) if numbers else joined(clean, injected)


def _named(values: FloatArray, frame: Any) -> Any:
    """``values`` as a data frame like ``frame``, where that has column names; else as they are."""
    names = list(getattr(frame, "columns", ()))
    if not names or not all(isinstance(name, str) for name in names):
        return values
    like = nw.from_native(frame, eager_only=True)
    return nw.from_numpy(values, names, backend=like.implementation).to_native()
