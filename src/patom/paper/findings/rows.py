"""The table's rows as the findings read them: grouped by experiment, averaged within a seed, compared seed by seed."""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np

from patom.core.arrays import FloatArray
from patom.intervals import interval
from patom.results.parts import Interval

Row = dict[str, Any]
Item = TypeVar("Item")
Value = str | Callable[[Row], float]
"""A number of a row: a column, or what computes it."""
CONFIDENCE = 0.95
SAME = ("pair", "budget", "start")
"""What cells of one seed and one kind of attack have in common if only their attack or their victim differs."""


def experiments(rows: Iterable[Row], figure: str) -> dict[str, list[Row]]:
    """Rows that did not fail, of the experiments for one figure, by name."""
    return grouped((row for row in rows if row["figure"] == figure and not row["error"]), "experiment")


def grouped(items: Iterable[Item], key: str | Callable[[Item], Any]) -> dict[Any, list[Item]]:
    """Rows, or pairs of them, by a column or by what a function says of each, in order of first appearance.

    >>> grouped([{"a": 1}, {"a": 2}, {"a": 1}], "a")
    {1: [{'a': 1}, {'a': 1}], 2: [{'a': 2}]}
    """
    read: Callable[[Any], Any] = itemgetter(key) if isinstance(key, str) else key
    groups: dict[Any, list[Item]] = {}
    for item in items:
        groups.setdefault(read(item), []).append(item)
    return groups


def by_budget(rows: Iterable[Row]) -> dict[float, list[Row]]:
    """Rows by budget, the smallest first."""
    return dict(sorted(grouped(rows, "budget").items()))


def cells(rows: Iterable[Row], same: Sequence[str] = SAME) -> dict[Any, list[Row]]:
    """Rows that agree in seed and in ``same``."""
    return grouped(rows, itemgetter("seed", *same))


def number(value: float | None) -> float:
    """A table's null as NaN."""
    return float("nan") if value is None else float(value)


def rise(row: Row) -> FloatArray:
    """Utility of each iteration over that of the clean model, minus 1; NaN where that is 0."""
    utility, clean = np.array(row["utility"], dtype=np.float64), number(row["utility_clean"])  # a null becomes NaN
    return utility / clean - 1.0 if clean else np.full(utility.size, np.nan)


def read(row: Row, value: Value) -> float:
    """A value of a row."""
    return number(row[value]) if isinstance(value, str) else value(row)


def over_seeds(rows: Iterable[Row], value: Value) -> Interval:
    """Interval over seeds of the mean over each seed's rows, which depend on each other."""
    groups = grouped(rows, "seed").values()
    return interval([float(np.mean([read(row, value) for row in group])) for group in groups], CONFIDENCE)


def pairs(first: Sequence[Row], second: Sequence[Row], same: Sequence[str] = SAME) -> list[tuple[Row, Row]]:
    """Each row of the first with the row of the second that agrees in seed and in ``same``.

    A row whose partner failed is left out, so that like is compared with like.
    """
    cell = itemgetter("seed", *same)
    partners = {cell(row): row for row in second}
    return [(row, partners[cell(row)]) for row in first if cell(row) in partners]


def seed_means(paired: Iterable[tuple[Row, Row]], value: Callable[[Row, Row], float]) -> list[float]:
    """For each seed the mean of a value of two rows over its pairs."""
    groups = grouped(paired, lambda pair: pair[0]["seed"]).values()
    return [float(np.mean([value(*pair) for pair in group])) for group in groups]


def lead(first: Sequence[Row], second: Sequence[Row], value: Value, same: Sequence[str] = SAME) -> Interval:
    """Interval over seeds of the mean difference, first minus second, between paired rows."""
    means = seed_means(pairs(first, second, same), lambda row, other: read(row, value) - read(other, value))
    return interval(means, CONFIDENCE)


def above(found: Interval, bound: float) -> bool | None:
    """Whether the whole interval lies above a bound; None without an interval."""
    return None if found.low is None else found.low > bound


def below(found: Interval, bound: float) -> bool | None:
    """Whether the whole interval lies below a bound; None without an interval."""
    return None if found.high is None else found.high < bound


def both(*answers: bool | None) -> bool | None:
    """Whether all hold; None where that is open.

    >>> both(True, None), both(False, None), both(True, True)
    (None, False, True)
    """
    if any(answer is False for answer in answers):
        return False
    return None if any(answer is None for answer in answers) else True


def within(found: Interval, write: Callable[[float], str]) -> str:
    """A mean with its interval.

    >>> from patom.wording import percent
    >>> within(Interval.of(0.5, 0.25, 0.75), percent), within(Interval.of(0.5), percent)
    ('50 % (25 % to 75 %)', '50 % (one seed)')
    """
    if found.mean is None:
        return "not measurable"
    if found.low is None or found.high is None:
        return f"{write(found.mean)} (one seed)"
    return f"{write(found.mean)} ({write(found.low)} to {write(found.high)})"


def settings(rows: Sequence[Row], *, steps: bool = True) -> str:
    """What an experiment's rows have in common, in a phrase; PATOM's step size only if there is one."""
    patom = next((row for row in rows if row["attack"] == "patom"), None)
    first = rows[0]
    lambdas = [f"{first[name]:g}" for name in ("lambda_1", "lambda_2")]
    words = [f"lambda {lambdas[0]}" if lambdas[0] == lambdas[1] else f"lambda_1 {lambdas[0]}, lambda_2 {lambdas[1]}"]
    if first["loss"]:
        words.append(first["loss"].replace("_", " "))
    if patom is not None:
        step = f"step {patom['step_size']:g}, " if steps else "PATOM "
        words.append(f"{step}{patom['max_iter']} iterations")
    words.append(f"labels {first['labels']}")
    return ", ".join(words)
