"""Run an audit: choose the lambdas, fit, attack, measure, summarise."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import delayed

import patom
from patom.attacks.bilevel import MTRL
from patom.audit import summary
from patom.audit.cells import Cell, Outcome, decide, fit_quietly, relationships, run_cell, victim
from patom.audit.data import AuditData
from patom.audit.pilot import pilots, with_step_sizes
from patom.audit.plan import attacking_counts, budgets, exposure_budget, injected, plan, shown_tasks
from patom.audit.remedies import N_REMEDIES, helped
from patom.audit.retuned import retuned
from patom.audit.selection import Selection, select_lambdas
from patom.audit.settings import AuditSettings
from patom.audit.verdict import Aim, verdict, worst_of
from patom.audit.wording import counted, listed, quoted
from patom.core.arrays import AnyArray, FloatArray
from patom.intervals import interval
from patom.models.lambda_search import GRID
from patom.workers import in_order

Progress = Callable[[int, int], None]
"""Called with the steps done and the steps in all, after each; more are planned where the grid of lambdas grows."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Parameters
    ----------
    report : dict
        Everything the page shows, of plain values: what ``report.json`` holds. Free of times and dates, so the
        same data, settings and versions give the same bytes.
    curves : list of dict
        One tidy record for each attack.
    injected : dict of columns
        The rows of the most harmful attack found, in the user's columns and units.
    """

    report: dict[str, Any]
    curves: list[dict[str, Any]]
    injected: dict[str, Any]


def run_audit(data: AuditData, settings: AuditSettings, *, n_jobs: int = 1, progress: Progress | None = None) -> Audit:
    """Audit a multi-task model of ``data``.

    Parameters
    ----------
    data : AuditData
    settings : AuditSettings
    n_jobs : int
        Worker processes; the result does not depend on them.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        For tasks or budgets that the data do not allow.
    """
    cells = plan(data, settings)
    searched = 0 if settings.lambda_1 is not None else len(GRID) ** 2 + settings.n_seeds
    total = len(cells) + len(pilots(cells, settings)) + searched + N_REMEDIES * settings.n_seeds
    advance, announce = _counter(progress, total)
    selection = select_lambdas(data, settings, n_jobs=n_jobs, advance=advance, announce=announce)
    model = victim(data, settings, selection.lambda_1, selection.lambda_2)
    fitted = fit_quietly(model, data.X_train, data.y_train, data.task_train)
    clean = decide(fitted, data)
    shown = shown_tasks(data, settings)
    cells, step_sizes = with_step_sizes(data, settings, model, cells, n_jobs=n_jobs, advance=advance)
    outcomes = list(_outcomes(data, settings, model, cells, shown, n_jobs, advance))
    effects = [summary.effect(data, clean, outcome) for outcome in outcomes]
    curves = summary.curves(effects, settings.confidence)
    exposure = summary.exposure(data, effects, shown, exposure_budget(data, settings))
    worst = worst_of(curves)
    again = retuned(data, settings, clean, effects, worst, n_jobs=n_jobs, advance=advance)
    remedies = helped(data, settings, model, clean, outcomes, worst, n_jobs=n_jobs, advance=advance)
    report = {
        "schema": 1,
        "patom_version": patom.__version__,
        "seed": settings.seed,
        "data": _about_data(data, settings, selection, clean),
        "model": _about_model(data, fitted, selection, clean, effects, settings),
        "setting": _about_setting(data, settings, outcomes, step_sizes),
        "curves": curves,
        "exposure": exposure,
        "relationships": summary.relationships(data, relationships(fitted, shown), outcomes[-1], shown),
        "retuned": again,
        "remedies": remedies,
        "verdict": verdict(curves, exposure, again, settings.attack, metric=data.metric, aim=_aim(data, settings)),
        "fail_above": None,
    }
    return Audit(report, summary.curve_rows(data, effects), injected_rows(data, effects))


def injected_rows(data: AuditData, effects: Sequence[summary.Effect]) -> dict[str, Any]:
    """The rows of the most harmful attack of the curves, as columns in the user's names, units and types."""
    tried = [item for item in effects if item.outcome.cell.purpose == "curve"]
    worst = max(tried, key=lambda item: item.damage if np.isfinite(item.damage) else -np.inf)
    result = worst.outcome.result
    features = data.scaling.features_back(result.X)
    columns: dict[str, Any] = {data.about["task_column"]: data.tasks[result.task]}
    columns |= {name: features[:, i] for i, name in enumerate(data.features)}
    if data.kind == "regression":
        columns[data.about["target_column"]] = data.scaling.target_back(result.y)
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


