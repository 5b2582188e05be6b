"""JSON: the text that reports are written as, and values of any text, or an error whose message is one clause."""

import json
import math
from collections import Counter
from typing import Any, NoReturn


def json_text(value: Any) -> str:
    """The lines of a file that people may read; a ValueError for NaN and infinities."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """Plain data with None in the place of numbers that are not finite, which JSON cannot hold.

    >>> finite({"a": [0.5, float("nan")]})
    {'a': [0.5, None]}
    """
    if isinstance(value, dict):
        return {name: finite(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(content: bytes | str, *, strict: bool = True) -> Any:
    """The value of a JSON text; bytes are UTF-8.

    A ValueError for what is no JSON, an object with a key twice, too deep a nesting and, if ``strict``, for what Python
    accepts and JSON in UTF-8 cannot hold: NaN, infinities, too large numbers, halves of characters (lone surrogates).

    >>> read_json('{"a": [1, null]}')
    {'a': [1, None]}
    >>> read_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
        ...
    ValueError: the key 'a' is there twice
    """
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    hooks: dict[str, Any] = {"parse_constant": _refused, "parse_float": _finite} if strict else {}
    try:
        value = json.loads(text, object_pairs_hook=_once, **hooks)
        if strict:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error}") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character, a lone surrogate") from None
    except RecursionError:
        raise ValueError("its lists or objects are nested too deeply") from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("it holds a number that is too large for a float")
    return value
