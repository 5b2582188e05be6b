"""What the worst attack does to a victim who chooses the lambdas again, on the poisoned rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from joblib import delayed

from patom.audit import summary
from patom.audit.cells import Outcome, decide, fit_quietly, victim
from patom.audit.data import AuditData
from patom.audit.draws import by_seed
from patom.audit.selection import select_lambdas
from patom.audit.settings import AuditSettings
from patom.core.arrays import FloatArray
from patom.intervals import varied_interval
from patom.results.audit import Point, Retuned
from patom.workers import in_order


def retuned(
    data: AuditData,
    settings: AuditSettings,
    clean: Sequence[FloatArray],
    effects: Sequence[summary.Effect],
    worst: Point | None,
    *,
    n_jobs: int,
    advance: Callable[[], None],
) -> Retuned | None:
    """The damage of the worst attack of the curves where lambdas are chosen anew, over its seeds.

    Fixed lambdas overstate harm (Carnerero-Cano et al. 2023, arXiv 2306.01613). None where the lambdas were given, or
    nothing could be measured. Costs a cross-validation a seed.

    Parameters
    ----------
    clean : sequence of arrays of shape (n_test,)
        Predictions or margins without an attack, of each seed's test rows.
    worst : Point
        The verdict's attack and budget.
    """
    if settings.lambda_1 is not None:
        return None
    cells = [] if worst is None else [item.outcome for item in effects if _is(item.outcome, worst)]
    found = []
    pairs = by_seed(data, cells, lambda outcome: outcome.cell.replicate)
    jobs = (delayed(refit)(split, settings, outcome) for split, outcome in pairs)
    for outcome in in_order(jobs, n_jobs):
        found.append(outcome)
        advance()
    for _ in range(settings.n_seeds - len(cells)):  # seeds whose tasks are too small for that budget
        advance()
    if worst is None:
        return None
    measured = summary.effects(data, clean, (replace(outcome, decision=decision) for outcome, _, decision in found))
    return Retuned(
        attack=worst.attack,
        label=worst.label,
        budget=worst.budget,
        lambdas=[list(lambdas) for _, lambdas, _ in found],
        metric=varied_interval((item.attacked for item in measured), settings.confidence),
        damage=varied_interval((item.damage for item in measured), settings.confidence),
    )


def refit(
    data: AuditData, settings: AuditSettings, outcome: Outcome
) -> tuple[Outcome, tuple[float, float], FloatArray]:
    """The attack, the lambdas chosen on clean and injected rows together, and that model's predictions of test rows."""
    rows = outcome.result
    poisoned = replace(
        data,
        X_train=np.concatenate([data.X_train, rows.X]),
        y_train=np.concatenate([data.y_train, rows.y]),
        task_train=np.concatenate([data.task_train, rows.task]),
    )
    chosen = select_lambdas(poisoned, settings, n_jobs=1, advance=lambda: None)
    model = victim(data, settings, chosen.lambda_1, chosen.lambda_2)
    fitted = fit_quietly(model, poisoned.X_train, poisoned.y_train, poisoned.task_train)
    return outcome, (chosen.lambda_1, chosen.lambda_2), decide(fitted, data)


def _is(outcome: Outcome, worst: Point) -> bool:
    cell = outcome.cell
    return cell.purpose == "curve" and (str(cell.attack), cell.budget) == (str(worst.attack), worst.budget)