def _outcomes(
    data: AuditData,
    settings: AuditSettings,
    model: MTRL,
    cells: list[Cell],
    shown: tuple[int, ...],
    n_jobs: int,
    advance: Callable[[], None],
) -> Iterator[Outcome]:
    jobs = (delayed(run_cell)(data, settings, model, cell, shown) for cell in cells)
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


def _about_data(data: AuditData, settings: AuditSettings, selection: Selection, clean: FloatArray) -> dict[str, Any]:
    scores, held_out = data.score_tasks(clean), np.bincount(data.task_test, minlength=data.tasks.size)
    tasks = [
        {"task": str(task), "n_train": int(n), "n_test": int(k), "clean": _finite(score)}
        for task, n, k, score in zip(data.tasks, data.counts, held_out, scores, strict=True)
    ]
    lost, m = int((~data.measurable).sum()), data.tasks.size
    notes = list(data.about["notes"])
    if data.pooled:
        notes.append(
            f"Most tasks ({lost:,} of {m:,}) have test rows too few, or of one value, for an {data.metric} of their "
            "own, so tasks are measured together, over all their test rows."
        )
    elif lost:
        notes.append(f"Tasks that count in no mean, as their test rows are too few or of one value: {lost:,} of {m:,}.")
    counts = attacking_counts(data, settings)
    spared = int((injected(counts, budgets(data, settings)[-1]) == 0).sum())
    if spared:
        notes.append(
            f"Even the largest budget comes to no row in {spared:,} of {counted(counts.size, 'attacking task')}, "
            "as it is rounded down."
        )
    if selection.edges:
        notes.append(
            f"The lambdas chosen lie where the grid ends: {' and '.join(selection.edges)} may do better still, so set "
            "them yourself if you know better ones."
        )
    return data.about | {"tasks": tasks, "notes": notes}


def _about_model(
    data: AuditData,
    fitted: MTRL,
    selection: Selection,
    clean: FloatArray,
    effects: list[summary.Effect],
    settings: AuditSettings,
) -> dict[str, Any]:
    targets = {item.outcome.cell.replicate: item.clean for item in effects if item.outcome.cell.purpose == "curve"}
    return {
        "estimator": type(fitted).__name__,
        "loss": fitted.loss,
        "lambda_1": selection.lambda_1,
        "lambda_2": selection.lambda_2,
        "lambdas_chosen_by": selection.chosen_by,
        "cross_validation": [
            {"lambda_1": a, "lambda_2": b, "score": _finite(score)} for a, b, score in selection.scores
        ],
        "metric": data.metric,
        "measured": "tasks together" if data.pooled else "mean over tasks",
        "clean": _finite(data.score(clean)),
        "clean_targets": interval(targets.values(), settings.confidence),
        "objective": fitted.objective_,
        "duality_gap": fitted.duality_gap_,
        "status": fitted.status_.value,
    }


def _about_setting(
    data: AuditData, settings: AuditSettings, outcomes: list[Outcome], step_sizes: dict[str, float]
) -> dict[str, Any]:
    if settings.targets is None:
        targets = "a random half of the tasks, drawn anew for each seed" if data.tasks.size > 1 else "the only task"
    else:
        targets = ", ".join(map(str, settings.targets))
    others = "the other tasks" if settings.attackers is None else ", ".join(map(str, settings.attackers))
    return {
        "budgets": list(budgets(data, settings)),
        "n_seeds": settings.n_seeds,
        "attack": settings.attack,
        "keep_labels": settings.keep_labels or settings.attack == "patom",
        "region": settings.region,
        "iterations": outcomes[-1].result.attack["max_iter"],
        "step_size": settings.step_size,
        "step_sizes": step_sizes,
        "confidence": settings.confidence,
        "targets": targets,
        "attackers": f"direct: the targets themselves; indirect: {others}",
        "injected_norm": 1.0,
        "attacks_run": len(outcomes),
        "attacks_uncertified": sum(not outcome.certified for outcome in outcomes),
    }


def _aim(data: AuditData, settings: AuditSettings) -> Aim:
    m = data.tasks.size
    half = (m + 1) // 2
    through = "the other tasks" if settings.attackers is None else _named(settings.attackers)
    if settings.targets is not None:
        return Aim(_named(settings.targets), through, several=len(set(settings.targets)) > 1)
    if m == 1:
        return Aim("the only task", several=False)
    if m == 2:
        return Aim("one of the two tasks", "the other task", several=False)
    return Aim("half of the tasks" if 2 * half == m else f"{half} of the {m} tasks")


def _named(tasks: Sequence[Hashable], most: int = 3) -> str:
    names = list(dict.fromkeys(map(str, tasks)))
    if len(names) > most:
        return f"{len(names)} named tasks"
    return f"the tasks {listed(names)}" if len(names) > 1 else f"task {quoted(names[0])}"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
