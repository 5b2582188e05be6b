"""How the tasks are related, before and after: correlations, and the spectrum that they must be read with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from . import numerals
from .cells import Layout, Scale, draw_cells, draw_colour_bar, layout
from .labels import shorten
from .style import BAR, FAINT, INK, RULE, SMALL, drawing, place
from .svg import Hover, Picture

_BAR_LENGTH = 1.1  # inches for an eigenvalue of 1


@dataclass(frozen=True)
class Size:
    """Inches of one correlation map with its spectrum, and where the map begins."""

    where: Layout
    width: float
    height: float
    left: float
    top: float


@dataclass(frozen=True)
class Relations:
    """What one map and its bars show; attacking tasks get a dot, names of target tasks are bold."""

    title: str
    tasks: Sequence[object]
    correlation: np.ndarray
    spectrum: np.ndarray
    targets: Collection[object] = ()
    attackers: Collection[object] = ()


def relationship_size(report: Mapping[str, Any]) -> Size:
    """
    Size of one correlation map with its spectrum.

    Parameters
    ----------
    report : Mapping
        The audit's results, with relationships.

    Returns
    -------
    Size
        The same before and after.
    """
    return map_size(layout(report["relationships"]["tasks"], widest=3.1, limit=12))


def map_size(where: Layout, *, dots: float = 0.0) -> Size:
    """
    Size of a map with its title, its colours below and the spectrum at its right.

    Parameters
    ----------
    where : Layout
        The map alone.
    dots : float, default 0.0
        Inches between names and map for the dots of attacking tasks.

    Returns
    -------
    Size
        Of the whole.
    """
    left, top = where.beside + dots, 0.4 + where.above + dots
    width = left + where.side + 0.25 + _BAR_LENGTH + 0.35
    return Size(where, max(width, 3.2), top + max(where.side, 0.6) + 0.45, left, top)


def relationship_picture(report: Mapping[str, Any], moment: str) -> Picture:
    """
    Draw the correlations before or after the attack, with the spectrum of Omega beside them.

    Parameters
    ----------
    report : Mapping
        The audit's results, with relationships.
    moment : {"before", "after"}
        Which.

    Returns
    -------
    Picture
        Each cell carries its correlation as hover words.
    """
    tasks = report["relationships"]["tasks"]
    size = relationship_size(report)
    with drawing():
        figure = Figure(figsize=(size.width, size.height))
        hovers = draw_relationship(figure, report, moment, left=0.0)
    return Picture(figure, f"Correlations of {len(tasks)} tasks {moment} the attack, and their spectrum.", hovers)


def draw_relationship(figure: Figure, report: Mapping[str, Any], moment: str, *, left: float) -> list[Hover]:
    """
    Draw one correlation map and its spectrum into a figure.

    Parameters
    ----------
    figure : Figure
        As high as ``relationship_width`` says.
    report : Mapping
        The audit's results.
    moment : {"before", "after"}
        Which.
    left : float
        Where it begins, in inches.

    Returns
    -------
    list of Hover
        A title for each cell.
    """
    told = report["relationships"]
    title = "Before: clean data"
    if moment == "after":
        title = f"After: {shorten(told['label'], 24)}, budget {numerals.budget(told['budget'])}"
    shown = relations(title, told["tasks"], told[moment], targets=told.get("targets") or ())
    return draw_relations(figure, shown, relationship_size(report), left=left)


def relations(
    title: str,
    tasks: Sequence[object],
    told: Mapping[str, Any],
    targets: Collection[object] = (),
    attackers: Collection[object] = (),
) -> Relations:
    """
    Take one map from the results, NaN where it has no number.

    Parameters
    ----------
    title : str
        What stands above it.
    tasks : sequence, m entries
        Names of the tasks.
    told : Mapping
        ``correlation``, m rows of m entries, and ``spectrum``, m entries, either may be None.
    targets, attackers : collection
        Target tasks (bold) and attacking tasks (with a dot).

    Returns
    -------
    Relations
        Ready to draw.

    Examples
    --------
    >>> relations("clean", ["a"], {"correlation": [[1.0]], "spectrum": None}).correlation
    array([[1.]])
    """
    rows = told.get("correlation") or [[None] * len(tasks)] * len(tasks)
    correlation = np.array([[numerals.number(entry) for entry in row] for row in rows])
    spectrum = np.array([numerals.number(value) for value in told.get("spectrum") or ()])
    return Relations(title, tasks, correlation, spectrum, targets, attackers)


def draw_relations(figure: Figure, shown: Relations, size: Size, *, left: float, top: float = 0.0) -> list[Hover]:
    """
    Draw a map with its title, scale of colours and spectrum.

    Parameters
    ----------
    figure : Figure
        Where.
    shown : Relations
        What.
    size : Size
        How large.
    left, top : float
        Where it begins, in inches.

    Returns
    -------
    list of Hover
        A title for each cell.
    """
    where, upper = size.where, top + size.top
    axes = place(figure, left + size.left, upper, where.side, where.side)
    scale = Scale("PuOr", Normalize(-1, 1))  # not the colours of damage: a negative correlation is no good news
    draw_cells(axes, shown.correlation, scale, where, _correlation_digits)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, task in zip(labels, shown.tasks, strict=True):
            label.set_fontweight("bold" if task in shown.targets else "normal")
    _dot_attackers(figure, axes, shown)
    below = upper + max(where.side, 0.6) + 0.16
    strip = place(figure, left + size.left, below, min(max(where.side, 1.2), 1.8), 0.1)
    draw_colour_bar(strip, scale, -1.0, {-1.0: "−1", 0.0: "0", 1.0: "1"})
    _draw_spectrum(figure, shown.spectrum, left + size.left + where.side + 0.25, upper, max(where.side, 0.6))
    corner = ((left + 0.03) / figure.get_figwidth(), 1 - (top + 0.12) / figure.get_figheight())
    figure.text(*corner, shown.title, fontsize=10.0, fontweight="bold", va="center")
    return _correlation_hovers(axes, shown.tasks, shown.correlation)


def _dot_attackers(figure: Figure, axes: Axes, shown: Relations) -> None:
    """Put a dot between the name of an attacking task and the map, at the left and above."""
    places = [index + 0.5 for index, task in enumerate(shown.tasks) if task in shown.attackers]
    if not places:
        return
    axes.tick_params(pad=10)
    for beside in (True, False):
        away = ScaledTranslation(*((-5.5 / 72, 0.0) if beside else (0.0, 5.5 / 72)), figure.dpi_scale_trans)
        edge = [0.0] * len(places)
        x, y = (edge, places) if beside else (places, edge)
        axes.plot(x, y, "o", color=INK, markersize=3.4, transform=axes.transData + away, clip_on=False)


def _correlation_hovers(axes: Axes, tasks: Sequence[object], correlation: np.ndarray) -> list[Hover]:
    hovers = []
    for (row, column), value in np.ndenumerate(correlation):
        shown = f"{value:.2f}".replace("-", "−") if np.isfinite(value) else numerals.MISSING
        text = f"{shorten(tasks[row], 60)} and {shorten(tasks[column], 60)}: {shown}"
        hovers.append(Hover(axes, ((column, row), (column + 1, row + 1)), text))
    return hovers


def _correlation_digits(value: float) -> str:
    """Two decimals without the zero before the point, which would crowd the cell."""
    if not np.isfinite(value):
        return numerals.MISSING
    text = f"{abs(value):.2f}"
    sign = "−" if value < 0 and float(text) else ""
    return sign + (text.removeprefix("0") if float(text) else "0").removesuffix(".00")


def _draw_spectrum(figure: Figure, values: np.ndarray, left: float, top: float, height: float) -> None:
    """Eigenvalues of Omega as bars, the largest on top; they sum to 1."""
    axes = place(figure, left, top, _BAR_LENGTH, height)
    axes.barh(np.arange(values.size), np.nan_to_num(values), height=0.72, color=BAR)
    axes.set_xlim(0, 1.0)
    axes.set_ylim(max(values.size, 1) - 0.5, -0.5)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(length=0, pad=4)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.set_title("eigenvalues of Ω", fontsize=SMALL, fontweight="normal", color=FAINT, pad=5)
    room = 72 * height / max(values.size, 1)
    if room >= 8:
        for index, value in enumerate(values):
            if value >= 0.005:
                axes.text(value + 0.03, index, f"{value:.2f}", va="center_baseline", fontsize=SMALL, color=FAINT)
    axes.spines["left"].set_color(RULE)
