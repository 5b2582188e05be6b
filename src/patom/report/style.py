"""Colours, lines and type of all figures, and the scope in which matplotlib follows them."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Literal

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from patom.results.methods import AttackName, Method, Reach

INK = "#24292f"
FAINT = "#626b75"
RULE = "#d9dde2"
PAPER = "#fefefe"
BAR = "#5f7488"
DIRECT = "#bd4b00"
INDIRECT = "#006ba6"
OTHERS = ("#00745a", "#97386f", "#7a6000", "#5b5f97")

# Where the page can be dark, each of these becomes a CSS variable. No colour map holds any of them.
THEMED: Mapping[str, str] = {
    INK: "ink",
    FAINT: "faint",
    RULE: "rule",
    PAPER: "card",
    BAR: "bar",
    DIRECT: "direct",
    INDIRECT: "indirect",
    **{colour: f"other-{index}" for index, colour in enumerate(OTHERS)},
}

TEXT = 9.0  # points, on the page 12 pixels
SMALL = 8.0

_SETTINGS: dict[str, object] = {
    "font.family": ["DejaVu Sans"],  # the one that matplotlib brings along: the same widths on every machine
    "font.size": TEXT,
    "text.parse_math": False,  # a $ in a task's name is a dollar
    "text.usetex": False,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": FAINT,
    "axes.labelsize": TEXT,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "figure.facecolor": "none",
    "hatch.linewidth": 0.6,
}


@contextmanager
def drawing(**settings: object) -> Iterator[None]:
    """Matplotlib in the report's style, whatever the caller's own settings are; they return afterwards.

    A name may hold characters that no installed font has. They stay in an SVG's text, where the reader's
    browser finds a font, and become boxes in a PNG: nothing to warn about either way.

    >>> with drawing(svg__hashsalt="one"):
    ...     matplotlib.rcParams["svg.hashsalt"]
    'one'
    """
    more = {name.replace("__", "."): value for name, value in settings.items()}
    with matplotlib.style.context(["default", _SETTINGS | more]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        yield


Dash = str | tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class LineStyle:
    """How an attack's line looks: colour says who is hit, the dash says which method."""

    colour: str
    dash: Dash
    marker: str
    hollow: bool
    width: float


REACHES: Mapping[Reach, str] = {Reach.DIRECT: DIRECT, Reach.INDIRECT: INDIRECT, Reach.HYBRID: OTHERS[0]}
"""The colour of each kind of attack."""
RANDOM = LineStyle(FAINT, "--", "o", hollow=True, width=1.3)
"""Random rows where colours do not say who is reached."""
_LOOKS: Sequence[tuple[Dash, str]] = [("-", "o"), ("-.", "s"), (":", "^"), ((0, (6, 1, 1, 1, 1, 1)), "D")]


def line_styles(attacks: Iterable[AttackName]) -> dict[str, LineStyle]:
    """Choose a line style for each attack; methods differ by dash and marker too, not by colour alone.

    >>> styles = line_styles(map(AttackName.parse, ["random-direct", "patom-direct"]))
    >>> styles["random-direct"].colour == styles["patom-direct"].colour, styles["random-direct"].hollow
    (True, True)
    """
    named = list(dict.fromkeys(attacks))
    methods = dict.fromkeys(name.method for name in named if name.method is not Method.RANDOM)
    looks = dict[Method, tuple[Dash, str]](zip(methods, cycle(_LOOKS), strict=False))
    styles = {}
    for name in named:
        hollow = name.method is Method.RANDOM
        dash, marker = ("--", "o") if hollow else looks[name.method]
        styles[str(name)] = LineStyle(REACHES[name.reach], dash, marker, hollow, 1.3 if hollow else 1.9)
    return styles


def open_frame(axes: Axes, across: Literal["x", "y"]) -> None:
    """No box around the axes but a line below them, and faint lines at the ticks of one of them."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=5)
    axes.grid(axis=across, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, measured from the figure's left and top edge.

    >>> place(Figure(figsize=(4, 2)), 1.0, 0.5, 2.0, 1.0).get_position()
    Bbox([[0.25, 0.25], [0.75, 0.75]])
    """
    full_width, full_height = figure.get_size_inches()
    bottom = full_height - top - height
    return figure.add_axes((left / full_width, bottom / full_height, width / full_width, height / full_height))
