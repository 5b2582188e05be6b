"""Run an audit: choose the lambdas, fit, attack, measure, summarise."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

import patom
from patom.attacks import NewTasks
from patom.audit import summary
from patom.audit.accounts import by_accounts
from patom.audit.bracket import bracket
from patom.audit.cells import Cell, Effect, Purpose, clean_decision, followed_up, run_and_measure, victim
from patom.audit.coverage import allowances, coverage
from patom.audit.data import AuditData
from patom.audit.draws import drawn
from patom.audit.levels import gate, worst_of
from patom.audit.output import Audit
from patom.audit.plan import budgets, exposure_budget, plan, shown_tasks
from patom.audit.remedies import helped
from patom.audit.selection import retuned, select_lambdas
from patom.audit.settings import AuditSettings
from patom.audit.step_sizes import with_step_sizes
from patom.audit.steps import Steps, seconds_ahead, steps
from patom.audit.verdict import verdict
from patom.audit.work import Progress, Work
from patom.core.arrays import AnyArray, FloatArray
from patom.core.exact import joined
from patom.evaluate.defended import Victim
from patom.evaluate.trial import fit_quietly
from patom.results.audit import SCHEMA, Results
from patom.results.methods import AttackName

Planned = Callable[[Steps, float | None], None]
"""Called with the steps ahead and about how many seconds they take, which is None at first."""


def run_audit(
    data: AuditData,
    settings: AuditSettings,
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
    planned: Planned | None = None,
    fail_above: float | None = None,
    command: str | None = None,
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
    fail_above : float, optional
        A threshold of the worst damage; the report says whether it is exceeded.
    command : str, optional
        What gives the same report again, for the report.

    Raises
    ------
    ValueError
        For tasks or budgets that the data do not allow.
    """
    data = drawn(data, settings)
    asked, settings = settings.n_seeds, replace(settings, n_seeds=len(data.draws))
    cells, first = plan(data, settings), data.of_replicate(0)
    work = Work(data, n_jobs, _told(planned, cells, first, settings, n_jobs).total, progress)
    selection = select_lambdas(first, settings, n_jobs=n_jobs, advance=work.advance, announce=work.announce)
    model = victim(data, settings, selection.lambda_1, selection.lambda_2)
    fitted = fit_quietly(clone(model), data.train)
    clean, effects, step_sizes = _effects(work, settings, model, cells)
    curves, shown = summary.curves(effects, settings.confidence, len(settings.accounts)), shown_tasks(data, settings)
    opened = by_accounts(work, settings, model, clean, effects, shown, len(curves))
    exposure = summary.exposure(data, effects, shown, exposure_budget(data, settings), opened.exposure)
    worst = worst_of(curves)
    again = retuned(work, settings, model, effects, worst)
    bracketed = bracket(work, settings, model, effects, worst)
    model_section = summary.model_section(data, fitted, selection, clean, settings)
    covered, aim = coverage(allowances(data, settings, budgets(data, settings))), summary.aim(data, settings)
    answer = verdict(
        curves, exposure, again, settings.attack, metric=data.metric, aim=aim,
        clean_by_seed=model_section.clean_targets_by_seed, coverage=covered, accounts=opened.section, bracket=bracketed,
    )  # fmt: skip
    results = Results(
        schema=SCHEMA,
        patom_version=patom.__version__,
        seed=settings.seed,
        data=summary.data_section(data, settings, selection, clean[0], asked),
        model=model_section,
        setting=summary.setting_section(data, settings, effects, step_sizes, opened, worst),
        curves=curves,
        coverage=covered,
        exposure=exposure,
        relationships=summary.relationships(data, fitted, effects[-1], shown),
        retuned=again,
        remedies=helped(work, settings, model, effects, worst),
        accounts=opened.section,
        bracket=bracketed,
        verdict=answer,
        fail_above=None if fail_above is None else gate(answer, fail_above),
        command=command,
    )
    return _audit(data, results, [*effects, *opened.on_all], opened.on_one)


