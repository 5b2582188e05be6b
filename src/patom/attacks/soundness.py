"""What must be true of a result by itself, without the clean data: asked when it is saved, and when it is loaded."""

from typing import TYPE_CHECKING

import numpy as np

from patom.attacks.adversary.places import ByTask, OwnData
from patom.attacks.promises import in_range
from patom.core.arrays import AnyArray, BoolArray
from patom.core.exact import exact_array
from patom.core.labels import encode, is_missing, places
from patom.core.regions import Region

if TYPE_CHECKING:
    from patom.attacks.result import AttackResult

_COUNTS = ("iteration", "solver_steps", "seconds")


def require_sound(result: "AttackResult") -> None:
    """Refuse a result that no attack returns: not finite, of tasks that it does not know, or outside its threat model.

    Features must lie in the region as ``require_kept`` asks, as far as it does not depend on the clean rows, with
    whole numbers and one-hot groups where they should be; labels must be in the threat model's range, or two at most.

    Raises
    ------
    ValueError
        With a clause that says what is wrong.
    """
    with np.errstate(all="ignore"):
        _require_numbers(result)
        _require_tasks(result)
        _require_labels(result)
        outside = np.flatnonzero(~_inside(result))
        if outside.size:
            raise ValueError(
                f"its row {outside[0]} lies outside of the threat's region, {type(result.threat.region).__name__}"
            )
        columns = result.threat.columns
        broken = np.flatnonzero(~columns.hold(result.X)) if columns is not None else outside
        if broken.size:
            raise ValueError(f"its row {broken[0]} has a column that should be a whole number or one-hot")


def _require_numbers(result: "AttackResult") -> None:
    numbers: dict[str, AnyArray] = {
        "X": result.X, "start_utilities": result.start_utilities,
        "utility": np.array([result.utility, result.clean_utility]),
        **{f"history's {name}": result.history[name] for name in ("utility", "seconds")},
        **{f"task_losses' {name}": result.task_losses[name] for name in ("clean", "attacked")},
    }  # fmt: skip
    if result.y.dtype.kind == "f":
        numbers["y"] = result.y
    for name, values in numbers.items():
        if not np.isfinite(values).all():
            raise ValueError(f"its {name} holds NaN or infinity")
    if not (result.history.size and result.start_utilities.size):
        raise ValueError("it has no history")
    if np.isnan(result.history["gap"]).any() or min(result.history[name].min() for name in _COUNTS) < 0:
        raise ValueError("its history holds a gap of NaN, or a count below 0")


def _require_tasks(result: "AttackResult") -> None:
    threat, tasks = result.threat, result.tasks
    for name in ("tasks", "task"):
        if is_missing(getattr(result, name)).any():
            raise ValueError(f"its {name} holds a label that is missing")
    if encode(tasks)[0].size < tasks.size:
        raise ValueError("its tasks are not different from each other")
    everyone, attackers = np.arange(tasks.size), threat.attacker_positions(tasks)
    for name, own in (("target", threat.target_positions(tasks)), ("attacker", attackers)):
        if (result.task_losses[name] != np.isin(everyone, own)).any():
            raise ValueError(f"its task_losses name other {name}s than its threat model")
    strangers = np.flatnonzero(~np.isin(places(result.task, tasks), attackers))
    if strangers.size:
        raise ValueError(f"its row {strangers[0]} is of a task that is no attacker")


def _require_labels(result: "AttackResult") -> None:
    """Targets are numbers in a range, where one was given; classes are two. Two numbers may be either."""
    few = np.unique(result.y).size <= 2
    if result.y.dtype.kind != "f" and not few:
        raise ValueError("its y holds more than two classes")
    bounds = result.threat.label_range
    if bounds is None or few:
        return
    wrong = np.flatnonzero(~in_range(result.y, *bounds))
    if wrong.size:
        raise ValueError(f"its row {wrong[0]} has a label outside of the threat's label_range")


def _inside(result: "AttackResult") -> BoolArray:
    region = result.threat.region
    if isinstance(region, OwnData):
        region = region.within if region.within is not None else region
    if isinstance(region, Region):
        return region.contains(result.X)
    if not isinstance(region, ByTask):
        return np.ones(result.y.size, dtype=bool)
    inside = np.zeros(result.y.size, dtype=bool)
    index = places(result.task, exact_array([label for label, _ in region.regions]))
    for k, (_, own) in enumerate(region.regions):
        inside[index == k] = own.contains(result.X[index == k])
    return inside
