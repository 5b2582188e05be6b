"""Run an audit: choose the lambdas, fit, attack, measure, summarise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed

import patom
from patom.attacks.bilevel import MTRL
from patom.audit import summary
from patom.audit.cells import Cell, Outcome, decide, fit_quietly, relationships, run_cell, victim
from patom.audit.data import AuditData
from patom.audit.pilot import pilots, with_step_sizes
from patom.audit.plan import budgets, plan, shown_tasks
from patom.audit.selection import GRID, Selection, select_lambdas
from patom.audit.settings import AuditSettings
from patom.audit.verdict import verdict
from patom.core.arrays import FloatArray

Progress = Callable[[int, int], None]
"""Called with the steps done and the steps in all, after each."""


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
    given = settings.lambda_1 is not None
    total = len(cells) + len(pilots(cells, settings)) + (0 if given else len(GRID) ** 2)
    advance = _counter(progress, total)
    selection = select_lambdas(data, settings, n_jobs=n_jobs, advance=advance)
    model = victim(data, settings, selection.lambda_1, selection.lambda_2)
    fitted = fit_quietly(model, data.X_train, data.y_train, data.task_train)
    clean = data.score_tasks(decide(fitted, data))
    shown = shown_tasks(data, settings)
    cells, step_sizes = with_step_sizes(data, settings, model, cells, n_jobs=n_jobs, advance=advance)
    outcomes = list(_outcomes(data, settings, model, cells, shown, n_jobs, advance))
    effects = [summary.effect(data, clean, outcome) for outcome in outcomes]
    curves = summary.curves(effects, settings.confidence)
    exposure = summary.exposure(data, effects, shown, settings.exposure_budget)
    whom = "half of the tasks" if settings.targets is None and data.tasks.size > 1 else "the target tasks"
    report = {
        "schema": 1,
        "patom_version": patom.__version__,
        "seed": settings.seed,
        "data": {**data.about, "tasks": _task_table(data, clean)},
        "model": _about_model(data, fitted, selection, clean, effects, settings),
        "setting": _about_setting(data, settings, outcomes, step_sizes),
        "curves": curves,
        "exposure": exposure,
        "relationships": summary.relationships(data, relationships(fitted, shown), outcomes[-1], shown),
        "verdict": verdict(curves, exposure, data.metric, whom),
        "fail_above": None,
    }
    return Audit(report, summary.curve_rows(effects), injected_rows(data, effects))


def injected_rows(data: AuditData, effects: list[summary.Effect]) -> dict[str, Any]:
    """The rows of the most harmful attack of the curves, as columns in the user's names and units."""
    rated = [item for item in effects if item.outcome.cell.purpose == "curve" and np.isfinite(item.damage)]
    if not rated:
        return {}
    result = max(rated, key=lambda item: item.damage).outcome.result
    features = data.scaling.features_back(result.X)
    columns: dict[str, Any] = {data.about["task_column"]: data.tasks[result.task].astype(str)}
    columns |= {name: features[:, i] for i, name in enumerate(data.features)}
    if data.kind == "regression":
        columns[data.about["target_column"]] = data.scaling.target_back(result.y)
    else:
        columns[data.about["target_column"]] = np.array(data.about["classes"])[(result.y > 0.0).astype(int)]
    return columns


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
    for outcome in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        advance()
        yield outcome


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return advance


def _task_table(data: AuditData, clean: FloatArray) -> list[dict[str, Any]]:
    held_out = np.bincount(data.task_test, minlength=data.tasks.size)
    return [
        {"task": str(task), "n_train": int(n), "n_test": int(k), "clean": float(c) if np.isfinite(c) else None}
        for task, n, k, c in zip(data.tasks, data.counts, held_out, clean, strict=True)
    ]


def _about_model(
    data: AuditData,
    fitted: MTRL,
    selection: Selection,
    clean: FloatArray,
    effects: list[summary.Effect],
    settings: AuditSettings,
) -> dict[str, Any]:
    measured = clean[np.isfinite(clean)]
    targets = {item.outcome.cell.replicate: item.clean for item in effects if item.outcome.cell.purpose == "curve"}
    return {
        "estimator": type(fitted).__name__,
        "loss": fitted.loss,
        "lambda_1": selection.lambda_1,
        "lambda_2": selection.lambda_2,
        "lambdas_chosen_by": selection.chosen_by,
        "cross_validation": [
            {"lambda_1": a, "lambda_2": b, "score": score if np.isfinite(score) else None}
            for a, b, score in selection.scores
        ],
        "metric": data.metric,
        "clean": float(measured.mean()) if measured.size else None,
        "clean_targets": summary.interval(targets.values(), settings.confidence),
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
        "iterations": settings.iterations,
        "step_size": settings.step_size,
        "step_sizes": step_sizes,
        "confidence": settings.confidence,
        "targets": targets,
        "attackers": f"direct: the targets themselves; indirect: {others}",
        "injected_norm": 1.0,
        "attacks_run": len(outcomes),
        "attacks_uncertified": sum(not outcome.certified for outcome in outcomes),
    }
