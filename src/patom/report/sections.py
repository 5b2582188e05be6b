"""What each section of the page says: words and numbers, ready to print, from the audit's results."""

import math
from collections.abc import Mapping
from typing import Any

from . import numerals
from .exposure import BRIGHTEST
from .lines import seeds_of

_TONES = {"low": "low", "moderate": "moderate", "moderate or high": "high", "high": "high"}
_RANKED = 5
_ATTACKS = {
    "ascent": {
        "term": "Random and optimised",
        "method": "projected ascent on the exact gradient",
        "text": "The optimised attack starts at the same random rows and moves them to where they do the most harm, "
        "knowing the model and the data, their targets too unless told otherwise. It follows the exact gradient of the "
        "targets’ training loss through the training that the rows change (projected ascent on a bilevel problem), and "
        "ends with the rows that raise it most. It is the strongest attack of this package and no bound on what others "
        "could do.",
        "credit": "The threat is that of",
    },
    "patom": {
        "term": "Random and PATOM",
        "method": "PATOM",
        "text": "PATOM starts at the same random rows and moves them to where they do the most harm, knowing the model "
        "and the data. It is the paper’s attack and not the strongest of this package, which an audit uses unless "
        "told otherwise.",
        "credit": "The attack is PATOM, from",
    },
}


def verdict(report: Mapping[str, Any]) -> dict[str, Any]:
    """
    Say the verdict: risk, headline, the number with its interval, and whether the build fails.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    dict
        Words only; ``tone`` is low, moderate, high or, where nothing can be said, plain.
    """
    told = report["verdict"]
    risk = str(told.get("risk") or told["level"])
    worst = told.get("worst") or {}
    interval = numerals.percent_interval(worst.get("low"), worst.get("high"))
    return {
        "risk": risk,
        "tone": _TONES.get(risk, "plain"),
        "headline": told["headline"],
        "reason": told.get("reason") or "",
        "sentences": told["sentences"],
        "number": numerals.percent(told.get("worst_damage")),
        "interval": interval if interval != numerals.MISSING else "",
        "no_interval": "all seeds give the same" if seeds_of(report, worst) > 1 else "too few seeds",
        "attack": _attack_of(worst, told.get("injected") or "") if worst else "",
        "gate": _gate(report),
    }


def _attack_of(worst: Mapping[str, Any], injected: str) -> str:
    really = f", which is {injected}" if injected else ""
    return f"{worst['label']}, budget {numerals.budget(worst['budget'])}{really}"


def _gate(report: Mapping[str, Any]) -> dict[str, str] | None:
    gate = report.get("fail_above")
    if gate is None:
        return None
    threshold = numerals.budget(gate["threshold"])
    if gate["exceeded"] is None:
        return {"tone": "plain", "word": "Cannot say", "text": f"whether worst relative damage is above {threshold}"}
    if gate["exceeded"]:
        return {"tone": "critical", "word": "Fails", "text": f"worst relative damage is above {threshold}"}
    return {"tone": "low", "word": "Passes", "text": f"worst relative damage is not above {threshold}"}


