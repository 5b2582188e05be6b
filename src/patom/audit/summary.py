"""The sections of a report: data, model and settings; curves with their intervals, exposure map, relationships."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from patom.attacks import AttackStatus
from patom.attacks.program import MTRL
from patom.audit.accounts import ByAccounts
from patom.audit.cells import Effect, Purpose, on_curve
from patom.audit.coverage import allowances
from patom.audit.data import AuditData
from patom.audit.draws import task_sets
from patom.audit.plan import attacking_counts, budgets, usable_budgets
from patom.audit.selection import Selection
from patom.audit.settings import DEFAULT_BUDGETS, AuditSettings
from patom.audit.verdict import Aim
from patom.core.arrays import FloatArray
from patom.core.grouped import whole_rows
from patom.evaluate.measure import FEW_OF_A_CLASS, FEW_TEST_ROWS
from patom.intervals import varied_interval
from patom.results.audit import Data, Exposure, ExposureToAccounts, Model, Moment, Point, Relationships, Setting, Tuned
from patom.results.methods import AttackName, Method, Reach
from patom.wording import as_asked, counted, listed, quoted


def label(attack: AttackName) -> str:
    """What the page calls an attack.

    >>> label(AttackName.parse("ascent-direct")), label(AttackName.parse("patom-hybrid"))
    ('optimised, direct', 'PATOM, hybrid')
    """
    return f"optimised, {attack.reach}" if attack.method is Method.ASCENT else attack.words


def curves(effects: Sequence[Effect], confidence: float, others: int = 0) -> list[Point]:
    """One point for each attack and budget, over the seeds in which its damage could be measured.

    ``others``: attacks beside the curves', among which the worst is chosen too.
    """
    groups: dict[tuple[AttackName, float], list[Effect]] = {}
    for item in effects:
        cell = item.cell
        if cell.purpose is Purpose.CURVE:
            groups.setdefault((cell.attack, cell.budget), []).append(item)
    measured = sum(any(np.isfinite(item.damage) for item in group) for group in groups.values())
    of_all = 1.0 - (1.0 - confidence) / max(measured + others, 1)
    return [
        Point(
            attack=attack,
            label=label(attack),
            budget=budget,
            n_seeds=sum(bool(np.isfinite(item.damage)) for item in group),
            clean=varied_interval((item.clean for item in group), confidence),
            metric=varied_interval((item.attacked for item in group), confidence),
            damage=varied_interval((item.damage for item in group), confidence),
            low_of_all=varied_interval((item.damage for item in group), of_all).low,
            bystander_metric=varied_interval((item.bystanders for item in group), confidence),
        )
        for (attack, budget), group in sorted(groups.items(), key=lambda found: _reading_order(*found[0]))
    ]


def _reading_order(attack: AttackName, budget: float) -> tuple[int, int, float]:
    return list(Method).index(attack.method), list(Reach).index(attack.reach), budget


def exposure(
    data: AuditData,
    effects: Sequence[Effect],
    shown: tuple[int, ...],
    budget: float,
    to_accounts: ExposureToAccounts | None = None,
) -> Exposure | None:
    """The damage of each task (row) as the only attacker on each task (column) as the only target, if any is known."""
    place = {position: i for i, position in enumerate(shown)}
    damage: list[list[float | None]] = [[None] * len(shown) for _ in shown]
    injected = [0] * len(shown)
    for item in effects:
        cell = item.cell
        if cell.purpose is Purpose.EXPOSURE:
            i, j = place[cell.attackers[0]], place[cell.targets[0]]
            damage[i][j] = item.damage if np.isfinite(item.damage) else None
            injected[i] = int(item.trial.result.y.size)
    if all(value is None for row in damage for value in row):
        return None
    return Exposure(
        budget=budget,
        tasks=names(data, shown),
        all_tasks_shown=len(shown) == data.tasks.size,
        damage=damage,
        few_test_rows=data.few[list(shown)].tolist(),
        rows_injected=injected,
        to_accounts=to_accounts,
    )


def relationships(data: AuditData, fitted: MTRL, effect: Effect, shown: tuple[int, ...]) -> Relationships:
    """Correlations among the tasks shown and the largest eigenvalues of Omega, clean and under a hybrid attack.

    ``fitted``: the model without an attack.
    """
    cell = effect.cell
    return Relationships(
        attack=cell.attack,
        label=label(cell.attack),
        budget=cell.budget,
        targets=names(data, cell.targets),
        attackers=names(data, cell.attackers),
        tasks=names(data, shown),
        before=moment(fitted, shown),
        after=moment(effect.trial.model, shown),
    )


def moment(model: MTRL, shown: tuple[int, ...]) -> Moment:
    """Correlations among the tasks shown, and the largest eigenvalues of Omega."""
    correlation = model.relationship_.correlation(np.asarray(shown))
    return Moment(correlation=correlation.tolist(), spectrum=model.task_spectrum_[:20].tolist())


def curve_rows(data: AuditData, effects: Sequence[Effect]) -> list[dict[str, Any]]:
    """One tidy record for each attack, whatever its purpose."""
    return [
        {
            "purpose": item.cell.purpose.value,
            "attack": str(item.cell.attack),
            "budget": item.cell.budget,
            "replicate": item.cell.replicate,
            "targets": names(data, item.cell.targets),
            "attackers": names(data, item.cell.attackers),
            "accounts": item.cell.accounts,
            "rows_injected": int(item.trial.result.y.size),
            "metric_clean": item.clean,
            "metric": item.attacked,
            "damage": item.damage,
            "bystanders_clean": item.bystanders_clean,
            "bystanders": item.bystanders,
            "training_loss_clean": item.trial.result.clean_utility,
            "training_loss": item.trial.result.utility,
            "certified": item.trial.certified,
        }
        for item in effects
    ]


def names(data: AuditData, places: Iterable[int]) -> list[str]:
    """Task labels as text."""
    return [str(data.tasks[place]) for place in places]


def data_section(
    data: AuditData, settings: AuditSettings, selection: Selection, clean: FloatArray, planned: int
) -> Data:
    """What was audited, task by task on the first seed's split, with notes on all that was decided for the user.

    ``clean``: (n_test,), predictions or margins of that split's test rows without an attack. ``planned``: the seeds of
    the user's settings.
    """
    scores = zip(data.about.tasks, data.score_tasks(clean), strict=True)
    tasks = [task.model_copy(update={"clean": _finite(score)}) for task, score in scores]
    notes = [*data.about.notes, *_measured(data), *_too_small(data, settings), *budget_notes(data, settings)]
    if planned > settings.n_seeds:
        notes.append(
            f"There are no more than {counted(settings.n_seeds, 'draw')} of targets and test rows that differ, so that "
            f"{settings.n_seeds} of {counted(planned, 'seed')} were run."
        )
    if selection.edges:
        notes.append(
            f"The lambdas chosen lie where the grid ends: {' and '.join(selection.edges)} may do better still, so set "
            "them yourself if you know better ones."
        )
    return data.about.model_copy(update={"tasks": tasks, "notes": notes})


def _measured(data: AuditData) -> list[str]:
    """How several tasks make one figure, where that is not the plain mean over all of them."""
    lost, m = int((~data.measurable).sum()), data.tasks.size
    if data.pooled and data.kind == "regression":
        return [
            f"Some tasks have fewer than {FEW_TEST_ROWS} test rows, so tasks are measured together: the squared errors "
            "of all test rows over those of predicting the mean. A task counts by its rows and how far they spread."
        ]
    if data.pooled:
        without = f" ({lost:,} of {m:,} have rows of one class only and count in nothing)" if lost else ""
        return [
            f"Some tasks have fewer than {FEW_OF_A_CLASS} test rows of a class, so tasks are measured together: the "
            f"mean of their AUC, weighted by their pairs of rows of both classes over their rows{without}."
        ]
    if lost:
        return [f"Tasks that count in no mean, as their test rows are too few or of one value: {lost:,} of {m:,}."]
    return []


def _too_small(data: AuditData, settings: AuditSettings) -> list[str]:
    counts = attacking_counts(data, settings)
    spared = int((whole_rows(budgets(data, settings)[-1] * counts) == 0).sum())
    if not spared:
        return []
    return [
        f"Even the largest budget comes to no row in {spared:,} of {counted(counts.size, 'attacking task')}, "
        "as it is rounded down."
    ]


def budget_notes(data: AuditData, settings: AuditSettings) -> list[str]:
    """Sentences on budgets and attacks that were not run, and why."""
    run, usable = budgets(data, settings), usable_budgets(data, settings)
    notes = [
        f"A budget of {as_asked(budget)} comes to the same rows as "
        f"{as_asked(max(each for each in run if each < budget))} in all attacking tasks, so it was not run."
        for budget in usable
        if budget not in run
    ]
    small = [] if settings.budgets else [as_asked(budget) for budget in DEFAULT_BUDGETS if budget not in usable]
    if small:
        notes.append(
            f"Left out of the usual budgets, as they come to no rows or few in tasks of this size: {', '.join(small)}."
        )
    nothing: Counter[tuple[Reach, float]] = Counter()
    for one in allowances(data, settings, run):
        nothing[one.reach, one.budget] += int(not one.injected.any())
    notes += [
        f"With a budget of {as_asked(budget)} {reach} attacks have no row to inject in {seeds:,} of "
        f"{counted(settings.n_seeds, 'seed')}, where they were not run."
        for (reach, budget), seeds in nothing.items()
        if seeds
    ]
    return notes


def model_section(
    data: AuditData, fitted: MTRL, selection: Selection, clean: Sequence[FloatArray], settings: AuditSettings
) -> Model:
    """The model under audit, as fitted on the first seed's split, and how good it is without an attack.

    ``clean``: predictions or margins without an attack, of each seed's test rows.
    """
    targets = [
        data.of_replicate(replicate).score(decision, data.mask(task_sets(data, settings, replicate)[0]))
        for replicate, decision in enumerate(clean)
    ]
    once = ", once for all seeds on the first one's training rows" if len(clean) > 1 and selection.scores else ""
    return Model(
        estimator=type(fitted).__name__,
        loss=fitted.loss,
        lambda_1=selection.lambda_1,
        lambda_2=selection.lambda_2,
        lambdas_chosen_by=selection.chosen_by + once,
        cross_validation=[Tuned(lambda_1=a, lambda_2=b, score=_finite(score)) for a, b, score in selection.scores],
        metric=data.metric,
        measured="tasks together" if data.pooled else "mean over tasks",
        clean=_finite(data.score(clean[0])),
        clean_targets=varied_interval(targets, settings.confidence),
        clean_targets_by_seed=[_finite(value) for value in targets],
        objective=fitted.objective_,
        duality_gap=fitted.duality_gap_,
        status=fitted.status_.value,
    )


def setting_section(
    data: AuditData,
    settings: AuditSettings,
    effects: Sequence[Effect],
    step_sizes: Mapping[AttackName, float],
    opened: ByAccounts,
    worst: Point | None,
) -> Setting:
    """How it was audited; ``opened`` are attacks beside the planned ``effects``, ``worst`` is the verdict's."""
    followed = [] if worst is None else on_curve(effects, worst.attack, worst.budget)
    run = [*effects, *opened.on_model, *opened.on_capped]
    if settings.targets is None:
        targets = "a random half of the tasks, drawn anew for each seed" if data.tasks.size > 1 else "the only task"
    else:
        targets = ", ".join(map(str, settings.targets))
    others = "the other tasks" if settings.attackers is None else ", ".join(map(str, settings.attackers))
    through = f"indirect: {others}" if task_sets(data, settings, 0)[1] else "no other task for indirect attacks"
    return Setting(
        budgets=list(budgets(data, settings)),
        n_seeds=settings.n_seeds,
        attack=Method(settings.attack),
        keep_labels=settings.keep_labels or settings.attack == "patom",
        region=settings.region,
        iterations=effects[-1].trial.result.attack["max_iter"],
        step_size=settings.step_size,
        step_sizes=dict(step_sizes),
        confidence=settings.confidence,
        splits="each seed holds out its own test rows" if any(data.draws) else "one split",
        targets=targets,
        attackers=f"direct: the targets themselves; {through}",
        injected_norm=1.0,
        attacks_run=len(run),
        attacks_uncertified=sum(not effect.trial.certified for effect in run),
        attacks_rising=_rising(run),
        worst_rising=_rising(followed),
        worst_run=len(followed),
    )


def _rising(effects: Iterable[Effect]) -> int:
    """How many ascents had more to gain when their moves were used up."""
    return sum(
        one.cell.attack.method is Method.ASCENT and one.trial.result.status is AttackStatus.COMPLETED for one in effects
    )


def aim(data: AuditData, settings: AuditSettings) -> Aim:
    """Whom the attacks aim at and where the indirect ones come in, in words."""
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
