"""What every attack promises, checked in the one place that all of them pass."""

import numpy as np

from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import BoolArray, FloatArray

_ROUNDING = 1e-9  # of a task's targets: low + high - y may leave the range by a last digit


def require_kept(program: Bilevel, threat: ThreatModel, injection: Injection, attack: str) -> None:
    """Refuse injected rows that the threat model does not allow; costs one pass over them.

    Features must lie in the region, with whole numbers and one-hot groups where asked for; labels must be one of the
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
    allowed = np.zeros(rows.n_tasks, dtype=np.int64)
    attackers = threat.attacker_positions(labels)
    allowed[attackers] = threat.injected_counts(rows.counts[attackers])
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
