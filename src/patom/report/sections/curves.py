"""Damage against budget: an audit's curves with their table, and a grid's, one panel a pair of tasks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from patom.report import numerals
from patom.report.lines import Curve, Room, curve_panel, draw_lines, ends, measurable
from patom.report.panels import Multiples, PageTable, Panel, headed, list_names
from patom.report.quantity import Quantity
from patom.report.style import line_styles
from patom.report.svg import Hover, Picture
from patom.results.audit import Gate, Metric, Point
from patom.results.grid import Budgets, Pair
from patom.results.methods import AttackName, Method, Reach
from patom.results.parts import Interval
from patom.wording import counted

PANEL_WIDTH, PANEL_HEIGHT = 4.9, 3.4  # inches, of an audit
PAIR_WIDTH = 4.35
Field = Literal["metric", "damage"]
_REACHES = {
    Reach.DIRECT: "orange is an attack through the target tasks themselves",
    Reach.INDIRECT: "blue one through other tasks only",
    Reach.HYBRID: "green one through both",
}


@dataclass(frozen=True)
class Curves:
    """An audit's curves: its points, the clean metric of the targets, and the threshold that a build fails above."""

    points: Sequence[Point]
    metric: Metric
    clean: float | None
    gate: Gate | None = None

    def quantity(self, field: Field) -> Quantity:
        """What is on the vertical axis."""
        return Quantity(field, self.metric, numerals.number(self.clean))

    def lines(self, field: Field) -> list[Curve]:
        """The lines of a panel in the order of the results, without attacks that have no measurable value."""
        start = self.quantity(field).start
        return measurable(
            Curve.through(
                str(attack),
                points[0].label,
                ((point.budget, point.metric if field == "metric" else point.damage) for point in points),
                Interval.of(*[None if math.isnan(start) else start] * 3),
            )
            for attack, points in by_attack(self.points).items()
        )

    def draw(self, figure: Figure, field: Field, *, left: float) -> list[Hover]:
        """Draw a panel of ``PANEL_WIDTH`` by ``PANEL_HEIGHT`` inches, which begins ``left`` inches from the edge."""
        quantity, styles = self.quantity(field), line_styles(point.attack for point in self.points)
        room = Room(left, 0.42, PANEL_WIDTH, PANEL_HEIGHT - 0.94)
        axes, logarithmic, hovers = draw_lines(figure, self.lines(field), quantity, styles, room, gate=self.gate)
        width = figure.get_figwidth() * axes.get_position().width
        axes.set_title(quantity.title(logarithmic=logarithmic), x=-0.6 / width)
        return hovers

    def picture(self, field: Field) -> Picture:
        """Draw a panel as a picture of its own, so that two can stand below each other on a narrow screen."""
        lines = self.lines(field)
        name = "Relative damage" if field == "damage" else self.metric
        shown = f"at the largest budget {ends(lines, self.quantity(field))}" if lines else "nothing was measurable"
        return Panel(
            PANEL_WIDTH,
            PANEL_HEIGHT,
            lambda figure, left, _: self.draw(figure, field, left=left),
            f"{name} against budget: {shown}.",
        ).picture()

    def groups(self) -> list[tuple[str, list[list[str]]]]:
        """The table below the curves: for each attack its label, and rows of seven texts."""
        return [
            (
                points[0].label,
                [self._row(point) for point in sorted(points, key=lambda point: point.budget)],
            )
            for points in by_attack(self.points).values()
        ]

    def _row(self, point: Point) -> list[str]:
        metric, damage = point.metric, point.damage
        return [
            numerals.budget(point.budget),
            numerals.count(point.n_seeds),
            numerals.metric(metric.mean, self.metric),
            numerals.metric_interval(metric.low, metric.high, self.metric),
            numerals.percent(damage.mean),
            numerals.percent_interval(damage.low, damage.high),
            numerals.metric(point.bystander_metric.mean, self.metric),
        ]

    def seeds(self, planned: int) -> str:
        """Count the seeds that the means are over: fewer than planned where some could not be attacked or measured.

        >>> points = [Point(attack="patom-direct", label="", budget=0.1, n_seeds=n, metric=None,
        ...                 damage=Interval.of(0.1)) for n in (5, 2)]
        >>> Curves(points, "AUC", 0.9).seeds(5)
        '2 to 5 seeds'
        """
        counts = [point.n_seeds for point in self.points if point.damage.mean is not None]
        least, most = min(counts, default=0), max(counts, default=planned)
        return f"{f'{least:,} to ' if 0 < least < most else ''}{counted(most, 'seed')}"


