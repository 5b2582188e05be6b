"""What an attack returns: the injected rows, how they came about, and the victim fitted on them; as a file too.

A file is an archive without pickle, and is refused unless ``save`` could have written it.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from patom.atomic import write_atomically
from patom.attacks.adversary.accounts import NewTasks
from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.objectives import Availability, Sparing, Targeted
from patom.attacks.adversary.places import ByTask, OwnData
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.promises import require_sound
from patom.attacks.records import HISTORY, TASK_LOSSES, AttackStatus, Tally
from patom.core.arrays import AnyArray, BoolArray, FloatArray
from patom.core.exact import exact_array, exact_column, joined, objects
from patom.core.labels import as_labels, encode, places, positions, require_new
from patom.core.regions import Ball, Box, Columns, Ellipsoid, Fixed, Intersection, Slab
from patom.core.serialise import DEPTH, LABELS, Archive, Layout, Member, describe, known, mentioned, packed, restore
from patom.models.given import joined_targets
from patom.models.reading import named, reading
from patom.plain_json import read_json

__all__ = ["HISTORY", "TASK_LOSSES", "AttackResult", "AttackStatus", "Poisoned"]

_FORMAT = 2
"""Of the archives that are written. The first, of version 0.2.0, was the same without this number."""
_STORED = known([
    Availability, Ball, Box, ByTask, Columns, Ellipsoid, Fixed, GreyBox, Intersection, NewTasks, OwnData, Slab, Sparing,
    Targeted,
])  # fmt: skip
_ASIDE = ("region", "objective", "label_range", "columns", "knowledge")  # of the threat model, stored by ``describe``
_FLOATS = np.dtype(np.float64)
_LAYOUTS = {
    "X": Layout(_FLOATS, (2,)), "y": Layout(LABELS, (1,)), "task": Layout(LABELS, (1,)),
    "history": Layout(HISTORY, (1,)), "start_utilities": Layout(_FLOATS, (1,)),
    "targets": Layout(LABELS, (1,)), "tasks": Layout(LABELS, (1,)),
    "task_losses": Layout(TASK_LOSSES, (1,)), "notes": Layout("U", (0,)),
}  # fmt: skip
_OPTIONAL = {
    "format": Layout(np.dtype(np.int64), (0,)), "attackers": Layout(LABELS, (1,)), "array_*": Layout(_FLOATS, (1, 2)),
    "allow_pickle": Layout(np.dtype(bool), (0,)),  # what version 0.2.0 gave numpy before 2.2, which saved it
}  # fmt: skip
_NOTES = ("attack", "budget", "status", "cost", "utility", "clean_utility", "threat")


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
        Labels of all tasks, sorted, without the attacker's ``new_tasks``.
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
    def known_utility(self) -> float:
        """By which the attacker ranks attacks: ``expected_utility`` if she does not know the true victim."""
        return self.utility if self.threat.knowledge is None else self.expected_utility

    @property
    def new_tasks(self) -> AnyArray:
        """Labels of the accounts that the attacker opens, in order; none of them is among ``tasks``."""
        new = self.task[places(self.task, self.tasks) < 0]
        return new[np.sort(np.unique(encode(new)[1], return_index=True)[1])]

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
        known = encode(labels)[0]
        old = places(self.task, self.tasks) >= 0
        positions(self.task[old], known, argument="task of AttackResult")  # refuses a forgotten task=
        new = self.task[~old]
        taken = new[places(new, known) >= 0]
        if taken.size:
            raise ValueError(f"task holds {taken[0]!s}, which is the label of an account of AttackResult; rename it.")
        require_new(new, known, argument="task of AttackResult")
        return Poisoned(
            np.concatenate([clean, self.X]),
            joined_targets(targets, self.y),
            joined(labels, self.task),
            np.repeat([False, True], [clean.shape[0], self.X.shape[0]]),
        )

    def refit(self, model: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any = None) -> Any:
        """A clone of any model or defense, fitted on clean plus injected rows: ``fit(X, y, task=task)``.

        Returns the model, as ``poison`` returns the rows. A data frame's column names reach it. All rows count alike:
        for a model with ``sample_weight`` fit on what ``combine`` returns, with weights for the injected rows as well.
        """
        data = self.combine(X, y, task)
        return clone(model).fit(named(data.X, X), data.y, task=data.task)

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
            content = _to_bytes(self)
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
            result = cls(**_read_fields(Path(path)))
            require_sound(result)
        except ValueError as error:
            raise ValueError(f"{path} is no file of AttackResult.save: {_clause(error)}.") from None
        return result


def _clause(error: ValueError, most: int = 400) -> str:
    """An error's words on one line, without the stop at the end."""
    text = " ".join(str(error).split()).rstrip(".")
    return text if len(text) <= most else text[:most] + "..."


def _to_bytes(result: AttackResult) -> bytes:
    """Everything but the model, as an archive, with the errors of ``AttackResult.save``."""
    aside: dict[str, AnyArray] = {}
    threat = result.threat
    notes = {
        "attack": result.attack, "budget": threat.budget, "status": result.status.name, "cost": asdict(result.cost),
        "utility": result.utility, "clean_utility": result.clean_utility,
        "threat": {name: _described(name, getattr(threat, name), aside) for name in (*_ASIDE, *_accounts(threat))},
    }  # fmt: skip
    arrays = {
        "format": np.array(_FORMAT), "X": result.X, "y": _plain("y", result.y), "task": _plain("task", result.task),
        "history": np.asarray(result.history), "start_utilities": result.start_utilities,
        "targets": _plain("targets", objects(threat.targets)),
        "tasks": _plain("tasks", result.tasks), "task_losses": np.asarray(result.task_losses),
        "notes": np.array(json.dumps(notes, default=np.generic.item)), **aside,
    }  # fmt: skip
    if threat.old_attackers:
        arrays["attackers"] = _plain("attackers", objects(threat.old_attackers))
    require_sound(replace(result, y=arrays["y"], task=arrays["task"], tasks=arrays["tasks"]))
    return packed(arrays)


