"""Attack results as files: an archive without pickle; a file is refused unless ``save`` could have written it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.objectives import Availability, Sparing, Targeted
from patom.attacks.adversary.places import ByTask, OwnData
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.promises import require_sound
from patom.attacks.records import HISTORY, TASK_LOSSES, AttackStatus, Tally
from patom.core.arrays import AnyArray
from patom.core.exact import exact_array
from patom.core.regions import Ball, Box, Columns, Ellipsoid, Fixed, Intersection, Slab
from patom.core.serialise import DEPTH, LABELS, Archive, Layout, Member, describe, known, mentioned, packed, restore
from patom.plain_json import read_json

if TYPE_CHECKING:
    from patom.attacks.result import AttackResult

FORMAT = 2
"""Of the archives that are written. The first, of version 0.2.0, was the same without this number."""
_STORED = known([
    Availability, Ball, Box, ByTask, Columns, Ellipsoid, Fixed, GreyBox, Intersection, OwnData, Slab, Sparing, Targeted,
])  # fmt: skip
_ASIDE = ("region", "objective", "label_range", "columns", "knowledge")  # of the threat model, stored by ``describe``
_FLOATS = np.dtype(np.float64)
_LAYOUTS = {
    "X": Layout(_FLOATS, (2,)), "y": Layout(LABELS, (1,)), "task": Layout(LABELS, (1,)),
    "history": Layout(HISTORY, (1,)), "start_utilities": Layout(_FLOATS, (1,)),
    "targets": Layout(LABELS, (1,)), "attackers": Layout(LABELS, (1,)), "tasks": Layout(LABELS, (1,)),
    "task_losses": Layout(TASK_LOSSES, (1,)), "notes": Layout("U", (0,)),
}  # fmt: skip
_OPTIONAL = {
    "format": Layout(np.dtype(np.int64), (0,)), "array_*": Layout(_FLOATS, (1, 2)),
    "allow_pickle": Layout(np.dtype(bool), (0,)),  # what version 0.2.0 gave numpy before 2.2, which saved it
}  # fmt: skip
_NOTES = ("attack", "budget", "status", "cost", "utility", "clean_utility", "threat")


def to_bytes(result: "AttackResult") -> bytes:
    """Everything but the model, as an archive.

    Raises
    ------
    TypeError
        For labels other than numbers, strings and booleans, or a part of the threat model that is not patom's.
    ValueError
        For a result that no attack returns, see ``require_sound``.
    """
    aside: dict[str, AnyArray] = {}
    threat = result.threat
    notes = {
        "attack": result.attack, "budget": threat.budget, "status": result.status.name, "cost": asdict(result.cost),
        "utility": result.utility, "clean_utility": result.clean_utility,
        "threat": {name: _described(name, getattr(threat, name), aside) for name in _ASIDE},
    }  # fmt: skip
    arrays = {
        "format": np.array(FORMAT), "X": result.X, "y": _plain("y", result.y), "task": _plain("task", result.task),
        "history": np.asarray(result.history), "start_utilities": result.start_utilities,
        "targets": _plain("targets", np.array(threat.targets, dtype=object)),
        "attackers": _plain("attackers", np.array(threat.attackers, dtype=object)),
        "tasks": _plain("tasks", result.tasks), "task_losses": np.asarray(result.task_losses),
        "notes": np.array(json.dumps(notes, default=np.generic.item)), **aside,
    }  # fmt: skip
    require_sound(replace(result, y=arrays["y"], task=arrays["task"], tasks=arrays["tasks"]))
    return packed(arrays)


def read_fields(path: Path) -> dict[str, Any]:
    """The fields of a result from a file, by name, of the right types and shapes; without ``model``.

    Raises
    ------
    ValueError
        With a clause that says what is wrong with the file.
    OSError
        Where it cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe or device, which may have no end
        raise ValueError("it is no regular file")
    archive = Archive(path.read_bytes(), _LAYOUTS | _OPTIONAL)
    _require_shapes(archive.members)
    arrays = archive.read()
    written = int(arrays.pop("format", 1))
    if not 1 <= written <= FORMAT:
        raise ValueError(f"it is of format {written}, and this version of patom reads 1 to {FORMAT}")
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


def _threat(notes: dict[str, Any], arrays: Mapping[str, AnyArray]) -> ThreatModel:
    described = notes["threat"]
    if not isinstance(described, dict) or not set(described) <= set(_ASIDE):
        raise ValueError(f"its notes on the threat must be of {', '.join(_ASIDE)}")
    aside = {name: array for name, array in arrays.items() if name.startswith("array_")}
    parts = {name: restore(part, aside, _STORED) for name, part in described.items()}
    if sorted(mentioned(described)) != sorted(aside):
        raise ValueError("its arrays are not those of its notes, each once")
    try:
        return ThreatModel(
            tuple(arrays["targets"].tolist()), tuple(arrays["attackers"].tolist()), notes["budget"], **parts
        )
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
