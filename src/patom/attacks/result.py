"""What an attack returns: the injected rows, how they came about, and the victim fitted on them."""

import json
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Self

import narwhals as nw
import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.atomic import write_atomically
from patom.attacks.bilevel import Bilevel, Injection
from patom.attacks.promises import require_kept
from patom.attacks.threat import ThreatModel
from patom.core.arrays import AnyArray, BoolArray, FloatArray
from patom.core.labels import as_labels, encode, positions
from patom.core.regions import describe, restore
from patom.core.solution import Solution, Status

HISTORY = np.dtype([("iteration", "i8"), ("utility", "f8"), ("gap", "f8"), ("solver_steps", "i8"), ("seconds", "f8")])


class AttackStatus(Enum):
    """How an attack ended. The value is a sentence."""

    COMPLETED = "All iterations were run, and every fit on the way met its tolerance."
    LOCAL_OPTIMUM = "No step along the gradient raises the utility any more; every fit on the way met its tolerance."
    UNCERTIFIED = "A fit on the way stopped above its tolerance: see history['gap'] and the model's status_."
    UNCOUPLED = "Attacking and target tasks do not influence each other in this model: the rows are as drawn."


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
    history : record array
        One record an iteration, 0 being the random start: ``iteration``, ``utility`` (mean loss of the target
        tasks' clean rows), ``gap`` (duality gap of that fit), ``solver_steps``, ``seconds`` since the start.
    clean_utility : float
        The utility without an attack.
    start_utilities : array of shape (n_starts,)
        Final utility of every start; the result is that of the highest.
    threat : ThreatModel
    attack : dict
        The attack's name and settings.
    status : AttackStatus
    model : estimator or None
        The victim fitted on clean plus injected rows; None after ``load``, see ``replay``.
    """

    X: FloatArray
    y: AnyArray
    task: AnyArray
    history: np.recarray[Any, Any]
    clean_utility: float
    start_utilities: FloatArray
    threat: ThreatModel
    attack: dict[str, Any]
    status: AttackStatus
    model: Any = field(default=None, repr=False)

    @property
    def utility(self) -> float:
        """Mean loss of the target tasks' clean rows under the attack."""
        return float(self.history["utility"][-1])

    @property
    def spread(self) -> float:
        """Standard deviation of the starts' final utilities over their mean: 0 for equal optima, NaN for one start."""
        if self.start_utilities.size < 2:
            return float("nan")
        deviation = float(self.start_utilities.std(ddof=1))
        return deviation / float(self.start_utilities.mean()) if deviation > 0.0 else 0.0

    def combine(self, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Poisoned:
        """Append the injected rows to clean data; the last array marks them.

        Raises
        ------
        ValueError
            For arrays of unequal length, other features than those attacked, or data without an attacking task.
        """
        clean = np.asarray(X, dtype=np.float64)
        if clean.ndim != 2 or clean.shape[1] != self.X.shape[1]:
            raise ValueError(f"X must have shape (n, {self.X.shape[1]}) like the attacked data; got {clean.shape}.")
        targets, labels = column_or_1d(y), as_labels(task, clean.shape[0])
        check_consistent_length(clean, targets)
        positions(self.task, encode(labels)[0], argument="task of AttackResult")  # refuses a forgotten task=
        return Poisoned(
            np.concatenate([clean, self.X]),
            _append(targets, self.y),
            _append(labels, self.task),
            np.repeat([False, True], [clean.shape[0], self.X.shape[0]]),
        )

    def replay(self, model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Any:
        """Fit a clone of any model or defense, ``fit(X, y, task=task)``, on clean plus injected rows.

        A data frame's column names reach the model.
        """
        data = self.combine(X, y, task)
        return clone(model).fit(_named(data.X, X), data.y, task=data.task)

    def save(self, path: str | Path) -> None:
        """Write everything but the model to a NumPy archive (no pickle), whole or not at all.

        Raises
        ------
        TypeError
            For task or class labels other than numbers, strings and booleans, or a region that is not patom's.
        """
        shape: dict[str, AnyArray] = {}  # of the region
        notes = {
            "attack": self.attack, "region": describe(self.threat.region, shape), "budget": self.threat.budget,
            "status": self.status.name, "clean_utility": self.clean_utility,
        }  # fmt: skip
        arrays = {
            "X": self.X, "y": _plain("y", self.y), "task": _plain("task", self.task),
            "history": np.asarray(self.history), "start_utilities": self.start_utilities,
            "targets": _plain("targets", np.array(self.threat.targets, dtype=object)),
            "attackers": _plain("attackers", np.array(self.threat.attackers, dtype=object)),
            "notes": np.array(json.dumps(notes, default=np.generic.item)), **shape,
        }  # fmt: skip
        write_atomically(Path(path), lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` wrote; ``model`` is None."""
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        notes = json.loads(str(arrays["notes"]))
        region = restore(notes["region"], arrays)
        threat = ThreatModel(
            tuple(arrays["targets"].tolist()), tuple(arrays["attackers"].tolist()), notes["budget"], region
        )
        return cls(
            arrays["X"], arrays["y"], arrays["task"], arrays["history"].view(np.recarray), notes["clean_utility"],
            arrays["start_utilities"], threat, notes["attack"], AttackStatus[notes["status"]],
        )  # fmt: skip


_LOOSE = {Status.MAX_ITER, Status.STALLED}


@dataclass
class Recorder:
    """One start under way: its rows and its history."""

    injection: Injection
    status: AttackStatus
    records: list[tuple[int, float, float, int, float]] = field(default_factory=list)
    begin: float = field(default_factory=time.perf_counter)

    def note(self, iteration: int, utility: float, solution: Solution) -> None:
        """Add an iteration's record."""
        elapsed = time.perf_counter() - self.begin
        self.records.append((iteration, utility, solution.duality_gap, solution.n_iter, elapsed))
        if solution.status in _LOOSE:
            self.status = AttackStatus.UNCERTIFIED

    def settle(self, status: AttackStatus) -> None:
        """End with ``status``, unless a fit was uncertified."""
        if self.status is not AttackStatus.UNCERTIFIED:
            self.status = status

    @property
    def utility(self) -> float:
        """Utility of the last iteration."""
        return self.records[-1][1]


def assemble(
    program: Bilevel,
    threat: ThreatModel,
    settings: dict[str, Any],
    clean: Solution,
    runs: list[Recorder],
    data: tuple[Any, Any, Any],
) -> AttackResult:
    """The best run as a result, with the victim fitted from scratch on clean plus injected rows.

    Raises
    ------
    RuntimeError
        For rows that the threat model does not allow: no attack passes by here.
    """
    best = max(runs, key=lambda run: run.utility)
    injection, classes = best.injection, getattr(program.victim, "classes_", None)
    require_kept(program, threat, injection, settings["name"])
    y = injection.y if classes is None else classes[(injection.y > 0.0).astype(int)]
    result = AttackResult(
        X=injection.X,
        y=y,
        task=program.problem.tasks[injection.task_index],
        history=np.array(best.records, dtype=HISTORY).view(np.recarray),
        clean_utility=program.utility(clean.W),
        start_utilities=np.array([run.utility for run in runs]),
        threat=threat,
        attack=settings,
        status=best.status,
    )
    model = result.replay(program.victim, *data)
    loose = {clean.status, model.status_} & _LOOSE or any(run.status is AttackStatus.UNCERTIFIED for run in runs)
    return replace(result, model=model, status=AttackStatus.UNCERTIFIED if loose else best.status)


def _append(clean: AnyArray, injected: AnyArray) -> AnyArray:
    if object in (clean.dtype, injected.dtype):
        return np.concatenate([clean.astype(object), injected.astype(object)])
    return np.concatenate([clean, injected])


def _named(values: FloatArray, frame: Any) -> Any:
    """``values`` as a data frame like ``frame``, where that has column names; else as they are."""
    names = list(getattr(frame, "columns", ()))
    if not names or not all(isinstance(name, str) for name in names):
        return values
    like = nw.from_native(frame, eager_only=True)
    return nw.from_numpy(values, names, backend=like.implementation).to_native()


def _plain(name: str, values: AnyArray) -> AnyArray:
    kinds = {type(value) for value in values.tolist()} if values.dtype == object else set()
    if len(kinds) == 1 and kinds <= {bool, int, float, str}:  # one plain type in an array of objects
        values = np.array(values.tolist())
    if values.dtype.kind not in "biufU":
        raise TypeError(
            f"{name} holds {values.dtype} labels, which cannot be saved without pickle; use strings or numbers."
        )
    return values
