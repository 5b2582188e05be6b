"""Text that is a number, and text that is meant as one."""

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"
_MEANT_AS_NUMBER = _NUMBER + r"|^[+-]?\d*[.,]?\d+([eE][+-]?\d+)?\s?%?$"  # also 1,5 and 20 %


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
    """Mark text that is a number to a person, shape (n,).

    Examples
    --------
    >>> import pyarrow as pa
    >>> meant_as_numbers(pa.array(["1,5", "20 %", "2020-01-02", None])).tolist()
    [True, True, False, False]
    """
    return _matches(text, _MEANT_AS_NUMBER)


def _matches(text: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(text, pattern), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
