"""Run an audit: choose the lambdas, fit, attack, measure, summarise."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import delayed
from sklearn.base import clone

import patom
from patom.attacks.program import MTRL
from patom.audit import summary
from patom.audit.cells import Cell, Outcome, decide, fit_quietly, relationships, run_cell, victim
from patom.audit.coverage import coverage, reaches
from patom.audit.data import AuditData
from patom.audit.draws import by_seed, drawn
from patom.audit.levels import worst_of
from patom.audit.pilot import with_step_sizes
from patom.audit.plan import budgets, exposure_budget, plan, shown_tasks
from patom.audit.remedies import helped
from patom.audit.retuned import retuned
from patom.audit.selection import select_lambdas
from patom.audit.settings import AuditSettings
from patom.audit.steps import Steps, seconds_ahead, steps
from patom.audit.verdict import verdict
from patom.core.arrays import AnyArray, FloatArray
from patom.results.audit import SCHEMA, Results
from patom.workers import in_order

Progress = Callable[[int, int], None]
"""Called with the steps done and the steps in all, after each; more are planned where the grid of lambdas grows."""
Planned = Callable[[Steps, float | None], None]
"""Called with the steps ahead and about how many seconds they take, which is None at first."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Parameters
    ----------
    report : dict
        Everything the page shows, of plain values: what ``report.json`` holds. Free of times and dates, so the
        same data, settings and versions give the same bytes on processors of one kind.
    curves : list of dict
        One tidy record for each attack.
    injected : dict of columns
        The rows of the most harmful attack found, in the user's columns and units.
    """

    report: dict[str, Any]
    curves: list[dict[str, Any]]
    injected: dict[str, Any]


def run_audit(
    data: AuditData,
    settings: AuditSettings,
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
    planned: Planned | None = None,
) -> Audit:
    """Audit a multi-task model of ``data``.

    Parameters
    ----------
    data : AuditData
    settings : AuditSettings
    n_jobs : int
        Worker processes; the result does not depend on them. Nor does it on the order of a table's rows.
    progress : callable (done, total), optional
    planned : callable (steps ahead, seconds), optional
        Called at once with None, and before the first step with about how long all of them will take: that is known by
        the time of a fit, which compiles for half a minute where it is a machine's first.

    Raises
    ------
    ValueError
        For tasks or budgets that the data do not allow.
    """
    data = drawn(data, settings)
    asked, settings = settings.n_seeds, replace(settings, n_seeds=len(data.numbers))
    cells = plan(data, settings)
    ahead = steps(cells, settings)
    _tell_plan(planned, ahead, data, settings, n_jobs)
    advance, announce = _counter(progress, ahead.total)
    selection = select_lambdas(data.of_seed(0), settings, n_jobs=n_jobs, advance=advance, announce=announce)
    model = victim(data, settings, selection.lambda_1, selection.lambda_2)
    fitted = fit_quietly(clone(model), data.X_train, data.y_train, data.task_train)
    clean = list(_clean(data, settings, model, n_jobs))
    shown = shown_tasks(data, settings)
    cells, step_sizes = with_step_sizes(data, settings, model, cells, n_jobs=n_jobs, advance=advance)
    outcomes = list(_outcomes(data, settings, model, cells, shown, n_jobs, advance))
    effects = summary.effects(data, clean, outcomes)
    curves = summary.curves(effects, settings.confidence)
    exposure = summary.exposure(data, effects, shown, exposure_budget(data, settings))
    worst = worst_of(curves)
    again = retuned(data, settings, clean, effects, worst, n_jobs=n_jobs, advance=advance)
    remedies = helped(data, settings, model, clean, outcomes, worst, n_jobs=n_jobs, advance=advance)
    model_told = summary.model_section(data, fitted, selection, clean, settings)
    covered = coverage(reaches(data, settings, budgets(data, settings)))
    results = Results(
        schema=SCHEMA,
        patom_version=patom.__version__,
        seed=settings.seed,
        data=summary.data_section(data, settings, selection, clean[0], asked),
        model=model_told,
        setting=summary.setting_section(data, settings, outcomes, step_sizes),
        curves=curves,
        coverage=covered,
        exposure=exposure,
        relationships=summary.relationships(data, relationships(fitted, shown), outcomes[-1], shown),
        retuned=again,
        remedies=remedies,
        verdict=verdict(
            curves, exposure, again, settings.attack,
            metric=data.metric, aim=summary.aim(data, settings), clean_by_seed=model_told.clean_targets_by_seed,
            coverage=covered,
        ),
    )  # fmt: skip
    report = {name: value for name, value in results.as_dict().items() if name != "command"}  # which the caller knows
    return Audit(report, summary.curve_rows(data, effects), injected_rows(data, effects))


def _tell_plan(planned: Planned | None, ahead: Steps, data: AuditData, settings: AuditSettings, n_jobs: int) -> None:
    if planned is not None:
        planned(ahead, None)
        planned(ahead, seconds_ahead(ahead, data.of_seed(0), settings, n_jobs))


def injected_rows(data: AuditData, effects: Sequence[summary.Effect]) -> dict[str, Any]:
    """The rows of the most harmful attack of the curves, as columns in the user's names, units and types."""
    tried = [item for item in effects if item.outcome.cell.purpose == "curve"]
    worst = max(tried, key=lambda item: item.damage if np.isfinite(item.damage) else -np.inf)
    result, scaling = worst.outcome.result, data.of_seed(worst.outcome.cell.replicate).scaling
    features = scaling.features_back(result.X)
    columns: dict[str, Any] = {data.about["task_column"]: data.tasks[result.task]}
    columns |= {name: features[:, i] for i, name in enumerate(data.features)}
    if data.kind == "regression":
        columns[data.about["target_column"]] = scaling.target_back(result.y)
    else:
        columns[data.about["target_column"]] = _class_values(data.about["classes"])[(result.y > 0.0).astype(int)]
    return columns


