"""The page of an audit: what ``audit.html.jinja``, which has the sentences, shows of the results."""

from collections.abc import Mapping
from typing import Any

from patom.report import numerals
from patom.report.labels import printable
from patom.report.page import environment
from patom.report.sections import accounts, curves, exposure, relationships
from patom.report.svg import Picture
from patom.results.audit import SCHEMA, Results, Setting
from patom.results.methods import Method
from patom.shapes import shaped
from patom.wording import counted

_SECTIONS = ("patom_version", "seed", "data", "model", "setting", "curves", "verdict")


def render_page(report: Mapping[str, Any]) -> str:
    """Write an audit's results as one self-contained HTML page.

    Parameters
    ----------
    report : Mapping
        The audit's results, as stored in ``report.json``. ``exposure``, ``relationships``, ``remedies``,
        ``fail_above`` and ``command`` may be None or missing, and so may any mean that was not measurable.

    Returns
    -------
    str
        The page: the same bytes for the same results. About a second for ten tasks, two for forty.

    Raises
    ------
    ValueError
        If the results are of another schema, lack a section, or hold what no audit writes.

    Examples
    --------
    >>> render_page({"schema": 7})
    Traceback (most recent call last):
    ...
    ValueError: report: this version reads results of schema 1; got 7. Run the audit again to get such results.
    """
    results = _audited(report)
    metric, related = results.model.metric, results.relationships
    shown = curves.Curves(results.curves, metric, results.model.clean_level, results.fail_above)
    pictures: dict[str, Picture] = {}
    if results.curves:
        pictures |= {field: shown.picture(field) for field in ("metric", "damage")}
    opened = None if results.accounts is None else accounts.picture(results.accounts, metric)
    if opened is not None:
        pictures["accounts"] = opened
    if results.exposure is not None:
        pictures["exposure"] = exposure.picture(results.exposure)
    if related is not None:
        pictures |= {when: relationships.picture(related, when) for when in ("before", "after")}
    templates = environment()
    templates.filters["metric"] = lambda value: numerals.metric(value, metric)
    templates.filters["metric_interval"] = lambda value: numerals.metric_interval(value.low, value.high, metric)
    page = templates.get_template("audit.html.jinja").render(
        version=results.patom_version,
        report=results,
        metric=metric,
        several=len(results.data.tasks) > 1,
        facts=_facts(results),
        pictures=pictures,
        groups=shown.groups(),
        seeds=shown.seeds(results.setting.n_seeds),
        looks=curves.looks(point.attack for point in results.curves),
        exposure=None if results.exposure is None else exposure.beside(results.exposure),
        largest=None if related is None else relationships.leading(related),
        rank_one="" if related is None else relationships.near_rank_one(related),
        settings=_settings(results),
        confidence=numerals.budget(results.setting.confidence),
        command=_command(results),
    )
    return printable(page)


def _audited(report: Mapping[str, Any]) -> Results:
    if report.get("schema") != SCHEMA:
        raise ValueError(
            f"report: this version reads results of schema {SCHEMA}; got {report.get('schema')!r}. "
            "Run the audit again to get such results."
        )
    missing = [name for name in _SECTIONS if report.get(name) is None]
    if missing:
        raise ValueError(f"report: the results lack {', '.join(missing)}. Run the audit again to get them whole.")
    return shaped(Results, dict(report), where="report", between=", ")


def _facts(report: Results) -> list[tuple[str, str, str]]:
    """Key facts on what was audited: a term, its value and a detail."""
    data, model = report.data, report.model
    size = f"{counted(len(data.tasks), 'task')}, {counted(data.n_rows, 'row')}, {counted(data.n_features, 'feature')}"
    if data.sample is not None:
        size += f"; a sample of {data.sample.of_rows:,} rows in {counted(data.sample.of_tasks, 'task')}"
    better = "higher is better" if model.metric == "AUC" else "lower is better"
    measured = f"{model.measured}, test rows{' of the first seed' * report.several_splits}; {better}"
    penalties = f"{numerals.scientific(model.lambda_1)} and {numerals.scientific(model.lambda_2)}"
    return [
        ("Data", data.name, size),
        ("Model", model.estimator, f"{model.loss.replace('_', ' ')} loss"),
        (f"Clean {model.metric}", numerals.metric(model.clean, model.metric), measured),
        ("λ₁ and λ₂", penalties, model.lambdas_chosen_by),
        ("Duality gap", numerals.scientific(model.duality_gap), model.status),
    ]


