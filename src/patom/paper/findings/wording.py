"""Numbers in the words of a table of claims."""

from collections.abc import Callable, Mapping


def percent(value: float) -> str:
    """A share in percent, with the digits that matter.

    >>> percent(0.4963), percent(0.0012), percent(-0.031), percent(12.3)
    ('50 %', '0.1 %', '-3.1 %', '1,230 %')
    """
    return f"{100 * value:,.0f} %" if abs(value) >= 0.1 else f"{100 * value:.1f} %".replace("-0.0", "0.0")


def points(value: float) -> str:
    """A difference of two percentages.

    >>> points(0.034)
    '3.4 points'
    """
    return percent(value).removesuffix(" %") + " points"


def plain(value: float) -> str:
    """A number with two digits after the point.

    >>> plain(0.12345)
    '0.12'
    """
    return f"{value:.2f}"


def told(found: Mapping[str, float | None], write: Callable[[float], str]) -> str:
    """An interval in words.

    >>> told({"mean": 0.5, "low": 0.25, "high": 0.75}, percent), told({"mean": 0.5, "low": None, "high": None}, percent)
    ('50 % (25 % to 75 %)', '50 % (one seed)')
    """
    mean, low, high = found["mean"], found["low"], found["high"]
    if mean is None:
        return "not measurable"
    if low is None or high is None:
        return f"{write(mean)} (one seed)"
    return f"{write(mean)} ({write(low)} to {write(high)})"
