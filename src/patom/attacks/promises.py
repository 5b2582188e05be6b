"""What must be true of injected rows and of the fit under them, and of a result that is saved or loaded."""

from typing import TYPE_CHECKING

import numpy as np

from patom.attacks.adversary.accounts import NewTasks
from patom.attacks.adversary.places import ByTask, OwnData
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.certified.flooding import learns_omega, zero_bounds
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import AnyArray, BoolArray, FloatArray
from patom.core.exact import exact_array
from patom.core.labels import encode, is_missing, places
from patom.core.regions import Region

if TYPE_CHECKING:
    from patom.attacks.result import AttackResult

_COUNTS = ("iteration", "solver_steps", "seconds")
_ROUNDING = 1e-9  # of a task's targets: low + high - y may leave the range by a last digit


def require_kept(program: Bilevel, threat: ThreatModel, injection: Injection, attack: str) -> None:
    """Refuse injected rows that the threat model does not allow; costs one pass over them.

    Features must lie in the region, and its whole numbers and one-hot groups must be such; labels must be one of the
    classes, or in the range of the threat model; and no task may have more rows than its budget.

    Raises
    ------
    RuntimeError
        With one sentence that names the attack and the first row that breaks a promise.
    """
    X, y, task = injection.X, injection.y, injection.task_index
    rows, labels = program.problem.rows, program.problem.tasks
    if X.shape != (task.size, rows.n_columns - 1) or y.shape != task.shape:
        raise _broken(attack, f"features of shape {X.shape} and labels of shape {y.shape} for {task.size} tasks")
    allowed, m = np.zeros(rows.n_tasks, dtype=np.int64), program.honest.tasks.size
    attackers = threat.attacker_positions(labels[:m])
    allowed[attackers] = threat.injected_counts(rows.counts[attackers])
    allowed[m:] = () if threat.accounts is None else threat.accounts.counts
    excess = np.flatnonzero(np.bincount(task, minlength=rows.n_tasks) > allowed)
    if excess.size > 0:
        first = excess[0]
        count = np.count_nonzero(task == first)
        raise _broken(attack, f"{count} rows in task {labels[first]!s}, which may have {allowed[first]}")
    outside = np.flatnonzero(~program.places.contains(X, task, y))
    if outside.size > 0:
        raise _broken(attack, f"row {outside[0]} outside the threat's region, {type(threat.region).__name__}")
    broken = np.flatnonzero(~threat.columns.hold(X)) if threat.columns is not None else outside
    if broken.size > 0:
        raise _broken(attack, f"row {broken[0]} with a column that should be a whole number or one-hot")
    wrong = np.flatnonzero(~_allowed_labels(program, injection))
    if wrong.size > 0:
        raise _broken(attack, f"row {wrong[0]} with the label {y[wrong[0]]!s}, which its task does not allow")


def require_at_most_zero_losses(program: Bilevel, injection: Injection, losses: FloatArray, gap: float) -> None:
    """Refuse a fit that breaks the first theorem on tasks without injected rows, see ``zero_bound``.

    ``losses``, shape (m,), are the honest tasks' mean losses, and ``gap`` is the fit's duality gap. Nothing is asked of
    a victim with a given Omega or behind a filter, for whom the theorem does not hold. The fit rounds in units of the
    largest losses at zero, so that a task of targets 0 has a loss of 1e-32 beside others.

    Raises
    ------
    RuntimeError
        With one sentence that names the first task.
    """
    if not learns_omega(program):
        return
    most = zero_bounds(program, gap)[: losses.size]
    at_zero = program.problem.loss.value(np.zeros(injection.y.size), injection.y)
    largest = max(float(most.max(initial=0.0, where=np.isfinite(most))), float(at_zero.max(initial=0.0)))
    above = np.flatnonzero(losses > most + _ROUNDING * largest)
    if above.size > 0:
        first = above[0]
        raise RuntimeError(
            f"the fit under the injected rows leaves task {program.problem.tasks[first]!s}, which has none, a loss of "
            f"{losses[first]:.6g}, above {most[first]:.6g}, that of predicting 0; this is a mistake in the solver."
        )


def _allowed_labels(program: Bilevel, injection: Injection) -> BoolArray:
    if program.problem.loss.margin:
        return np.isin(injection.y, [-1.0, 1.0])
    return in_range(injection.y, *program.bounds(injection.task_index))


def in_range(y: FloatArray, low: FloatArray | float, high: FloatArray | float) -> BoolArray:
    """Which targets lie between these, up to rounding, shape (r,)."""
    slack = _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return np.asarray((y >= low - slack) & (y <= high + slack))


def _broken(attack: str, what: str) -> RuntimeError:
    return RuntimeError(f"{attack} broke the threat model: it returned {what}; this is a mistake in the attack.")


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
    own = places(result.task, tasks)
    strangers = np.flatnonzero(~np.isin(own, attackers) & ((own >= 0) | (threat.accounts is None)))
    if strangers.size:
        raise ValueError(f"its row {strangers[0]} is of a task that is no attacker")
    if threat.accounts is not None:
        _require_accounts(result.task[own < 0], threat.accounts)


def _require_accounts(task: AnyArray, new: NewTasks) -> None:
    """Refuse more accounts than the threat model has, or more rows in one."""
    found = np.sort(np.bincount(encode(task)[1])) if task.size else np.zeros(0, dtype=np.int64)
    allowed = np.sort(new.counts)
    if found.size > allowed.size:
        raise ValueError(f"its rows are of {found.size} new tasks, and its threat model has {allowed.size}")
    if (found > allowed[allowed.size - found.size :]).any():
        raise ValueError("a new task of its has more rows than its threat model allows")


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