def _settings(report: Results) -> list[tuple[str, str]]:
    """How the audit was done: terms and values."""
    data, model, setting = report.data, report.model, report.setting
    scaled = f"{'standardised, then ' * data.scale.standardised}divided by the largest row norm"
    method = "PATOM" if setting.attack is Method.PATOM else "projected ascent on the exact gradient"
    listed = [
        ("Source", data.source),
        ("Columns", f"task: {data.task_column}; target: {data.target_column}"),
        ("Kind", f"{data.kind}, since {data.kind_reason}"),
        ("Positive class", data.positive_class),
        ("Rows", f"{data.n_train:,} for training, {data.n_test:,} for testing"),
        ("Splits", setting.splits or None),
        ("Features", f"{scaled} ({numerals.scientific(data.scale.norm)}), as the attack's unit ball asks"),
        ("Injected rows", _injected(setting, opened=report.accounts is not None)),
        ("Budgets", ", ".join(map(numerals.budget, setting.budgets))),
        ("Targets", setting.targets),
        ("Attackers", setting.attackers),
        ("Repetitions", f"{counted(setting.n_seeds, 'seed')}, intervals at {numerals.budget(setting.confidence)}"),
        ("Attack", f"{method}, {counted(setting.iterations, 'iteration')}{_step_sizes(setting)}"),
        ("Attacked fits", _uncertified(setting)),
        ("Attacks", _rising(setting)),
        ("Fit", f"objective {model.objective:.6g}; {model.status}"),
        ("Seed", str(report.seed)),
    ]
    return [(term, value) for term, value in listed if value is not None]


def _injected(setting: Setting, *, opened: bool) -> str:
    """Say where injected rows may lie, and whether their targets move."""
    where = f"features of norm at most {numerals.scientific(setting.injected_norm)} in that scale"
    if setting.region == "own_data":
        where += ", and where they look like clean rows of the task’s own, class by class"
    moved = "as drawn from the task’s own" if setting.keep_labels else "moved within the task’s own range"
    new = "; for a new account, read all tasks’ rows and targets in place of the task’s own" if opened else ""
    return f"{where}; targets {moved}{new}"


def _step_sizes(setting: Setting) -> str:
    """Say the step size, or those that pilot attacks chose and how; nothing of an attack that has none."""
    if setting.attack is not Method.PATOM:
        return ""
    if setting.step_size is not None:
        return f", step size {numerals.scientific(setting.step_size)}"
    sizes = (setting.step_sizes or {}).items()
    chosen = ", ".join(f"{numerals.scientific(size)} ({attack.reach})" for attack, size in sizes) or numerals.MISSING
    return f", step size {chosen}, chosen in pilot attacks by the attacker's own aim, the targets' training loss"


def _uncertified(setting: Setting) -> str | None:
    """Say how many fits under attack stopped early, if any did."""
    if not setting.attacks_uncertified:
        return None
    of = f"{setting.attacks_uncertified:,} of {setting.attacks_run:,}"
    return f"{of} stopped before their tolerance: their damage is approximate"


def _rising(setting: Setting) -> str | None:
    """Say how many attacks had more to gain when their moves were used up, if any; those of the worst apart."""
    if not setting.attacks_rising:
        return None
    of = f"{setting.attacks_rising:,} of {setting.attacks_run:,} were still rising when their moves were used up"
    moves = f"{of} ({counted(setting.iterations, 'move')} in the survey): more would do more harm"
    if not setting.worst_run:
        return moves
    still = f"{setting.worst_rising or 'none'} of its {setting.worst_run} still rising"
    return f"{moves}. The worst attack of the curves went on: {still}"


def _command(report: Results) -> str | None:
    """What to type for the same page, its gate included."""
    gate = report.fail_above
    if not report.command or gate is None or "--fail-above" in report.command:
        return report.command
    return f"{report.command} --fail-above {gate.threshold}"