def _class_values(classes: tuple[str, str]) -> AnyArray:
    """The two classes as the user's file holds them: booleans, numbers or words.

    >>> _class_values(("0", "1")), _class_values(("False", "True")), _class_values(("no", "yes"))
    (array([0, 1]), array([False,  True]), array(['no', 'yes'], dtype='<U3'))
    """
    if classes == ("False", "True"):
        return np.array([False, True])
    for number in (int, float):
        with suppress(ValueError):
            return np.array([number(name) for name in classes])
    return np.array(classes)


def _clean(data: AuditData, settings: AuditSettings, model: MTRL, n_jobs: int) -> Iterator[FloatArray]:
    """What each seed's model says of its test rows without an attack."""
    splits = map(data.of_seed, range(settings.n_seeds))
    yield from in_order((delayed(_answers)(split, model) for split in splits), n_jobs)


def _answers(split: AuditData, model: MTRL) -> FloatArray:
    return decide(fit_quietly(model, split.X_train, split.y_train, split.task_train), split)


def _outcomes(
    data: AuditData,
    settings: AuditSettings,
    model: MTRL,
    cells: list[Cell],
    shown: tuple[int, ...],
    n_jobs: int,
    advance: Callable[[], None],
) -> Iterator[Outcome]:
    pairs = by_seed(data, cells, lambda cell: cell.replicate)
    jobs = (delayed(run_cell)(split, settings, model, cell, shown) for split, cell in pairs)
    for outcome in in_order(jobs, n_jobs):
        advance()
        yield outcome


def _counter(progress: Progress | None, total: int) -> tuple[Callable[[], None], Callable[[int], None]]:
    """What to call after each step, and where a number of steps is added to the plan."""
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    def announce(more: int) -> None:
        nonlocal total
        total += more

    return advance, announce
