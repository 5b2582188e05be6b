"""The targets' test metric and training loss after each iteration of an attack: runs, their mean and its band."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from patom.report import numerals
from patom.report.labels import shorten
from patom.report.panels import HEAD, Multiples, PageTable, Panel, head, headed, row_of
from patom.report.quantity import RISE, Quantity, scale_axis
from patom.report.style import FAINT, REACHES, SMALL, TEXT, open_frame, place
from patom.report.svg import Hover
from patom.results.grid import Convergence, Converging

PANEL_WIDTH, PANEL_HEIGHT = 3.2, 3.0  # inches


@dataclass(frozen=True)
class Course:
    """One kind of attack: values by iteration, 0 first, NaN where not measurable; ``runs`` has a row a run."""

    label: str
    quantity: Quantity
    iterations: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: np.ndarray

    @classmethod
    def of(cls, panel: Converging) -> "Course":
        """Take a panel; runs of another length than the iterations are cut or filled with NaN."""
        length = len(panel.iterations)
        mean, low, high = (_fit(row_of(values), length) for values in (panel.mean, panel.low, panel.high))
        single = np.array([_fit(row_of(run), length) for run in panel.runs]).reshape(len(panel.runs), length)
        quantity = RISE if panel.metric is None else Quantity("metric", panel.metric, numerals.number(panel.clean))
        return cls(panel.label, quantity, row_of(panel.iterations), mean, low, high, single)

    @property
    def last(self) -> int:
        """Index of the last measurable mean, -1 if there is none."""
        measurable = np.flatnonzero(np.isfinite(self.mean))
        return int(measurable[-1]) if measurable.size else -1

    @property
    def most(self) -> np.ndarray:
        """Between what nine of ten values of single runs lie, which the axis shows, as it does the clean model."""
        known: np.ndarray = self.runs[np.isfinite(self.runs)]
        return np.asarray(np.quantile(known, [0.05, 0.95])) if known.size else known

    def words(self, index: int) -> str:
        """Write the mean at an iteration with its interval."""
        return self.quantity.words(float(self.mean[index]), float(self.low[index]), float(self.high[index]))

    @property
    def name(self) -> str:
        """What is shown, in words."""
        if self.quantity is RISE:
            return "rise of the training loss over clean"
        return f"test {self.quantity.metric} of the target tasks"


def _fit(values: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([values[:length], np.full(max(length - values.size, 0), math.nan)])


def multiples(experiment: Convergence) -> Multiples:
    """A panel for each kind of attack, each with its own vertical axis: indirect effects are far smaller.

    The test metric comes first, as the paper has it, below it the training loss.

    >>> panel = Converging(kind="direct", label="direct", iterations=[0, 1], mean=[0.1, 0.4])
    >>> shown = multiples(Convergence(title="SARCOS", settings="lambda 0.1", panels=[panel]))
    >>> shown.panels[0].description.replace(numerals.NBSP, " ")
    'direct: rise of the training loss over clean 40 % (no interval) at iteration 1.'
    """
    panels = []
    for shown in experiment.panels:
        course = Course.of(shown)
        draw = partial(_draw_panel, course=course, colour=REACHES[shown.kind])
        panels.append(Panel(PANEL_WIDTH, PANEL_HEIGHT, draw, _describe(course)))
    metric = next((panel.metric for panel in experiment.panels if panel.metric), None)
    first = f"Test {metric} of the target tasks and, below it, relative" if metric else "Relative"
    caption = (
        f"{first} rise of the {experiment.quantity}, by iteration. Thin: single runs; bold: their mean, with its "
        "band. The grey line is the clean model. Vertical axes differ."
    )
    return Multiples(experiment.title, experiment.settings, caption, panels, columns=3)


def table(experiment: Convergence) -> PageTable:
    """The means, a row an iteration and a column for each panel."""
    courses = [Course.of(panel) for panel in experiment.panels]
    steps = sorted({float(step) for course in courses for step in course.iterations})
    rows = []
    for step in steps:
        row = [f"{step:.0f}"]
        for course in courses:
            at = [index for index, own in enumerate(course.iterations) if own == step]
            measured = bool(at) and math.isfinite(course.mean[at[0]])
            row.append(course.words(at[0]) if measured else numerals.MISSING)
        rows.append(row)
    names = [f"{course.label}: {course.name}" for course in courses]
    return PageTable(["Iteration", *names], [("", rows)])


def _describe(course: Course) -> str:
    if course.last < 0:
        return f"{course.label}: nothing was measurable."
    iteration = numerals.count(course.iterations[course.last])
    return f"{course.label}: {course.name} {course.words(course.last)} at iteration {iteration}."


def _draw_panel(figure: Figure, left: float, top: float, *, course: Course, colour: str) -> list[Hover]:
    margin = 0.62
    axes = place(figure, left + 0.6, top + HEAD, PANEL_WIDTH - 0.6 - margin, PANEL_HEIGHT - HEAD - 0.48)
    _frame(axes, course)
    ends = np.concatenate([course.low, course.high, course.runs.ravel()])
    clean = course.quantity.start
    logarithmic = scale_axis(axes, course.quantity, np.concatenate([course.mean, [clean], course.most]), ends)
    head(figure, left, top, shorten(headed(course.label), 32), course.quantity.title(logarithmic=logarithmic))
    if math.isfinite(clean):
        axes.axhline(clean, color=FAINT, linewidth=0.8, zorder=1.5)
    if course.last < 0:
        axes.text(0.5, 0.5, "not measurable", transform=axes.transAxes, ha="center", color=FAINT)
        return []
    alpha = min(max(5.0 / max(len(course.runs), 1), 0.16), 0.5)
    lines = [np.column_stack([course.iterations, run]) for run in course.runs]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.7, alpha=alpha), autolim=False)
    axes.fill_between(course.iterations, course.low, course.high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(course.iterations, course.mean, color=colour, linewidth=2.0, label="mean", zorder=3, clip_on=False)
    point = course.iterations[course.last], course.mean[course.last]
    text = course.quantity.write(float(point[1]))
    axes.annotate(text, point, (6, 0), textcoords="offset points", va="center", color=colour, fontsize=TEXT)
    return [
        Hover(axes, ((step, mean), (step, mean)), f"{course.label}, iteration {step:.0f}: {course.words(index)}", 5.0)
        for index, (step, mean) in enumerate(zip(course.iterations, course.mean, strict=True))
        if np.isfinite(mean)
    ]


def _frame(axes: Axes, course: Course) -> None:
    open_frame(axes, "y")
    last = float(course.iterations[-1]) if course.iterations.size else 1.0
    axes.set_xlim(-0.02 * max(last, 1.0), 1.02 * max(last, 1.0))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("iteration", labelpad=5, fontsize=SMALL)
