"""Attacks on models that cannot be differentiated: planned against others, the best of them kept."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from patom.attacks.result import AttackResult


def strongest_replay(
    results: Sequence[AttackResult],
    victim: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any = None,
    harm: Callable[[Any], float],
) -> tuple[AttackResult, Any]:
    """The attack that harms a victim the most, of some that were planned against other models.

    What an attacker does who can fit the victim but not see through it: problem (1) with other lambdas, losses or
    filters stands in, and the victim decides. A lower bound of what she could do.

    Parameters
    ----------
    results : sequence of AttackResult
        At least one, all on these data.
    victim : estimator
        Any with ``fit(X, y, task=task)``; left untouched.
    X, y, task
        The clean rows.
    harm : callable
        Of a fitted model, larger is worse; NaN counts as none.

    Returns
    -------
    result : AttackResult
    model : estimator
        The victim fitted on clean rows and that attack's. Costs a fit of the victim for each result.

    Raises
    ------
    ValueError
        Without a result.

    Examples
    --------
    >>> from patom import MTRLRegressor, ProjectedAscent, ThreatModel
    >>> from patom.defenses import ARMULRegressor
    >>> X, task = np.linspace(-1.0, 1.0, 20)[:, None], np.repeat(["a", "b"], 10)
    >>> data, threat = {"X": X, "y": X[:, 0], "task": task}, ThreatModel(["a"], ["a"], 0.2)
    >>> attack = ProjectedAscent(max_iter=5, n_starts=1)
    >>> plans = [attack.poison(MTRLRegressor(c, c), **data, threat=threat, random_state=0) for c in (0.1, 0.001)]
    >>> loss = lambda model: float(np.mean((X[:10, 0] - model.predict(X[:10], task=task[:10])) ** 2))
    >>> best, model = strongest_replay(plans, ARMULRegressor(), **data, harm=loss)
    >>> loss(model) == max(loss(plan.replay(ARMULRegressor(), **data)) for plan in plans)
    True
    """
    if not results:
        raise ValueError("results of strongest_replay must hold one attack at least; got none.")
    models = [result.replay(victim, X, y, task=task) for result in results]
    harms = [harm(model) for model in models]
    best = int(np.argmax([value if np.isfinite(value) else -np.inf for value in harms]))
    return results[best], models[best]