def facts(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """
    Name what was audited in one line of key facts.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    list of (term, value, detail)
        Text, not yet escaped.
    """
    data, model = report["data"], report["model"]
    name = str(model["metric"])
    tasks = len(data["tasks"])
    size = f"{_things(tasks, 'task')}, {_things(data['n_rows'], 'row')}, {_things(data['n_features'], 'feature')}"
    sample = data.get("sample")
    if sample:
        size += f"; a sample of {numerals.count(sample['of_rows'])} rows in {_things(sample['of_tasks'], 'task')}"
    better = "higher is better" if name == "AUC" else "lower is better"
    first = " of the first seed" if report["setting"].get("splits") and report["setting"]["n_seeds"] > 1 else ""
    measured = f"{model.get('measured', 'mean over tasks')}, test rows{first}; {better}"
    penalties = f"{numerals.scientific(model['lambda_1'])} and {numerals.scientific(model['lambda_2'])}"
    return [
        ("Data", str(data["name"]), size),
        ("Model", str(model["estimator"]), f"{str(model['loss']).replace('_', ' ')} loss"),
        (f"Clean {name}", numerals.metric(model["clean"], name), measured),
        ("λ₁ and λ₂", penalties, str(model["lambdas_chosen_by"])),
        ("Duality gap", numerals.scientific(model["duality_gap"]), str(model["status"])),
    ]


def _things(value: Any, name: str) -> str:
    return f"{numerals.count(value)} {name}{'' if value == 1 else 's'}"


def curve_groups(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Write the table of figures beneath the curves, one group of rows an attack.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    list of dict
        ``label`` and ``rows``, each a list of seven texts: budget, seeds, metric, its interval, damage, its
        interval, metric of the tasks that were no targets.
    """
    name = str(report["model"]["metric"])
    groups: dict[str, dict[str, Any]] = {}
    for point in report["curves"]:
        group = groups.setdefault(point["attack"], {"label": point["label"], "points": []})
        group["points"].append(point)
    return [
        {
            "label": group["label"],
            "rows": [_curve_row(point, name) for point in sorted(group["points"], key=lambda point: point["budget"])],
        }
        for group in groups.values()
    ]


def _curve_row(point: Mapping[str, Any], name: str) -> list[str]:
    metric, damage, bystander = (point.get(key) or {} for key in ("metric", "damage", "bystander_metric"))
    return [
        numerals.budget(point["budget"]),
        numerals.count(point["n_seeds"]),
        numerals.metric(metric.get("mean"), name),
        numerals.metric_interval(metric.get("low"), metric.get("high"), name),
        numerals.percent(damage.get("mean")),
        numerals.percent_interval(damage.get("low"), damage.get("high")),
        numerals.metric(bystander.get("mean"), name),
    ]


def exposure(report: Mapping[str, Any]) -> dict[str, Any]:
    """
    Say what stands beside the map: the worst pairs, and how to read cells that are out of the ordinary.

    Parameters
    ----------
    report : Mapping
        The audit's results, with an exposure map.

    Returns
    -------
    dict
        ``pairs``; ``missing`` and ``saturated``: whether there are such cells; ``few``: names of the tasks whose test
        rows are few, which no pair aims at; ``own``: damage of the first task through its own rows.
    """
    values = [numerals.number(entry) for row in report["exposure"]["damage"] for entry in row]
    return {
        "pairs": strongest_pairs(report),
        "few": [name for name, few in zip(report["exposure"]["tasks"], _few(report), strict=True) if few],
        "missing": any(math.isnan(value) for value in values),
        "saturated": any(abs(value) > BRIGHTEST for value in values),
        "own": numerals.percent(values[0]),
    }


def strongest_pairs(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """
    Rank the pairs of different tasks by damage, the largest first.

    Parameters
    ----------
    report : Mapping
        The audit's results, with an exposure map.

    Returns
    -------
    list of (attacker, target, damage)
        At most five, only where there is damage and the target has more than a few test rows.
    """
    tasks, damage, few = report["exposure"]["tasks"], report["exposure"]["damage"], _few(report)
    pairs = [
        (numerals.number(damage[row][column]), row, column)
        for row in range(len(tasks))
        for column in range(len(tasks))
        if row != column and not few[column] and numerals.number(damage[row][column]) > 0
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    return [(str(tasks[row]), str(tasks[column]), numerals.percent(value)) for value, row, column in pairs[:_RANKED]]


def _few(report: Mapping[str, Any]) -> list[bool]:
    """Whether each task of the map has few test rows; results of earlier versions do not say."""
    return list(report["exposure"].get("few_test_rows") or [False] * len(report["exposure"]["tasks"]))


def leading_eigenvalues(report: Mapping[str, Any]) -> dict[str, str]:
    """
    Give Omega's largest eigenvalue before and after, and whether that is practically all of it.

    Parameters
    ----------
    report : Mapping
        The audit's results, with relationships.

    Returns
    -------
    dict
        ``before``, ``after``, and ``rank_one``, which is empty if neither is near rank 1.
    """
    told = report["relationships"]
    first = {
        moment: max((numerals.number(value) for value in told[moment]["spectrum"] or ()), default=float("nan"))
        for moment in ("before", "after")
    }
    near = [moment for moment, value in first.items() if value >= 0.99]
    rank_one = "" if len(told["tasks"]) == 1 else " and ".join(near)
    return {moment: f"{value:.2f}" for moment, value in first.items()} | {"rank_one": rank_one}


def attack(report: Mapping[str, Any]) -> Mapping[str, str]:
    """
    Explain what optimised the injected rows.

    Parameters
    ----------
    report : Mapping
        The audit's results; those that name no attack are PATOM's.

    Returns
    -------
    Mapping
        Words only: ``term``, ``method``, ``text``, ``credit``.

    Examples
    --------
    >>> attack({"setting": {"attack": "ascent"}})["method"]
    'projected ascent on the exact gradient'
    """
    return _ATTACKS[report["setting"].get("attack", "patom")]


def settings(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """
    List how the audit was done.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    list of (term, value)
        Text, not yet escaped.
    """
    data, model, setting = report["data"], report["model"], report["setting"]
    kind = f"{data['kind']}, since {data['kind_reason']}"
    scale = data["scale"]
    scaled = f"{'standardised, then ' if scale['standardised'] else ''}divided by the largest row norm"
    listed = [
        ("Source", str(data["source"])),
        ("Columns", f"task: {data['task_column']}; target: {data['target_column']}"),
        ("Kind", kind),
        ("Positive class", data.get("positive_class")),
        ("Rows", f"{numerals.count(data['n_train'])} for training, {numerals.count(data['n_test'])} for testing"),
        ("Splits", setting.get("splits")),
        ("Features", f"{scaled} ({numerals.scientific(scale['norm'])}), as the attack's unit ball asks"),
        ("Injected rows", _injected(setting)),
        ("Budgets", ", ".join(numerals.budget(budget) for budget in setting["budgets"])),
        ("Targets", setting["targets"]),
        ("Attackers", setting["attackers"]),
        ("Repetitions", f"{_things(setting['n_seeds'], 'seed')}, intervals at {confidence(report)}"),
        ("Attack", f"{attack(report)['method']}, {_things(setting['iterations'], 'iteration')}{_step_sizes(report)}"),
        ("Attacked fits", _uncertified(setting)),
        ("Fit", f"objective {numerals.number(model['objective']):.6g}; {model['status']}"),
        ("Seed", str(report["seed"])),
    ]
    return [(term, str(value)) for term, value in listed if value is not None]


def _injected(setting: Mapping[str, Any]) -> str:
    """Say where injected rows may lie, and whether their targets move."""
    where = f"features of norm at most {numerals.scientific(setting['injected_norm'])} in that scale"
    if setting.get("region") == "own_data":
        where += ", and where they look like clean rows of their task and class"
    moved = "as drawn from the task’s own" if setting.get("keep_labels", True) else "moved within the task’s own range"
    return f"{where}; targets {moved}"


def _step_sizes(report: Mapping[str, Any]) -> str:
    """Say the step size, or those that pilot attacks chose and how; nothing of an attack that has none."""
    setting = report["setting"]
    if attack(report) is not _ATTACKS["patom"]:
        return ""
    if setting["step_size"] is not None:
        return f", step size {numerals.scientific(setting['step_size'])}"
    labels = {point["attack"]: point["label"].removeprefix("PATOM, ") for point in report["curves"]}
    chosen = [
        f"{numerals.scientific(size)} ({labels.get(attack, attack)})"
        for attack, size in (setting.get("step_sizes") or {}).items()
    ]
    how = "chosen in pilot attacks by the attacker's own aim, the targets' training loss"
    return f", step size {', '.join(chosen) or numerals.MISSING}, {how}"


def _uncertified(setting: Mapping[str, Any]) -> str | None:
    """Say how many fits under attack stopped early, if any did."""
    early = setting.get("attacks_uncertified")
    if not early:
        return None
    ran = numerals.count(setting.get("attacks_run"))
    return f"{numerals.count(early)} of {ran} stopped before their tolerance: their damage is approximate"


def confidence(report: Mapping[str, Any]) -> str:
    """
    Write the level of the intervals.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    str
        For example ``"95 %"``, with a no-break space.
    """
    return numerals.budget(report["setting"]["confidence"])
