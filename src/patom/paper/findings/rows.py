"""The table's rows as the findings read them: grouped by experiment, averaged within a seed, compared seed by seed."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from patom.core.arrays import FloatArray
from patom.intervals import interval
from patom.results.parts import Interval

Row = dict[str, Any]
CONFIDENCE = 0.95


def experiments(rows: Iterable[Row], figure: str) -> dict[str, list[Row]]:
    """Rows that did not fail, of the experiments for one figure, by name."""
    return grouped((row for row in rows if row["figure"] == figure and not row["error"]), lambda row: row["experiment"])


def grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Rows by a key, in order of first appearance.

    >>> grouped([{"a": 1}, {"a": 2}, {"a": 1}], lambda row: row["a"])
    {1: [{'a': 1}, {'a': 1}], 2: [{'a': 2}]}
    """
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def number(value: float | None) -> float:
    """A table's null as NaN."""
    return float("nan") if value is None else float(value)


def listed(values: FloatArray) -> list[Any]:
    """An array as JSON holds it: what is not finite becomes None.

    >>> listed(np.array([[0.5, np.nan]]))
    [[0.5, None]]
    """
    plain: list[Any] = np.where(np.isfinite(values), values, None).tolist()  # type: ignore[call-overload]
    return plain


def by_seed(rows: Iterable[Row], value: Callable[[Row], float]) -> dict[Hashable, float]:
    """Mean of a value over each seed's rows, which depend on each other: intervals run over seeds."""
    groups = grouped(rows, lambda row: row["seed"])
    return {seed: float(np.mean([value(row) for row in group])) for seed, group in groups.items()}


def over_seeds(rows: Iterable[Row], value: Callable[[Row], float]) -> Interval:
    """Interval over seeds of the seeds' means."""
    return interval(by_seed(rows, value).values(), CONFIDENCE)


def lead(
    first: Sequence[Row],
    second: Sequence[Row],
    value: Callable[[Row], float],
    same: Sequence[str] = ("pair", "budget", "start"),
) -> Interval:
    """Interval over seeds of the mean difference, first minus second, between rows equal in seed and in ``same``.

    A row whose partner failed counts in neither mean, so that like is compared with like.
    """

    def cell(row: Row) -> tuple[Any, ...]:
        return row["seed"], *(row[name] for name in same)

    other = {cell(row): value(row) for row in second}
    return over_seeds((row for row in first if cell(row) in other), lambda row: value(row) - other[cell(row)])


def damage(row: Row) -> float:
    """Relative damage to the target tasks' test metric."""
    return number(row["damage"])


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