def _read_fields(path: Path) -> dict[str, Any]:
    """The fields of a result from a file, by name, of the right types and shapes; without ``model``.

    A ValueError has a clause that says what is wrong with the file.
    """
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or device, which may have no end
        raise ValueError("it is no regular file")
    archive = Archive(path.read_bytes(), _LAYOUTS | _OPTIONAL)
    _require_shapes(archive.members)
    arrays = archive.read()
    written = int(arrays.pop("format", 1))
    if not 1 <= written <= _FORMAT:
        raise ValueError(f"it is of format {written}, and this version of patom reads 1 to {_FORMAT}")
    notes = _notes(str(arrays.pop("notes")))
    return {
        **{name: arrays[name] for name in ("X", "y", "task", "tasks", "start_utilities")},
        **{name: arrays[name].view(np.recarray) for name in ("history", "task_losses")},
        **{name: notes[name] for name in ("utility", "clean_utility", "attack")},
        "threat": _threat(notes, arrays), "cost": _cost(notes["cost"]), "status": _status(notes["status"]),
    }  # fmt: skip


def _require_shapes(members: Mapping[str, Member]) -> None:
    missing = [name for name in _LAYOUTS if name not in members]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    for first, others in (("X", ("y", "task")), ("tasks", ("task_losses",))):
        for other in others:
            lengths = members[first].shape[0], members[other].shape[0]
            if lengths[0] != lengths[1]:
                raise ValueError(f"its {first} and {other} have {lengths[0]} and {lengths[1]} rows")


def _notes(text: str) -> dict[str, Any]:
    notes = read_json(text, strict=False)  # a box may be open, which is an infinite bound
    if not isinstance(notes, dict) or set(notes) != set(_NOTES):
        held = ", ".join(map(repr, notes)) if isinstance(notes, dict) else type(notes).__name__
        raise ValueError(f"its notes must hold {', '.join(_NOTES)}; they are {held}")
    for name in ("utility", "clean_utility"):
        if not isinstance(notes[name], float):
            raise ValueError(f"its {name} is no number")
    if not isinstance(notes["attack"], dict) or not isinstance(notes["attack"].get("name"), str):
        raise ValueError("its attack has no name")
    if not _is_shallow(notes["attack"], DEPTH):
        raise ValueError("the settings of its attack are nested too deeply")
    return notes


def _accounts(threat: ThreatModel) -> tuple[str, ...]:
    return () if threat.accounts is None else ("accounts",)


def _threat(notes: dict[str, Any], arrays: Mapping[str, AnyArray]) -> ThreatModel:
    described = notes["threat"]
    if not isinstance(described, dict) or not set(described) <= {*_ASIDE, "accounts"}:
        raise ValueError(f"its notes on the threat must be of {', '.join(_ASIDE)} and accounts")
    aside = {name: array for name, array in arrays.items() if name.startswith("array_")}
    parts = {name: restore(part, aside, _STORED) for name, part in described.items()}
    if sorted(mentioned(described)) != sorted(aside):
        raise ValueError("its arrays are not those of its notes, each once")
    new = parts.pop("accounts", None)
    if new is None and "attackers" not in arrays:
        raise ValueError("it lacks attackers")
    try:
        attackers = [*(arrays["attackers"].tolist() if "attackers" in arrays else ()), *([] if new is None else [new])]
        return ThreatModel(tuple(arrays["targets"].tolist()), tuple(attackers), notes["budget"], **parts)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"its threat model is none: {error}") from None


def _cost(counts: Any) -> Tally:
    names = {part.name for part in fields(Tally)}
    whole = isinstance(counts, dict) and all(type(n) is int and n >= 0 for n in counts.values())
    if not whole or set(counts) != names:
        raise ValueError(f"its cost must be counts of {', '.join(sorted(names))}")
    return Tally(**counts)


def _status(name: Any) -> AttackStatus:
    if not isinstance(name, str) or name not in AttackStatus.__members__:
        raise ValueError(f"its status must be one of {', '.join(AttackStatus.__members__)}; it is {name!r}")
    return AttackStatus[name]


def _is_shallow(value: Any, depth: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_shallow(part, depth - 1) for part in parts)


def _described(name: str, value: Any, arrays: dict[str, AnyArray]) -> Any:
    try:
        return describe(value, arrays, _STORED)
    except TypeError as error:
        raise TypeError(
            f"{name} of ThreatModel is a {error}, which load would not know; only patom's can be saved."
        ) from None


def _plain(name: str, values: AnyArray) -> AnyArray:
    kinds = {type(value) for value in values.tolist()} if values.dtype == object else set()
    if len(kinds) == 1 and kinds <= {bool, int, float, str}:  # one plain type in an array of objects
        values = exact_array(values.tolist())
    if values.dtype.kind not in LABELS:
        raise TypeError(
            f"{name} holds {values.dtype} labels, which cannot be saved without pickle; use strings or numbers."
        )
    return values
