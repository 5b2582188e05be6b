"""Small multiples: panels that wrap on a page and stand together, under one heading, in a file."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from patom.report import numerals
from patom.report.labels import printable, shorten
from patom.report.style import FAINT, INK, SMALL, drawing
from patom.report.svg import Hover, Picture

_MARGIN, _GAP = 0.25, 0.4  # inches around the panels of a file and between them
_LINE = 0.19
HEAD = 0.62
"""Inches from a panel's top to its axes: the room of a title and a line below it."""


@dataclass(frozen=True)
class Panel:
    """One panel: its size in inches, what draws it at a left and top edge, and a sentence that stands for it."""

    width: float
    height: float
    draw: Callable[[Figure, float, float], list[Hover]]
    description: str

    def picture(self) -> Picture:
        """Draw the panel as a picture of its own."""
        with drawing():
            figure = Figure(figsize=(self.width, self.height))
            hovers = self.draw(figure, 0.0, 0.0)
        return Picture(figure, self.description, hovers)


@dataclass(frozen=True)
class Multiples:
    """The panels of one experiment, in ``columns`` columns where there is room."""

    title: str
    settings: str
    caption: str
    panels: Sequence[Panel]
    columns: int

    def picture(self) -> Picture:
        """Draw all panels under a heading, for a file of its own."""
        columns = min(self.columns, len(self.panels)) or 1
        rows = -(-len(self.panels) // columns)
        wide = max([panel.width for panel in self.panels], default=4.0)
        high = max([panel.height for panel in self.panels], default=0.0)
        width = 2 * _MARGIN + columns * wide + (columns - 1) * _GAP
        below = [*_wrap(self.settings, width), *_wrap(self.caption, width)]
        top = _MARGIN + 0.4 + _LINE * len(below)
        hovers = []
        with drawing():
            figure = Figure(figsize=(width, top + rows * high + max(rows - 1, 0) * _GAP + _MARGIN))
            _write(figure, _MARGIN, _MARGIN + 0.06, shorten(self.title, int(9 * width)), 13.0, "bold")
            for line, text in enumerate(below):
                _write(figure, _MARGIN, _MARGIN + 0.32 + _LINE * line, text, SMALL, colour=FAINT)
            for index, panel in enumerate(self.panels):
                row, column = divmod(index, columns)
                hovers += panel.draw(figure, _MARGIN + column * (wide + _GAP), top + row * (high + _GAP))
        description = " ".join([f"{self.title}.", *(panel.description for panel in self.panels)])
        return Picture(figure, description, hovers)


@dataclass(frozen=True)
class PageCell:
    """Words in a table of the page, what stands in small below them, and whether they are bold."""

    words: str
    below: str = ""
    best: bool = False


@dataclass(frozen=True)
class PageTable:
    """A table of the page: columns, and groups of a heading, which may be empty, and rows of words or cells."""

    columns: Sequence[str]
    groups: Sequence[tuple[str, Sequence[Sequence[str | PageCell]]]]


def head(figure: Figure, left: float, top: float, title: str, below: str) -> None:
    """Write a panel's title and the line below it."""
    _write(figure, left + 0.03, top + 0.12, title, 10.0, "bold")
    _write(figure, left + 0.03, top + 0.33, below, SMALL, colour=FAINT)


def _write(
    figure: Figure, left: float, top: float, text: str, size: float, weight: str = "normal", colour: str = INK
) -> None:
    """Write one line whose middle is ``top`` inches below the figure's upper edge."""
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - top / height, text, fontsize=size, fontweight=weight, va="center", color=colour)


def _wrap(text: str, width: float) -> list[str]:
    return textwrap.wrap(printable(text), max(20, int((width - 2 * _MARGIN) * 72 / (0.57 * SMALL))))


def list_names(names: Iterable[object], limit: int) -> str:
    """List names in about ``limit`` characters; what has no room is counted.

    >>> list_names(["1", "4", "6"], 10), list_names(["north", "south", "west"], 12), list_names([], 9)
    ('1, 4, 6', 'north, south and 1 more', 'none')
    """
    texts = [shorten(name, max(limit, 3)) for name in names]
    if not texts:
        return "none"
    shown = 1
    while shown < len(texts) and len(", ".join(texts[: shown + 1])) <= limit:
        shown += 1
    more = len(texts) - shown
    return ", ".join(texts[:shown]) + (f" and {more} more" if more else "")


def row_of(values: Sequence[float | None] | None) -> np.ndarray:
    """Turn a list of the results into an array, NaN where it has no number; empty for None.

    >>> row_of([1, None])
    array([ 1., nan])
    """
    return np.array([numerals.number(value) for value in values or ()])


def headed(words: str) -> str:
    """Begin with a capital letter."""
    return f"{words[:1].upper()}{words[1:]}"
