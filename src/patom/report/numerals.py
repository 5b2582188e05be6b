"""Numbers as people read them: sensible digits, a true minus sign, no line break before a percent sign."""

import math
from typing import Any

MISSING = "n/a"
NBSP = "\u00a0"
LONG = 1e9
"""What is not smaller is written with a power of ten."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any) -> float:
    """
    Turn any entry of the results into a float; NaN where there is none.

    Parameters
    ----------
    value : Any
        A number, or None for "not measurable".

    Returns
    -------
    float
        The value, NaN for None, infinity and anything that is no number.

    Examples
    --------
    >>> number(0.5), number(None)
    (0.5, nan)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan


def percent_digits(value: Any, *, largest: float | None = None) -> str:
    """
    Write a share in per cent, without the sign: whole numbers from 10 % on, below 0.1 % two decimals.

    Parameters
    ----------
    value : Any
        Share: 0.41 is 41 %. None gives ``"n/a"``.
    largest : float or None, default None
        Share whose size sets the number of decimals; None is the value itself. The ends of an interval agree.

    Returns
    -------
    str
        For example ``"41"``, ``"−3.2"`` or ``"5,000"``; with a power of ten where a number would be too long.

    Examples
    --------
    >>> percent_digits(50.0), percent_digits(0.412), percent_digits(-0.0321), percent_digits(0.0004)
    ('5,000', '41', '−3.2', '0.04')
    >>> percent_digits(1e9)
    '1\u202f×\u202f10¹¹'
    """
    share = number(value)
    if math.isnan(share):
        return MISSING
    size = abs(share if largest is None else largest)
    if 100 * size >= LONG:
        return scientific(100 * share)
    decimals = 0 if size >= 0.0995 else 1 if size >= 0.00095 else 2
    text = f"{100 * share:,.{decimals}f}"
    return "0" if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def percent(value: Any) -> str:
    r"""
    Write a share in per cent with its sign, kept on one line by a no-break space.

    Parameters
    ----------
    value : Any
        Share: 0.41 is 41 %. None gives ``"n/a"``.

    Returns
    -------
    str
        For example ``"41 %"``.

    Examples
    --------
    >>> percent(0.412) == "41\u00a0%", percent(None)
    (True, 'n/a')
    """
    digits = percent_digits(value)
    return digits if digits == MISSING else f"{digits}{NBSP}%"


def budget(value: Any) -> str:
    r"""
    Write a budget as per cent, with no more digits than it was given with.

    Parameters
    ----------
    value : Any
        Injected rows over clean rows.

    Returns
    -------
    str
        For example ``"5 %"`` or ``"12.5 %"``.

    Examples
    --------
    >>> budget(0.05) == "5\u00a0%", budget(0.125) == "12.5\u00a0%"
    (True, True)
    """
    share = number(value)
    return MISSING if math.isnan(share) else f"{100 * share:.4g}{NBSP}%"


def percent_interval(low: Any, high: Any) -> str:
    r"""
    Write both ends of an interval of shares, with the same number of decimals.

    Parameters
    ----------
    low, high : Any
        Shares; None where there is no interval (one seed).

    Returns
    -------
    str
        For example ``"35 to 47 %"``; ``"n/a"`` if an end is missing.

    Examples
    --------
    >>> percent_interval(0.351, 0.472) == "35 to 47\u00a0%", percent_interval(None, 0.4)
    (True, 'n/a')
    """
    ends = number(low), number(high)
    if math.isnan(ends[0] + ends[1]):
        return MISSING
    largest = max(abs(end) for end in ends)
    first, last = (percent_digits(end, largest=largest) for end in ends)
    return f"{first} to {last}{NBSP}%"


def metric(value: Any, name: str) -> str:
    """
    Write a value of the metric: AUC with three decimals, NMSE with three significant digits.

    Parameters
    ----------
    value : Any
        Value of the metric, or None.
    name : str
        Name of the metric, ``"AUC"`` or ``"NMSE"``.

    Returns
    -------
    str
        For example ``"0.978"``.

    Examples
    --------
    >>> metric(0.97812, "AUC"), metric(0.04321, "NMSE"), metric(331.4, "NMSE"), metric(1234.5, "NMSE")
    ('0.978', '0.0432', '331', '1,234')
    """
    shown = number(value)
    if math.isnan(shown):
        return MISSING
    if abs(shown) >= LONG:
        return scientific(shown)
    if name == "AUC":
        return f"{shown:.3f}"
    if abs(shown) >= 1000:
        return f"{shown:,.0f}"
    return f"{shown:#.3g}".removesuffix(".") if abs(shown) >= 1e-4 else scientific(shown)


def metric_interval(low: Any, high: Any, name: str) -> str:
    """
    Write both ends of an interval of the metric.

    Parameters
    ----------
    low, high : Any
        Values of the metric; None where there is no interval.
    name : str
        Name of the metric.

    Returns
    -------
    str
        For example ``"0.951 to 0.962"``; ``"n/a"`` if an end is missing.

    Examples
    --------
    >>> metric_interval(0.951, 0.962, "AUC")
    '0.951 to 0.962'
    """
    if math.isnan(number(low) + number(high)):
        return MISSING
    return f"{metric(low, name)} to {metric(high, name)}".replace("-", "−")


def scientific(value: Any) -> str:
    """
    Write a number of any size with two to four significant digits.

    Parameters
    ----------
    value : Any
        A number, or None.

    Returns
    -------
    str
        Plain between 0.0001 and 10,000, else with a power of ten.

    Examples
    --------
    >>> scientific(0.1), scientific(3e-9), scientific(0)
    ('0.1', '3\u202f×\u202f10⁻⁹', '0')
    """
    shown = number(value)
    if math.isnan(shown):
        return MISSING
    if shown == 0 or 1e-4 <= abs(shown) < 1e4:
        return f"{shown:.4g}".replace("-", "−")
    mantissa, exponent = f"{shown:.1e}".split("e")
    mantissa = mantissa.removesuffix(".0").replace("-", "−")
    power = str(int(exponent)).translate(_SUPERSCRIPTS)
    return f"{mantissa}\u202f×\u202f10{power}"


def count(value: Any) -> str:
    """
    Write a number of things, with a comma for thousands.

    Parameters
    ----------
    value : Any
        A whole number, or None.

    Returns
    -------
    str
        For example ``"3,600"``.

    Examples
    --------
    >>> count(3600)
    '3,600'
    """
    shown = number(value)
    return MISSING if math.isnan(shown) else f"{shown:,.0f}"
