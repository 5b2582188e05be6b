"""Attacks on models that cannot be differentiated: planned against other models, and the best of them kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone, is_classifier

from patom.attacks.result import AttackResult
from patom.core.arrays import AnyArray
from patom.core.labels import places

SHARES = (1.0, 0.85, 0.7, 0.5, 0.35, 0.25, 0.15)


@dataclass(frozen=True)
class Transferred:
    """A planned attack as it meets a victim."""

    result: AttackResult  # the plan, with its own targets
    y: AnyArray  # the targets that are injected, shape (r,)
    model: Any  # the victim fitted on clean and injected rows
    harm: float


def strongest_transfer(
    results: Sequence[AttackResult],
    victim: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Any = None,
    harm: Callable[[Any], float],
    shares: Sequence[float] = (1.0,),
) -> Transferred:
    """The attack that harms a victim the most, of some that were planned against other models.

    For an attacker who can fit the victim but cannot differentiate it: she plans against problem (1) with other
    lambdas, losses or filters, and keeps what harms the victim most. A lower bound of what she could do.

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
    shares : sequence of float, default (1.0,)
        For regression: shares of the way from what the clean victim predicts for an injected row (the mean target for
        an account's, which it does not know) to its planned target, each tried: a loss that ignores rows far from the
        fit may follow nearer ones. ``SHARES`` are some.

    Returns
    -------
    Transferred
        Costs a fit of the victim for each result and share.

    Raises
    ------
    ValueError
        Without a result or a share.

    Examples
    --------
    >>> from patom import MTRLRegressor, ProjectedAscent, ThreatModel
    >>> from patom.defenses import ARMULRegressor
    >>> X, task = np.linspace(-1.0, 1.0, 20)[:, None], np.repeat(["a", "b"], 10)
    >>> data, threat = {"X": X, "y": X[:, 0], "task": task}, ThreatModel(["a"], ["a"], 0.2)
    >>> attack = ProjectedAscent(max_iter=5, n_starts=1)
    >>> plans = [attack.poison(MTRLRegressor(c, c), **data, threat=threat, random_state=0) for c in (0.1, 0.001)]
    >>> loss = lambda model: float(np.mean((X[:10, 0] - model.predict(X[:10], task=task[:10])) ** 2))
    >>> best = strongest_transfer(plans, ARMULRegressor(), **data, harm=loss)
    >>> best.harm == max(loss(plan.refit(ARMULRegressor(), **data)) for plan in plans)
    True
    """
    if not results or not shares:
        raise ValueError("results and shares of strongest_transfer must hold one at least.")
    tried = [_met(result, result.y, result.refit(victim, X, y, task=task), harm) for result in results]
    if is_classifier(victim) or set(shares) == {1.0}:
        return max(tried, key=lambda one: one.harm)
    clean = _fitted(victim, X, y, task)
    for result in results:
        own = _predicted(clean, result, y, task)
        for share in shares:
            targets = own + share * (result.y - own)
            rows = result.combine(X, y, task)
            poisoned = np.concatenate([rows.y[: -targets.size], targets])
            tried.append(
                _met(result, targets, _fitted(victim, rows.X, poisoned, None if task is None else rows.task), harm)
            )
    return max(tried, key=lambda one: one.harm)


def _predicted(clean: Any, result: AttackResult, y: npt.ArrayLike, task: Any) -> AnyArray:
    """What a victim fitted on clean rows predicts for the injected ones, shape (r,)."""
    if task is None:
        return np.asarray(clean.predict(result.X))
    old = places(result.task, result.tasks) >= 0
    found = np.full(result.y.size, np.mean(np.asarray(y, dtype=np.float64)))
    if old.any():
        found[old] = clean.predict(result.X[old], task=result.task[old])
    return found


def _met(result: AttackResult, y: AnyArray, model: Any, harm: Callable[[Any], float]) -> Transferred:
    found = harm(model)
    return Transferred(result, y, model, found if np.isfinite(found) else -np.inf)


def _fitted(victim: Any, X: npt.ArrayLike, y: npt.ArrayLike, task: Any) -> Any:
    return clone(victim).fit(X, y) if task is None else clone(victim).fit(X, y, task=task)
