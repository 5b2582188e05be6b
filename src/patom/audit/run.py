"""Run an audit: choose the lambdas, fit, attack, measure, summarise."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

import patom
from patom.audit import summary
from patom.audit.cells import Cell, Effect, Purpose, clean_decision, run_and_measure, victim
from patom.audit.coverage import coverage, reaches
from patom.audit.data import AuditData
from patom.audit.draws import drawn, on_splits
from patom.audit.levels import worst_of
from patom.audit.plan import budgets, exposure_budget, plan, shown_tasks, with_step_sizes
from patom.audit.remedies import helped, retuned
from patom.audit.selection import select_lambdas
from patom.audit.settings import AuditSettings
from patom.audit.steps import Steps, seconds_ahead, steps
from patom.audit.verdict import verdict
from patom.core.arrays import AnyArray, FloatArray
from patom.evaluate.defended import Victim
from patom.evaluate.trial import fit_quietly
from patom.results.audit import SCHEMA, Results

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
    attacked, fitted = Victim(model, model), fit_quietly(clone(model), data.train)
    seeds = ((replicate, partial(clean_decision, model=model)) for replicate in range(settings.n_seeds))
    clean = list(on_splits(data, seeds, n_jobs=n_jobs))
    cells, step_sizes = with_step_sizes(data, settings, attacked, cells, n_jobs=n_jobs, advance=advance)
    effects = _effects(data, settings, attacked, cells, clean, n_jobs=n_jobs, advance=advance)
    curves, shown = summary.curves(effects, settings.confidence), shown_tasks(data, settings)
    exposure = summary.exposure(data, effects, shown, exposure_budget(data, settings))
    worst = worst_of(curves)
    again = retuned(data, settings, effects, worst, n_jobs=n_jobs, advance=advance)
    model_section = summary.model_section(data, fitted, selection, clean, settings)
    covered = coverage(reaches(data, settings, budgets(data, settings)))
    results = Results(
        schema=SCHEMA,
        patom_version=patom.__version__,
        seed=settings.seed,
        data=summary.data_section(data, settings, selection, clean[0], asked),
        model=model_section,
        setting=summary.setting_section(data, settings, effects, step_sizes),
        curves=curves,
        coverage=covered,
        exposure=exposure,
        relationships=summary.relationships(data, fitted, effects[-1], shown),
        retuned=again,
        remedies=helped(data, settings, model, effects, worst, n_jobs=n_jobs, advance=advance),
        verdict=verdict(
            curves, exposure, again, settings.attack,
            metric=data.metric, aim=summary.aim(data, settings), clean_by_seed=model_section.clean_targets_by_seed,
            coverage=covered,
        ),
    )  # fmt: skip
    report = {name: value for name, value in results.as_dict().items() if name != "command"}  # which the caller knows
    return Audit(report, summary.curve_rows(data, effects), injected_rows(data, effects))


def _tell_plan(planned: Planned | None, ahead: Steps, data: AuditData, settings: AuditSettings, n_jobs: int) -> None:
    if planned is not None:
        planned(ahead, None)
        planned(ahead, seconds_ahead(ahead, data.of_seed(0), settings, n_jobs))


def _effects(
    data: AuditData,
    settings: AuditSettings,
    attacked: Victim,
    cells: Sequence[Cell],
    clean: Sequence[FloatArray],
    *,
    n_jobs: int,
    advance: Callable[[], None],
) -> list[Effect]:
    run = partial(run_and_measure, settings=settings, attacked=attacked)
    jobs = ((cell.replicate, partial(run, cell=cell, clean=clean[cell.replicate])) for cell in cells)
    return list(on_splits(data, jobs, n_jobs=n_jobs, advance=advance))


def injected_rows(data: AuditData, effects: Sequence[Effect]) -> dict[str, Any]:
    """The rows of the most harmful attack of the curves, as columns in the user's names, units and types."""
    tried = [item for item in effects if item.cell.purpose is Purpose.CURVE]
    worst = max(tried, key=lambda item: item.damage if np.isfinite(item.damage) else -np.inf)
    result, scaling = worst.trial.result, data.of_seed(worst.cell.replicate).scaling
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


def _counter(progress: Progress | None, total: int) -> tuple[Callable[[], None], Callable[[int], None]]:
    """What to call after each step, and when steps are added to the plan."""
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
