"""Task correlations, clean and under several attacks, each with the spectrum that it must be read with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from . import numerals
from .cells import Layout, layout
from .labels import shorten
from .panels import Multiples, Panel, list_names
from .relationships import Relations, Size, draw_relations, map_size, relations
from .svg import Hover

_DENSE = 0.13  # inches of a cell where tasks are many: two maps still stand side by side
_DOTS = 0.09


def correlation_multiples(experiment: Mapping[str, Any]) -> Multiples:
    """
    Show an experiment's correlation maps, all of one size.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``correlations``.

    Returns
    -------
    Multiples
        Two columns; names of target tasks are bold, attacking tasks have a dot.

    Examples
    --------
    >>> shown = {"label": "clean", "correlation": [[1.0]], "spectrum": [1.0]}
    >>> told = {"title": "SARCOS", "settings": "", "tasks": ["1"], "maps": [shown]}
    >>> correlation_multiples(told).panels[0].description
    'clean: correlations of the tasks; largest eigenvalue of Omega 1.00.'
    """
    tasks = [str(task) for task in experiment["tasks"]]
    size = map_size(_dense(layout(tasks or [""], widest=min(max(0.3 * len(tasks), 2.6), 3.0), limit=12)), dots=_DOTS)
    panels = []
    for told in experiment["maps"]:
        sets = [{str(task) for task in told.get(side) or ()} for side in ("targets", "attackers")]
        shown = relations(map_title(told), tasks, told, *sets)
        draw = partial(_draw_panel, shown=shown, size=size)
        panels.append(Panel(size.width, size.height, draw, _describe(told)))
    caption = (
        f"Correlations between the tasks as the model has learned them{_seed(experiment)}. Bold: target tasks; "
        "dot: attacking tasks. Bars: eigenvalues of Ω, which sum to 1; where one is all, every correlation is +1 or −1."
    )
    return Multiples(str(experiment["title"]), str(experiment.get("settings") or ""), caption, panels, columns=2)


def _draw_panel(figure: Figure, left: float, top: float, *, shown: Relations, size: Size) -> list[Hover]:
    return draw_relations(figure, shown, size, left=left, top=top)


def _seed(experiment: Mapping[str, Any]) -> str:
    return "" if experiment.get("seed") is None else f", seed {experiment['seed']}"


def _dense(where: Layout) -> Layout:
    """Many tasks get narrower cells, their names above stand upright."""
    if where.cell / 72 > 0.1651 or len(where.names) < 2:
        return where
    return replace(where, side=_DENSE * len(where.names), above=where.beside, upright=True)


def map_title(told: Mapping[str, Any]) -> str:
    """
    Name a map by its case and budget.

    Parameters
    ----------
    told : Mapping
        A map of an entry of the results' ``correlations``.

    Returns
    -------
    str
        For example ``"Case A, budget 30 %"``; the clean map has no budget.

    Examples
    --------
    >>> map_title({"label": "clean", "budget": 0.0})
    'Clean'
    """
    label = shorten(str(told["label"])[:1].upper() + str(told["label"])[1:], 30)
    return f"{label}, budget {numerals.budget(told['budget'])}" if told.get("budget") else label


def largest_eigenvalue(told: Mapping[str, Any]) -> float:
    """
    Take Omega's largest eigenvalue, as a share of their sum.

    Parameters
    ----------
    told : Mapping
        A map of an entry of the results' ``correlations``.

    Returns
    -------
    float
        NaN if the spectrum is missing.

    Examples
    --------
    >>> largest_eigenvalue({"spectrum": [0.9, 0.1]})
    0.9
    """
    values = [numerals.number(value) for value in told.get("spectrum") or ()]
    return max([value for value in values if math.isfinite(value)], default=math.nan)


def _describe(told: Mapping[str, Any]) -> str:
    sides: Sequence[str] = [
        f"{side} {list_names(told[side], 400)}" for side in ("targets", "attackers") if told.get(side)
    ]
    largest = numerals.metric(largest_eigenvalue(told), "NMSE")
    words = "; ".join(["correlations of the tasks", *sides, f"largest eigenvalue of Omega {largest}"])
    return f"{told['label']}: {words}."
