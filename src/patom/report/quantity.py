"""What the curves show, the metric or the damage: its title, how it is written, and the axis that suits it."""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    Formatter,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

from patom.report import numerals

LOG_FROM = 10.0
"""A relative damage of 1,000 %, or an error ten times the clean one, needs a logarithmic axis."""


@dataclass(frozen=True)
class Quantity:
    """The vertical axis of a panel: the metric or the damage, and the clean metric of the target tasks, NaN if unknown.

    >>> Quantity("damage", "AUC", 0.9).title(logarithmic=False)
    'Share of clean AUC lost, target tasks'
    """

    field: str
    metric: str
    clean: float

    @property
    def start(self) -> float:
        """Value at budget 0."""
        return 0.0 if self.field == "damage" else self.clean

    def title(self, *, logarithmic: bool) -> str:
        """Name it for the reader, who must know when an axis is not linear."""
        if self.field == "damage":
            lost = "Share of clean AUC lost" if self.metric == "AUC" else f"Rise of {self.metric} over clean"
            return f"{lost}, {'log scale' if logarithmic else 'target tasks'}"
        better = "higher" if self.metric == "AUC" else "lower"
        return f"{self.metric} of the target tasks ({'log scale, ' * logarithmic}{better} is better)"

    def write(self, value: float) -> str:
        """Write a value with its digits and unit."""
        return numerals.percent(value) if self.field == "damage" else numerals.metric(value, self.metric)

    def write_interval(self, low: float, high: float) -> str:
        """Write an interval, with "no interval" where there is none."""
        if math.isnan(low + high):
            return "no interval"
        if self.field == "damage":
            return numerals.percent_interval(low, high)
        return numerals.metric_interval(low, high, self.metric)

    def words(self, mean: float, low: float, high: float) -> str:
        """Write a value with its interval."""
        return f"{self.write(mean)} ({self.write_interval(low, high)})"

    def tick(self, value: float) -> str:
        """Write a round value beside the axis, a long one with a power of ten."""
        if self.field == "damage":
            if abs(value) >= 1e3:
                return f"{numerals.scientific(100 * value)}{numerals.NBSP}%"
            return numerals.signed(numerals.budget(value, digits=4))
        if abs(value) >= 1e5:
            return numerals.scientific(value)
        return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.4g}"


BAND = 3.0
"""Bands that reach further from the means than so many times their spread are cut off."""
RISE = Quantity("damage", "training loss", math.nan)
"""What an attacker raises: the training loss of the target tasks."""


def value_limits(means: np.ndarray, ends: np.ndarray, least: float) -> tuple[float, float]:
    """Find limits with room for all means, and for bands within ``BAND`` times the spread of the means on either side.

    Two seeds give bands ten times as wide as what they surround; those are cut off, after one spread of the means,
    rather than flatten the lines.

    >>> [round(limit, 2) for limit in value_limits(np.array([0.0, 1.0]), np.array([-40.0, 1.5]), 0.01)]
    [-1.06, 1.58]
    """
    means, ends = means[np.isfinite(means)], ends[np.isfinite(ends)]
    if not means.size:
        return 0.0, 1.0
    low, high = float(means.min()), float(means.max())
    width = max(high - low, least)
    if ends.size:
        under, over = float(low - ends.min()), float(ends.max() - high)
        low -= 0.0 if under <= 0.0 else under if under <= BAND * width else width
        high += 0.0 if over <= 0.0 else over if over <= BAND * width else width
    return float(low - 0.06 * width), float(high + 0.08 * width)


def scale_axis(axes: Axes, quantity: Quantity, means: np.ndarray, ends: np.ndarray) -> bool:
    """Choose limits, scale and ticks of the vertical axis.

    >>> from matplotlib.figure import Figure
    >>> scale_axis(Figure().add_subplot(), Quantity("damage", "NMSE", 0.1), np.array([0.0, 50.0]), np.array([]))
    True
    """
    share = quantity.field == "damage"
    clean = 1.0 if math.isnan(quantity.clean) else abs(quantity.clean)
    low, high = value_limits(means, ends, 0.01 if share or quantity.metric == "AUC" else 0.02 * clean)
    positive = means[np.isfinite(means) & (means > 0)]
    logarithmic = high > LOG_FROM if share else quantity.metric != "AUC" and high > LOG_FROM * max(clean, 1e-12)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    formatter: Formatter = FuncFormatter(lambda value, _: quantity.tick(value))
    if logarithmic and share:
        axes.set_yscale("symlog", linthresh=1.0, linscale=0.6)
        axes.yaxis.set_major_locator(FixedLocator([0.0, *10.0 ** np.arange(math.ceil(math.log10(high)) + 1)]))
        lowest = float(np.nanmin([0.0, *means, *ends]))  # a margin of the whole spread would fill decades below 0
        low, high = 1.3 * max(low, lowest) - 0.1, high * 1.3
    elif logarithmic and positive.size:
        axes.set_yscale("log")
        low, high = 0.7 * float(positive.min()), 1.5 * float(positive.max())
        axes.yaxis.set_major_locator(FixedLocator(_log_ticks(low, high)))
    elif not share:
        low, high = max(low, -0.02 * high), min(high, 1.005) if quantity.metric == "AUC" else high
        formatter = ScalarFormatter(useOffset=False)  # the same number of decimals on all ticks
        formatter.set_scientific(False)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(formatter)
    axes.set_ylim(low, high)
    return logarithmic


def _log_ticks(low: float, high: float) -> list[float]:
    """Three, two or one ticks a decade, whichever makes about five."""
    decades = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ([1.0, 2.0, 5.0], [1.0, 3.0], [1.0]):
        ticks = [float(step * decade) for decade in decades for step in steps if low <= step * decade <= high]
        if len(ticks) <= 6:
            break
    return ticks
