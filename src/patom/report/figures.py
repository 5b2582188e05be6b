"""The report's figures, to use on their own: in a notebook, a paper, or a README."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from .curves import PANEL_HEIGHT, PANEL_WIDTH, draw_panel
from .exposure import exposure_picture
from .relationships import draw_relationship, relationship_size
from .style import drawing


def damage_curves(report: Mapping[str, Any]) -> Figure:
    """
    Draw damage against budget: the metric on the left, relative damage on the right, a line for each attack.

    Parameters
    ----------
    report : Mapping
        The audit's results, as stored in ``report.json``.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes; each line's label is the attack's name, its data the budgets (0 first) and the means.

    Examples
    --------
    >>> point = {
    ...     "attack": "patom-direct", "label": "PATOM, direct", "budget": 0.1,
    ...     "metric": {"mean": 0.8, "low": 0.7, "high": 0.9},
    ...     "damage": {"mean": 0.1, "low": 0.0, "high": 0.2},
    ... }
    >>> figure = damage_curves({"model": {"clean": 0.9, "metric": "AUC"}, "curves": [point]})
    >>> [axes.get_title("left") for axes in figure.axes]
    ['AUC of the target tasks (higher is better)', 'Share of clean AUC lost, target tasks']
    """
    with drawing():
        figure = Figure(figsize=(2 * PANEL_WIDTH + 0.3, PANEL_HEIGHT))
        draw_panel(figure, report, "metric", left=0.0)
        draw_panel(figure, report, "damage", left=PANEL_WIDTH + 0.3)
    return figure


def exposure_map(report: Mapping[str, Any]) -> Figure:
    """
    Draw who can hurt whom: attackers in rows, targets in columns, relative damage as colour and number.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    matplotlib.figure.Figure
        The map and its colour scale. Damage that was not measurable is hatched.

    Raises
    ------
    ValueError
        If the results hold no exposure map.

    Examples
    --------
    >>> exposure = {"budget": 0.2, "tasks": ["a", "b"], "damage": [[0.4, None], [0.0, 0.2]]}
    >>> len(exposure_map({"exposure": exposure}).axes)
    2
    """
    _require(report, "exposure")
    return exposure_picture(report).figure


def correlation_maps(report: Mapping[str, Any]) -> Figure:
    """
    Draw task correlations of the clean and of the attacked model, each with the spectrum of its Omega.

    Regularisation alone can make Omega rank 1, whose correlations are exactly +-1: the spectrum tells that
    case from an attack's doing.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    matplotlib.figure.Figure
        Six axes: map, colour scale and spectrum, before and after. Names of target tasks are bold.

    Raises
    ------
    ValueError
        If the results hold no relationships.

    Examples
    --------
    >>> moment = {"correlation": [[1.0]], "spectrum": [1.0]}
    >>> told = {"label": "A", "budget": 0.1, "tasks": ["a"], "before": moment, "after": moment}
    >>> len(correlation_maps({"relationships": told}).axes)
    6
    """
    _require(report, "relationships")
    size = relationship_size(report)
    with drawing():
        figure = Figure(figsize=(2 * size.width + 0.3, size.height))
        draw_relationship(figure, report, "before", left=0.0)
        draw_relationship(figure, report, "after", left=size.width + 0.3)
    return figure


def save_figure(report: Mapping[str, Any], name: str, path: str | Path) -> None:
    """
    Write one figure to a file, on white, the same bytes each time.

    Parameters
    ----------
    report : Mapping
        The audit's results.
    name : {"damage_curves", "exposure_map", "correlation_maps"}
        Which figure.
    path : str or Path
        File to write: ``.svg`` (text as outlines, the same everywhere) or ``.png`` (200 dots an inch).

    Raises
    ------
    ValueError
        For another name or suffix, or when the results lack what the figure shows.

    Examples
    --------
    >>> save_figure({}, "pie", "pie.png")
    Traceback (most recent call last):
    ...
    ValueError: name must be one of damage_curves, exposure_map, correlation_maps; got 'pie'.
    """
    figures = {
        "damage_curves": damage_curves,
        "exposure_map": exposure_map,
        "correlation_maps": correlation_maps,
    }
    if name not in figures:
        raise ValueError(f"name must be one of {', '.join(figures)}; got {name!r}.")
    suffix = Path(path).suffix.lower()
    if suffix not in {".svg", ".png"}:
        raise ValueError(f"path must end in .svg or .png; got {str(path)!r}.")
    metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
    with drawing(svg__hashsalt=name, svg__fonttype="path"):
        figures[name](report).savefig(path, facecolor="white", dpi=200, metadata=metadata)


def _require(report: Mapping[str, Any], section: str) -> None:
    if report.get(section) is None:
        raise ValueError(f"report: the results hold no {section}, so there is nothing to draw.")
