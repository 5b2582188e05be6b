"""What both maps consist of: a square for each pair of tasks, names left and above, a scale of colours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator

from patom.report.labels import shorten, text_width
from patom.report.style import INK, PAPER, SMALL, TEXT

PRINTED_UP_TO = 16
"""Values are printed into the cells up to this number of tasks."""


@dataclass(frozen=True)
class Scale:
    """What a value looks like: the name of a diverging colour map, and the norm that places values on it."""

    colours: str
    norm: Normalize

    def dark(self, values: np.ndarray) -> np.ndarray:
        """Whether white text is easier to read on each value's colour than black text."""
        parts = matplotlib.colormaps[self.colours](self.norm(values))[..., :3]
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return np.asarray(linear @ [0.2126, 0.7152, 0.0722] < 0.18)


@dataclass(frozen=True)
class Layout:
    """Size of a map in inches: its width, and the room that the names take left of it and above it.

    ``names`` are those of the columns, and of the rows before those ``below``.
    """

    names: Sequence[str]
    side: float
    beside: float
    above: float
    upright: bool
    below: Sequence[str] = ()

    @property
    def rows(self) -> list[str]:
        """Names of the rows."""
        return [*self.names, *self.below]

    @property
    def height(self) -> float:
        """In inches."""
        return self.side * len(self.rows) / len(self.names)

    @property
    def cell(self) -> float:
        """Side of a cell in points."""
        return 72 * self.side / len(self.names)


def layout(tasks: Sequence[object], *, widest: float, limit: int, below: Sequence[str] = ()) -> Layout:
    """Size of a map whose tasks are named at the left and above, with rows of other names below theirs.

    >>> layout(["a", "b"], widest=3.0, limit=10).side
    1.2
    """
    names = [shorten(task, limit) for task in tasks]
    cell = min(max(widest / len(names), 0.165), 0.6)
    longest, beside = (
        max(text_width(name, _name_size(72 * cell)) for name in among) / 72 for among in (names, [*names, *below])
    )
    upright = longest > cell - 0.03
    return Layout(names, cell * len(names), beside + 0.1, longest + 0.1 if upright else 0.22, upright, below)


def _name_size(cell: float) -> float:
    return TEXT if cell >= 14 else SMALL - 0.5


def draw_colour_bar(axes: Axes, scale: Scale, low: float, ticks: Mapping[float, str]) -> None:
    """Draw a strip of the colours in use, evenly spaced in colour; ticks stand where the norm puts them."""
    first = float(scale.norm(low))
    edges = np.linspace(first, 1.0, 97)
    middles = (edges[1:] + edges[:-1]) / 2
    strip = axes.pcolormesh(edges, [0, 1], middles[None, :], cmap=scale.colours, vmin=0, vmax=1)
    strip.set(edgecolor="face", linewidth=0.6)  # or hairlines show between the colours
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=3, labelsize=SMALL)
    axes.xaxis.set_major_locator(FixedLocator([float(scale.norm(tick)) for tick in ticks]))
    axes.set_xticklabels(list(ticks.values()))
    axes.set_yticks([])


def draw_cells(axes: Axes, values: np.ndarray, scale: Scale, where: Layout, write: Callable[[float], str]) -> None:
    """Draw the coloured squares, what is written in them, and the names."""
    height, size = values.shape
    axes.set_xlim(0, size)
    axes.set_ylim(height, 0)
    axes.pcolormesh(
        np.arange(size + 1),
        np.arange(height + 1),
        np.ma.masked_invalid(values),
        cmap=scale.colours,
        norm=scale.norm,
        edgecolors=PAPER,
        linewidth=1.0 if where.cell > 15 else 0.5,
    )
    font, dark = min(SMALL, where.cell * 0.31), np.isfinite(values) & scale.dark(values)
    for (row, column), value in np.ndenumerate(values):
        if not np.isfinite(value):
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor="#eceef0", edgecolor="#b9c0c7", hatch="////", linewidth=0)
            )
        if size <= PRINTED_UP_TO:
            axes.text(
                column + 0.5,
                row + 0.5,
                write(float(value)),
                ha="center",
                va="center_baseline",
                fontsize=font,
                color="#ffffff" if dark[row, column] else "#17202a",
            )
    _name_cells(axes, where)


def _name_cells(axes: Axes, where: Layout) -> None:
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=4, labelcolor=INK, labelsize=_name_size(where.cell))
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(np.arange(len(where.names)) + 0.5, where.names)
    axes.set_yticks(np.arange(len(where.rows)) + 0.5, where.rows)
    if where.upright:
        for label in axes.get_xticklabels():
            label.set(rotation=90, rotation_mode="anchor", ha="left", va="center")