def by_attack(points: Iterable[Point]) -> Mapping[AttackName, list[Point]]:
    """Points by their attack, in order of first appearance."""
    found: dict[AttackName, list[Point]] = {}
    for point in points:
        found.setdefault(point.attack, []).append(point)
    return found


def looks(attacks: Iterable[AttackName]) -> str:
    """Explain the colours and dashes that there are, in a sentence; empty without attacks.

    >>> looks([AttackName.parse("random-indirect")])
    'Blue is an attack through other tasks only; dashed lines are random rows.'
    """
    known = list(attacks)
    reached = {attack.reach for attack in known}
    colours = [words for reach, words in _REACHES.items() if reach in reached]
    random = [attack.method is Method.RANDOM for attack in known]
    dashes = ["dashed lines are random rows"] * any(random)
    dashes += ["solid ones are optimised rows" if dashes else "lines are optimised rows"] * (not all(random))
    if colours:
        colours[0] = colours[0].replace(" one ", " is an attack ")
    words = "; ".join(", ".join(part) for part in (colours, dashes) if part)
    return f"{headed(words)}." if words else ""


def multiples(experiment: Budgets) -> Multiples:
    """A grid's metric against budget, one panel a pair; all panels share their axes.

    >>> multiples(Budgets(title="SARCOS", metric="NMSE", panels=[])).panels
    []
    """
    shown = [_pair_curves(pair) for pair in experiment.panels]
    among = [curve for curves in shown for curve in curves]
    clean = [pair.clean.mean for pair in experiment.panels if pair.clean.mean is not None]
    quantity = Quantity("metric", experiment.metric, float(np.median(clean)) if clean else math.nan)
    styles = line_styles(line.attack for pair in experiment.panels for line in pair.lines)
    panels = [
        curve_panel(
            pair_title(pair, limit=17),
            f"{quantity.metric} clean {numerals.metric(pair.clean.mean, quantity.metric)}, at the largest budget",
            curves,
            among=among,
            quantity=quantity,
            styles=styles,
            width=PAIR_WIDTH,
            name=pair_title(pair, limit=400),
        )
        for pair, curves in zip(experiment.panels, shown, strict=True)
    ]
    caption = (
        f"{quantity.metric} on the target tasks’ test rows against budget; bands are intervals of the mean over seeds. "
        "All panels have the same axes."
    )
    return Multiples(experiment.title, experiment.settings, caption, panels, columns=2)


def _pair_curves(pair: Pair) -> list[Curve]:
    return measurable(
        Curve.through(str(line.attack), line.label, zip(line.budgets, line.metric, strict=True), pair.clean)
        for line in pair.lines
    )


def pair_title(pair: Pair, limit: int) -> str:
    """Name a pair by its letter, its targets and its attackers, each list of names in about ``limit`` characters.

    >>> pair_title(Pair(pair="A", targets=["1", "4"], attackers=["2"], lines=[]), limit=20)
    'A: targets 1, 4; attackers 2'
    """
    return f"{pair.pair}: targets {list_names(pair.targets, limit)}; attackers {list_names(pair.attackers, limit)}"


def table(experiment: Budgets) -> PageTable:
    """The numbers of a grid's curves, a group a pair: attack and budget, metric, damage, each with its interval."""
    groups = []
    for pair in experiment.panels:
        rows = [["clean", *_metric_pair(pair.clean, experiment.metric), "", ""]]
        for line in pair.lines:
            damages = line.damage or [Interval.of(None)] * len(line.budgets)
            for budget, value, damage in zip(line.budgets, line.metric, damages, strict=True):
                shares = [numerals.percent(damage.mean), numerals.percent_interval(damage.low, damage.high)]
                name = f"{line.label}, {numerals.budget(budget)}"
                rows.append([name, *_metric_pair(value, experiment.metric), *shares])
        groups.append((pair_title(pair, limit=400), rows))
    damage_name = Quantity("damage", experiment.metric, math.nan).title(logarithmic=False)
    columns = ["Attack, budget", experiment.metric, "interval", damage_name.removesuffix(", target tasks"), "interval"]
    return PageTable(columns, groups)


def _metric_pair(value: Interval, metric: Metric) -> list[str]:
    return [numerals.metric(value.mean, metric), numerals.metric_interval(value.low, value.high, metric)]
