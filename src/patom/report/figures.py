"""The figures of an audit and of a grid, to use on their own: in a notebook, a paper, or a README."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from patom.atomic import write_together
from patom.report.sections import curves, exposure, figures, relationships
from patom.report.style import drawing
from patom.report.svg import standalone_svg
from patom.results.audit import Exposure, Gate, Metric, Point, Relationships
from patom.results.grid import KIND, SCHEMA, GridResults
from patom.results.parts import UNMEASURED, Count, Measured, Number, Part
from patom.shapes import shaped

Shape = TypeVar("Shape", bound=Part)
_NAMELESS = {"schema": SCHEMA, "kind": KIND, "title": "", "patom_version": "", "n_seeds": 0}  # figures show none of it


class _Measured(Part):
    """What curves need of the model's section."""

    metric: Metric
    clean: Number | None = None
    clean_targets: Measured = UNMEASURED


class _Point(Point):
    """What curves need of a point: its seeds are not drawn."""

    n_seeds: Count = 0


class _Exposure(Exposure):
    """What the map needs of its section."""

    all_tasks_shown: bool = True


class _Curved(Part):
    """What curves need of the results."""

    model: _Measured
    curves: list[_Point]
    fail_above: Gate | None = None


def damage_curves(report: Mapping[str, Any]) -> Figure:
    """Draw damage against budget: the metric on the left, relative damage on the right, a line for each attack.

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
    found = shaped(_Curved, dict(report), where="report", between=", ")
    targets = found.model.clean_targets.mean
    clean = found.model.clean if targets is None else targets
    shown = curves.Curves(found.curves, found.model.metric, clean, found.fail_above)
    with drawing():
        figure = Figure(figsize=(2 * curves.PANEL_WIDTH + 0.3, curves.PANEL_HEIGHT))
        shown.draw(figure, "metric", left=0.0)
        shown.draw(figure, "damage", left=curves.PANEL_WIDTH + 0.3)
    return figure


def exposure_map(report: Mapping[str, Any]) -> Figure:
    """Draw who can hurt whom: attackers in rows, targets in columns, relative damage as colour and number.

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
    return exposure.picture(_section(report, "exposure", _Exposure)).figure


def correlation_maps(report: Mapping[str, Any]) -> Figure:
    """Draw task correlations of the clean and of the attacked model, each with the spectrum of its Omega.

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
    told = _section(report, "relationships", Relationships)
    size = relationships.size_of(told)
    with drawing():
        figure = Figure(figsize=(2 * size.width + 0.3, size.height))
        relationships.draw(figure, told, "before", left=0.0)
        relationships.draw(figure, told, "after", left=size.width + 0.3)
    return figure


def save_figure(report: Mapping[str, Any], name: str, path: str | Path) -> None:
    """Write one figure to a file, on white, the same bytes each time.

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
    drawn = {"damage_curves": damage_curves, "exposure_map": exposure_map, "correlation_maps": correlation_maps}
    if name not in drawn:
        raise ValueError(f"name must be one of {', '.join(drawn)}; got {name!r}.")
    suffix = Path(path).suffix.lower()
    if suffix not in {".svg", ".png"}:
        raise ValueError(f"path must end in .svg or .png; got {str(path)!r}.")
    metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
    with drawing(svg__hashsalt=name, svg__fonttype="path"):
        drawn[name](report).savefig(path, facecolor="white", dpi=200, metadata=metadata)


def _section(report: Mapping[str, Any], name: str, kind: type[Shape]) -> Shape:
    if report.get(name) is None:
        raise ValueError(f"report: the results hold no {name}, so there is nothing to draw.")
    return shaped(kind, report[name], where=name, between=", ")


def save_experiment_figures(results: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write every figure of a run of experiments as an SVG file: on white, text as text, the same bytes each time.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments, as ``render_experiments`` takes them.
    folder : str or Path
        Where; made if it does not exist.

    Returns
    -------
    list of Path
        The files, in the order of the page, such as ``convergence-sarcos-raw-torques.svg``. No file is replaced
        before all are whole. About a tenth of a second each, half a second for maps of 30 tasks.

    Raises
    ------
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> save_experiment_figures({"convergence": [], "budgets": []}, ".")
    []
    """
    folder = Path(folder)
    texts: dict[Path, str] = {}
    for kind, experiments in figures(
        shaped(GridResults, _NAMELESS | dict(results), where="results", between=", ")
    ).items():
        for shown in experiments:
            if shown.multiples.panels:
                path = _unused(folder, f"{kind}-{slug(shown.multiples.title)}", texts)
                texts[path] = standalone_svg(shown.multiples.picture(), path.stem)
    if texts:
        folder.mkdir(parents=True, exist_ok=True)
        write_together({path: text.encode() for path, text in texts.items()})
    return list(texts)


def _unused(folder: Path, name: str, used: Mapping[Path, str]) -> Path:
    """Add the smallest number from 2 on that makes the name new, if it needs one."""
    path, number = folder / f"{name}.svg", 2
    while path in used:
        path, number = folder / f"{name}-{number}.svg", number + 1
    return path


def slug(title: str) -> str:
    """Make a title fit for a file's name.

    >>> slug("SARCOS, raw torques (λ = 0.1)"), slug("東京")
    ('sarcos-raw-torques-0-1', 'experiment')
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-") or "experiment"
