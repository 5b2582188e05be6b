"""Numbers as a page shows them: sensible digits, a true minus sign, no line break before a percent sign."""

import math
import re

from patom.wording import as_asked
from patom.wording import percent_digits as plain_digits

MISSING = "n/a"
NBSP = "\u00a0"
LONG = 1e9
"""What is not smaller is written with a power of ten."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None) -> float:
    """Turn an entry of the results into a float: NaN for None and for what is not finite.

    >>> number(0.5), number(None)
    (0.5, nan)
    """
    return float(value) if value is not None and math.isfinite(value) else math.nan


def typeset(words: object) -> str:
    """Keep each percent sign on the line of its number, and write a true minus sign before a number.

    >>> typeset("from -37 % on, by 3-fold cross-validation") == f"from −37{NBSP}% on, by 3-fold cross-validation"
    True
    """
    return re.sub(r"(?<![\w-])-(?=\d)", "−", str(words)).replace(" %", f"{NBSP}%")


def signed(words: str) -> str:
    """Write a true minus sign in place of a hyphen."""
    return words.replace("-", "−")


def percent_digits(value: float | None, *, largest: float | None = None) -> str:
    """Write a share in per cent without its sign; see ``wording.percent_digits``. A long one has a power of ten.

    >>> percent_digits(0.412), percent_digits(-0.0321), percent_digits(1e9)
    ('41', '−3.2', '1\u202f×\u202f10¹¹')
    """
    share = number(value)
    if math.isnan(share):
        return MISSING
    if 100 * abs(share if largest is None else largest) >= LONG:
        return scientific(100 * share)
    return signed(plain_digits(share, largest))


def percent(value: float | None) -> str:
    """Write a share in per cent with its sign.

    >>> percent(0.412) == f"41{NBSP}%", percent(None)
    (True, 'n/a')
    """
    digits = percent_digits(value)
    return digits if digits == MISSING else f"{digits}{NBSP}%"


def percent_interval(low: float | None, high: float | None) -> str:
    """Write both ends of an interval of shares with the same number of decimals.

    >>> percent_interval(0.351, 0.472) == f"35 to 47{NBSP}%", percent_interval(None, 0.4)
    (True, 'n/a')
    """
    ends = number(low), number(high)
    if math.isnan(ends[0] + ends[1]):
        return MISSING
    largest = max(abs(end) for end in ends)
    first, last = (percent_digits(end, largest=largest) for end in ends)
    return f"{first} to {last}{NBSP}%"


def budget(value: float | None, digits: int = 3) -> str:
    """Write a budget, a threshold or a level in per cent, with no more digits than it was given with.

    >>> budget(0.05) == f"5{NBSP}%", budget(0.125) == f"12.5{NBSP}%"
    (True, True)
    """
    share = number(value)
    return MISSING if math.isnan(share) else typeset(as_asked(share, digits))


def metric(value: float | None, name: str) -> str:
    """Write a value of the metric: AUC with three decimals, NMSE with three significant digits.

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


def metric_interval(low: float | None, high: float | None, name: str) -> str:
    """Write both ends of an interval of the metric.

    >>> metric_interval(0.951, 0.962, "AUC")
    '0.951 to 0.962'
    """
    if math.isnan(number(low) + number(high)):
        return MISSING
    return signed(f"{metric(low, name)} to {metric(high, name)}")


def scientific(value: float | None) -> str:
    """Write a number of any size with two to four significant digits, beyond 0.0001 and 10,000 with a power of ten.

    >>> scientific(0.1), scientific(3e-9), scientific(0)
    ('0.1', '3\u202f×\u202f10⁻⁹', '0')
    """
    shown = number(value)
    if math.isnan(shown):
        return MISSING
    if shown == 0 or 1e-4 <= abs(shown) < 1e4:
        return signed(f"{shown:.4g}")
    mantissa, exponent = f"{shown:.1e}".split("e")
    power = str(int(exponent)).translate(_SUPERSCRIPTS)
    return f"{signed(mantissa.removesuffix('.0'))}\u202f×\u202f10{power}"


def count(value: float | None) -> str:
    """Write a number of things, with a comma for thousands.

    >>> count(3600), count(None)
    ('3,600', 'n/a')
    """
    shown = number(value)
    return MISSING if math.isnan(shown) else f"{shown:,.0f}"
