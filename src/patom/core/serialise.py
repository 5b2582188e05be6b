"""Frozen dataclasses as plain notes and arrays, for files without pickle."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray

DEPTH = 64
"""How deeply values may lie within each other."""


def known(kinds: Iterable[type]) -> dict[str, type]:
    """The classes by name, as ``describe`` and ``restore`` want them."""
    return {kind.__name__: kind for kind in kinds}


def describe(value: Any, arrays: dict[str, AnyArray], kinds: Mapping[str, type], depth: int = DEPTH) -> Any:
    """Notes that JSON can hold; arrays are added to ``arrays`` under names of their own.

    Parameters
    ----------
    value : None, bool, number, str, array, tuple of these, or dataclass of one of ``kinds`` with such fields
    arrays : dict
    kinds : mapping of name to class
    depth : int
        How deeply values may lie within each other.

    Raises
    ------
    TypeError
        For anything else, with its type's name.

    Examples
    --------
    >>> from patom.core.regions import Ball
    >>> arrays, kinds = {}, known([Ball])
    >>> notes = describe((Ball(2.0, [1.0, 0.0]), 3), arrays, kinds)
    >>> notes
    {'tuple': [{'name': 'Ball', 'radius': 2.0, 'centre': {'array': 'array_0'}}, 3]}
    >>> restore(notes, arrays, kinds)
    (Ball(radius=2.0, centre=array([1., 0.])), 3)
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        key = f"array_{sum(name.startswith('array_') for name in arrays)}"
        arrays[key] = value
        return {"array": key}
    kind = type(value)
    if depth == 0:
        raise TypeError(f"{kind.__name__} within {DEPTH} others")
    if isinstance(value, tuple):
        return {"tuple": [describe(part, arrays, kinds, depth - 1) for part in value]}
    if kind is not kinds.get(kind.__name__):
        raise TypeError(kind.__name__)
    return {"name": kind.__name__} | {
        part.name: describe(getattr(value, part.name), arrays, kinds, depth - 1) for part in fields(value)
    }


def restore(notes: Any, arrays: Mapping[str, AnyArray], kinds: Mapping[str, type], depth: int = DEPTH) -> Any:
    """What ``describe`` took apart; a field that the notes lack has its default.

    Raises
    ------
    ValueError
        For notes that ``describe`` does not write, or values that a class refuses, with a clause that says which.
    """
    if notes is None or isinstance(notes, bool | int | float | str):
        return notes
    if not isinstance(notes, dict) or depth == 0:
        raise ValueError("its notes are nested too deeply" if depth == 0 else "its notes hold a list with no name")
    if set(notes) == {"array"}:
        found = arrays.get(notes["array"]) if isinstance(notes["array"], str) else None
        if found is None:
            raise ValueError("its notes name an array that it lacks")
        return found
    if set(notes) == {"tuple"}:
        if not isinstance(notes["tuple"], list):
            raise ValueError("its notes hold a tuple that is no list")
        return tuple(restore(part, arrays, kinds, depth - 1) for part in notes["tuple"])
    name = notes.get("name")
    if not isinstance(name, str) or name not in kinds:
        raise ValueError("its notes hold a class that is unknown")
    given = {key: restore(part, arrays, kinds, depth - 1) for key, part in notes.items() if key != "name"}
    return _built(name, kinds[name], given)


def mentioned(notes: Any) -> Iterator[str]:
    """Names of the arrays that notes of ``describe`` hold, each as often as it is held."""
    if isinstance(notes, dict) and set(notes) == {"array"}:
        yield notes["array"]
    elif isinstance(notes, dict | list):
        for part in notes.values() if isinstance(notes, dict) else notes:
            yield from mentioned(part)


def _built(name: str, kind: type, given: dict[str, Any]) -> Any:
    unknown = set(given) - {part.name for part in fields(kind)}
    if unknown:
        raise ValueError(f"its notes give {name} a field that it lacks, {min(unknown)!r}")
    try:
        by_name = kind.__dataclass_params__.init  # type: ignore[attr-defined]  # not so an Intersection(*regions)
        built = kind(**given) if by_name else kind(*next(iter(given.values()), ()))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"its notes describe no {name}: {error}") from None
    for key, value in given.items():  # numpy reads "1.5" and True as numbers, and describe writes neither for one
        if isinstance(value, str | bool) and type(getattr(built, key)) is not type(value):
            raise ValueError(f"its notes describe no {name}: {key} is {value!r}")
    return built