def _audit(data: AuditData, results: Results, effects: list[Effect], on_one: list[Effect]) -> Audit:
    """The results with a record for each attack, and the rows of the worst; ``on_one``: accounts against one task."""
    return Audit(_report(results), summary.curve_rows(data, [*effects, *on_one]), injected_rows(data, effects))


def _report(results: Results) -> dict[str, Any]:
    """As ``report.json`` holds it: without the command of an audit that no command gives again."""
    return {name: value for name, value in results.as_dict().items() if name != "command" or value is not None}


def _effects(
    work: Work, settings: AuditSettings, model: Any, planned: list[Cell]
) -> tuple[list[FloatArray], list[Effect], dict[AttackName, float]]:
    """Clean predictions by replicate, what each planned attack did, the worst followed up, and PATOM's step sizes."""
    fits = ((replicate, partial(clean_decision, model=model)) for replicate in range(settings.n_seeds))
    clean, attacked = list(work.on_splits(fits, counted=False)), Victim(model, model)
    cells, step_sizes = with_step_sizes(work, settings, attacked, planned)
    run = partial(run_and_measure, settings=settings, attacked=attacked)
    jobs = ((cell.replicate, partial(run, cell=cell, clean=clean[cell.replicate])) for cell in cells)
    found = list(work.on_splits(jobs))
    worst = worst_of(summary.curves(found, settings.confidence, len(settings.accounts)))
    return clean, followed_up(work, settings, attacked, clean, found, worst), step_sizes


def _told(planned: Planned | None, cells: list[Cell], first: AuditData, settings: AuditSettings, n_jobs: int) -> Steps:
    """The steps ahead, once whoever asked was told of them and of how long they take."""
    ahead = steps(cells, settings)
    if planned is not None:
        planned(ahead, None)
        planned(ahead, seconds_ahead(ahead, first, settings, n_jobs))
    return ahead


def injected_rows(data: AuditData, effects: Sequence[Effect]) -> dict[str, Any]:
    """The rows of the most harmful attack of the curves, or by accounts, as columns in the user's names and units.

    Accounts have labels that no task of the table has; where these are words beside tasks of another type, all are.
    """
    tried = [item for item in effects if item.cell.purpose in (Purpose.CURVE, Purpose.ACCOUNTS)]
    worst = max(tried, key=lambda item: item.damage if np.isfinite(item.damage) else -np.inf)
    result, scaling = worst.trial.result, data.of_replicate(worst.cell.replicate).scaling
    features = scaling.features_back(result.X)
    columns: dict[str, Any] = {data.about.task_column: _labels(data.tasks, worst.cell.accounts)[result.task]}
    columns |= {name: features[:, i] for i, name in enumerate(data.features)}
    classes = data.about.classes
    y = scaling.target_back(result.y) if classes is None else _class_values(classes)[(result.y > 0.0).astype(int)]
    return columns | {data.about.target_column: y}


def _labels(tasks: AnyArray, accounts: int) -> AnyArray:
    """Labels of the tasks and of accounts, which a column can hold."""
    if not accounts:
        return tasks
    found = joined(tasks, NewTasks(accounts, 1).labels(tasks))
    return found if len({type(label) for label in found.tolist()}) == 1 else found.astype(str)


def _class_values(classes: Sequence[str]) -> AnyArray:
    """The two classes as the user's file holds them: booleans, numbers or words.

    >>> _class_values(["0", "1"]), _class_values(["False", "True"]), _class_values(["no", "yes"])
    (array([0, 1]), array([False,  True]), array(['no', 'yes'], dtype='<U3'))
    """
    if classes == ["False", "True"]:
        return np.array([False, True])
    for number in (int, float):
        with suppress(ValueError):
            return np.array([number(name) for name in classes])
    return np.array(classes)
