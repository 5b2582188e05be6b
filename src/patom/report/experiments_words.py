"""What the page of a run of experiments says besides its claims: facts, tables beneath figures, provenance."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from . import numerals
from .budgets import pair_title
from .convergence import Course
from .correlations import largest_eigenvalue, map_title
from .experiments_figures import KINDS
from .quantity import Quantity

Table = dict[str, Any]
"""``columns``: words; ``groups``: list of (heading or "", rows of words or ``Cell``)."""


def things(value: int, name: str) -> str:
    """
    Count things.

    Parameters
    ----------
    value : int
        How many.
    name : str
        What one of them is called.

    Returns
    -------
    str
        With a plural s where there is not one.

    Examples
    --------
    >>> things(1, "seed"), things(2400, "cell")
    ('1 seed', '2,400 cells')
    """
    return f"{numerals.count(value)} {name}{'' if value == 1 else 's'}"


def facts(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """
    Say in one line how large the run was and how exact.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments.

    Returns
    -------
    list of (term, value, detail)
        Text, not yet escaped.
    """
    told = results.get("provenance") or {}
    shown = [experiment for kind in KINDS for experiment in results.get(kind) or ()]
    titles = {str(experiment["title"]) for experiment in shown}
    seeds = int(results["n_seeds"])
    spread = f"{level(results)} intervals" if seeds > 1 else "no intervals"
    listed = [("Experiments", numerals.count(len(titles)), things(len(shown), "figure")), ("Seeds", str(seeds), spread)]
    if told.get("cells") is not None:
        failed = f"{numerals.count(told['failed'])} failed" if told.get("failed") else "none failed"
        listed.append(("Cells", numerals.count(told["cells"]), failed))
    if told.get("worst_gap") is not None:
        early = told.get("uncertified")
        detail = f"largest of all fits; {things(early, 'fit')} uncertified" if early else "largest of all fits"
        listed.append(("Duality gap", numerals.scientific(told["worst_gap"]), detail))
    return listed


def level(results: Mapping[str, Any]) -> str:
    """
    Write the level of the intervals.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments.

    Returns
    -------
    str
        For example ``"95 %"``, with a no-break space.
    """
    return numerals.budget(results.get("confidence"))


def means(results: Mapping[str, Any]) -> str:
    r"""
    Say what lines and bands are.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> means({"n_seeds": 1, "confidence": 0.95})
    'There is one seed, so there are no bands.'
    >>> means({"n_seeds": 5, "fewest_seeds": 3, "confidence": 0.95}).replace("\u00a0", " ")
    'Bands are 95 % intervals of the mean over 3 to 5 seeds.'
    """
    if results["n_seeds"] == 1:
        return "There is one seed, so there are no bands."
    fewest = results.get("fewest_seeds", results["n_seeds"])
    seeds = f"{fewest} to {results['n_seeds']}" if fewest < results["n_seeds"] else str(results["n_seeds"])
    return f"Bands are {level(results)} intervals of the mean over {seeds} seeds."


def convergence_table(experiment: Mapping[str, Any]) -> Table:
    """
    Write the means of a convergence figure, a row an iteration.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``convergence``.

    Returns
    -------
    Table
        A column for each kind of attack.
    """
    courses = [Course.of(panel) for panel in experiment["panels"]]
    steps = sorted({float(step) for course in courses for step in course.iterations})
    rows = []
    for step in steps:
        row = [f"{step:.0f}"]
        for course in courses:
            at = [index for index, own in enumerate(course.iterations) if own == step]
            measured = bool(at) and math.isfinite(course.mean[at[0]])
            row.append(course.words(at[0]) if measured else numerals.MISSING)
        rows.append(row)
    return {"columns": ["Iteration", *(course.label for course in courses)], "groups": [("", rows)]}


def budget_table(experiment: Mapping[str, Any]) -> Table:
    """
    Write the numbers of a budget figure, a group of rows a pair and attack.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``budgets``.

    Returns
    -------
    Table
        Attack, budget, metric, its interval, damage, its interval.
    """
    metric = str(experiment["metric"])
    groups = []
    for panel in experiment["panels"]:
        clean = panel.get("clean") or {}
        rows = [["clean", *_metric_pair(clean, metric), "", ""]]
        for line in panel["lines"]:
            damages = line.get("damage") or [None] * len(line["budgets"])
            for budget, value, damage in zip(line["budgets"], line["metric"], damages, strict=True):
                name = f"{line['label']}, {numerals.budget(budget)}"
                rows.append([name, *_metric_pair(value or {}, metric), *_share_pair(damage or {})])
        groups.append((pair_title(panel, limit=400), rows))
    interval = "interval"
    return {"columns": ["Attack, budget", metric, interval, _damage_name(metric), interval], "groups": groups}


def _damage_name(metric: str) -> str:
    return Quantity("damage", metric, math.nan).title(logarithmic=False).removesuffix(", target tasks")


def _metric_pair(value: Mapping[str, Any], metric: str) -> list[str]:
    interval = numerals.metric_interval(value.get("low"), value.get("high"), metric)
    return [numerals.metric(value.get("mean"), metric), interval]


def _share_pair(value: Mapping[str, Any]) -> list[str]:
    return [numerals.percent(value.get("mean")), numerals.percent_interval(value.get("low"), value.get("high"))]


def shift_table(experiment: Mapping[str, Any]) -> Table:
    """
    Write how an experiment's correlations moved, a row a map.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``correlations``.

    Returns
    -------
    Table
        Case, targets, attackers, share of signs flipped, mean shift, mean absolute correlation among the
        attacking tasks before and after, largest eigenvalue of Omega.
    """
    rows = []
    for told in experiment["maps"]:
        lists = [", ".join(str(task) for task in told.get(side) or ()) or "–" for side in ("targets", "attackers")]
        largest = numerals.metric(largest_eigenvalue(told), "NMSE")
        rows.append([map_title(told), *lists, *_moved(told), largest])
    among = "Correlation among attackers"
    columns = ["Model", "Targets", "Attackers", "Signs flipped", "Mean shift", f"{among}, clean", f"{among}, attacked"]
    return {"columns": [*columns, "Largest eigenvalue"], "groups": [("", rows)]}


def _moved(told: Mapping[str, Any]) -> list[str]:
    """Write what an attack changed; a map without any of it, such as the clean one, has dashes."""
    names = ("flipped", "shift", "among_attackers_clean", "among_attackers")
    if all(told.get(name) is None for name in names):
        return ["–"] * len(names)
    flipped, *others = (told.get(name) or {} for name in names)
    share, interval = _share_pair(flipped)
    return [_join(share, interval), *(_join(*_plain_pair(value)) for value in others)]


def _plain_pair(value: Mapping[str, Any]) -> tuple[str, str]:
    mean, low, high = (numerals.number(value.get(end)) for end in ("mean", "low", "high"))
    interval = numerals.MISSING if math.isnan(low + high) else f"{low:.2f} to {high:.2f}"
    return (numerals.MISSING if math.isnan(mean) else f"{mean:.2f}"), interval.replace("-", "−")


def _join(mean: str, interval: str) -> str:
    return mean if numerals.MISSING in (mean, interval) else f"{mean} ({interval})"


def rank_one(experiment: Mapping[str, Any]) -> str:
    """
    Name the maps whose Omega is practically of rank 1, which makes correlations mere signs.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``correlations``.

    Returns
    -------
    str
        Empty if there is none.

    Examples
    --------
    >>> rank_one({"maps": [{"label": "clean", "spectrum": [0.995, 0.005]}, {"label": "A", "spectrum": [0.7, 0.3]}]})
    'clean'
    """
    return ", ".join(str(told["label"]) for told in experiment["maps"] if largest_eigenvalue(told) >= 0.99)


def provenance(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """
    List how the run was done.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments.

    Returns
    -------
    list of (term, value)
        Text, not yet escaped.
    """
    told = results.get("provenance") or {}
    early, failed = told.get("uncertified"), told.get("failed")
    fits = (
        "none"
        if early == 0
        else f"{numerals.count(early)} stopped before their tolerance: their numbers are approximate"
    )
    listed = [
        ("Cells", None if told.get("cells") is None else numerals.count(told["cells"])),
        ("Failed cells", None if failed is None else numerals.count(failed) if failed else "none"),
        ("Uncertified fits", None if early is None else fits),
        ("Worst gap", None if told.get("worst_gap") is None else numerals.scientific(told["worst_gap"])),
        ("Repetitions", _repetitions(results)),
        ("Commit", told.get("commit")),
        ("Versions", ", ".join(f"{name} {version}" for name, version in (told.get("versions") or {}).items()) or None),
    ]
    return [(term, str(value)) for term, value in listed if value is not None]


def _repetitions(results: Mapping[str, Any]) -> str:
    seeds = int(results["n_seeds"])
    return f"{things(seeds, 'seed')}, {f'intervals at {level(results)}' if seeds > 1 else 'no intervals'}"


def failures(entries: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """
    Gather failed cells by their error.

    Parameters
    ----------
    entries : iterable of Mapping
        The results' ``failures``.

    Returns
    -------
    list of (error, cells)
        In order of appearance.

    Examples
    --------
    >>> failures([{"cell": "a", "error": "E"}, {"cell": "b", "error": "F"}, {"cell": "c", "error": "E"}])
    [('E', ['a', 'c']), ('F', ['b'])]
    """
    gathered: dict[str, list[str]] = {}
    for entry in entries:
        gathered.setdefault(str(entry["error"]), []).append(str(entry["cell"]))
    return list(gathered.items())
