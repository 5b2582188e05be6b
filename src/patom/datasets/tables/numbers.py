"""Text that is a number, and text that is meant as one: thousands, currencies, percent, signs of other scripts."""

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"

_SPACE = r"[\s\p{Zs}\p{Cf}]"  # no-break, narrow and zero-width ones too
_SIGN = r"[+\-\x{2010}-\x{2015}\x{2212}\x{FE63}\x{FF0B}\x{FF0D}]"
_MONEY = (
    r"(?:[A-Z]{0,3}\p{Sc}|(?i:usd|eur|gbp|jpy|chf|cny|inr|cad|aud|nzd|sek|nok|dkk|pln|czk|huf|rub|brl|mxn|zar|krw|try)"
    r"|kr\.?|z\x{142}|Rs\.?)"
)
_MARK = rf"(?:{_MONEY}|[%\x{{2030}}\x{{FF05}}\x{{B0}}])"
_GROUPED = "|".join(
    [
        r"\p{Nd}{1,3}(?:,\p{Nd}{2,3})*,\p{Nd}{3}(?:\.\p{Nd}*)?",  # 1,234.5, and 12,34,567 as in India
        r"\p{Nd}{1,3}(?:\.\p{Nd}{3})+,\p{Nd}*",  # 1.234,5
        r"\p{Nd}{1,3}(?:\.\p{Nd}{3}){2,}",  # 1.234.567
        r"\p{Nd}{1,3}(?:['\x{2019}\x{2BC}\x{B4}`]\p{Nd}{3})+(?:[.,]\p{Nd}*)?",  # 1'234.5
        rf"\p{{Nd}}{{1,3}}(?:{_SPACE}\p{{Nd}}{{3}})+(?:[.,]\p{{Nd}}*)?",  # 1 234,5
        r"\p{Nd}{1,3}(?:\x{66C}\p{Nd}{3})+(?:\x{66B}\p{Nd}*)?",  # the same in Arabic
        rf"\p{{Nd}}*{_SPACE}?[\x{{BC}}-\x{{BE}}\x{{2150}}-\x{{215E}}]",  # one and a half
    ]
)
_POWER = rf"(?:[eEdD]|{_SPACE}?[x\x{{D7}}\x{{B7}}*]{_SPACE}?10(?:\^|\*\*))"
_DIGITS = rf"(?:{_GROUPED}|\p{{Nd}}+[.,\x{{66B}}\x{{B7}}]?\p{{Nd}}*|[.,]\p{{Nd}}+)(?:{_POWER}{_SIGN}?\p{{Nd}}+)?"
_SIGNED = rf"{_SIGN}?{_SPACE}?{_DIGITS}|{_DIGITS}{_SIGN}"
_MARKED = (
    rf"{_SIGN}?{_SPACE}*{_MARK}?{_SPACE}*(?:{_SIGNED}){_SPACE}*{_MARK}?{_SIGN}?"
    rf"|\({_SPACE}*{_MARK}?{_SPACE}*{_DIGITS}{_SPACE}*{_MARK}?{_SPACE}*\)"  # bookkeepers' minus
    rf"|{_MARK}{_SPACE}*\({_DIGITS}\)"
)
# The apostrophe is a spreadsheet's, which makes text of a number.
_MEANT = rf"^{_SPACE}*'?(?:{_MARKED}){_SPACE}*$"

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_OTHER = "|".join(
    [
        rf"^(?:{_OCTET}\.){{3}}{_OCTET}$",  # an address
        rf"^\+\d+(?:{_SPACE}\d+)+$|^\d{{3}}(?:{_SPACE}\d{{3}}){{2}}$",  # a telephone
    ]
)


def numbers_among(text: Any) -> NDArray[np.bool_]:
    """Mark text that is read as a number, such as -1.5 or 2e3, shape (n,).

    Examples
    --------
    >>> import pyarrow as pa
    >>> numbers_among(pa.array(["2e3", "1,5", None]))
    array([ True, False, False])
    """
    return _matches(text, _NUMBER)


def meant_as_numbers(text: Any) -> NDArray[np.bool_]:
    """Mark text that is a number to a person, shape (n,); no dates, times, versions, addresses or telephones.

    Examples
    --------
    >>> import pyarrow as pa
    >>> meant_as_numbers(pa.array(["1,234,567", "$1.50", "(1.5)", "20 %", "2020-01-02", "10:30", "v1.2"])).tolist()
    [True, True, True, True, False, False, False]
    """
    return _matches(text, _NUMBER) | (_matches(text, _MEANT) & ~_matches(text, _OTHER))


def _matches(text: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
