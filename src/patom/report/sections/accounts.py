"""Damage to all tasks against the number of new accounts, as a line; and what capped tasks leave of the last."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from patom.report import numerals
from patom.report.quantity import Quantity, scale_axis
from patom.report.style import INDIRECT, OTHERS, PAPER, SMALL, drawing, open_frame, place
from patom.report.svg import Hover, Picture
from patom.results.audit import Accounts, Metric
from patom.results.parts import Interval
from patom.wording import counted

_WIDTH, _HEIGHT = 4.9, 2.9  # inches


def picture(accounts: Accounts, metric: Metric) -> Picture | None:
    """The damage by each number of accounts, evenly spaced; None where none could be measured."""
    points = [point for point in accounts.points if point.damage.mean is not None]
    if not points:
        return None
    quantity = Quantity("damage", metric, math.nan)
    mean, low, high = (
        np.array([0.0, *(numerals.number(getattr(point.damage, end)) for point in points)])
        for end in ("mean", "low", "high")
    )
    capped = accounts.capped.damage if accounts.capped is not None else Interval.of(None)
    left = [numerals.number(value) for value in (capped.mean, capped.low, capped.high)]
    x = np.arange(mean.size)
    with drawing():
        figure = Figure(figsize=(_WIDTH, _HEIGHT))
        axes = place(figure, 0.66, 0.42, _WIDTH - 2.1, _HEIGHT - 0.96)
        open_frame(axes, "y")
        logarithmic = scale_axis(axes, quantity, np.append(mean, left[0]), np.concatenate([low, high, left[1:]]))
        axes.fill_between(x, low, high, color=INDIRECT, alpha=0.13, linewidth=0)
        axes.plot(x, mean, color=INDIRECT, marker="o", markersize=4.2, linewidth=1.9, zorder=3, clip_on=False)
        _name(
            axes, x[-1], mean[-1], f"each task weighs 1: {numerals.percent(mean[-1])}", INDIRECT, up=mean[-1] >= left[0]
        )
        if math.isfinite(left[0]):
            axes.plot(x[-1:], left[:1], color=OTHERS[0], marker="o", markerfacecolor=PAPER, zorder=3, clip_on=False)
            _name(axes, x[-1], left[0], f"capped: {numerals.percent(left[0])}", OTHERS[0], up=left[0] > mean[-1])
        axes.set_xticks(x, ["none", *(numerals.count(point.accounts) for point in points)])
        axes.set_xlabel("new accounts", labelpad=6, fontsize=SMALL)
        title = quantity.title(logarithmic=logarithmic).replace("target tasks", "all tasks")
        axes.set_title(title, x=-0.6 / (_WIDTH - 2.1))
    hovers = [
        Hover(axes, ((i, value), (i, value)), f"{counted(point.accounts, 'new account')}: {words}", margin=5.0)
        for i, (point, value) in enumerate(zip(points, mean[1:], strict=True), start=1)
        if (words := quantity.words(value, low[i], high[i]))
    ]
    shown = ", ".join(
        f"{point.accounts} {quantity.write(value)}" for point, value in zip(points, mean[1:], strict=True)
    )
    return Picture(figure, f"Relative damage to all tasks against the number of new accounts: {shown}.", hovers)


def _name(axes: Axes, x: float, y: float, words: str, colour: str, *, up: bool) -> None:
    axes.annotate(
        words, (x, y), (10, 5 if up else -5), textcoords="offset points", va="center", color=colour, fontsize=SMALL
    )
