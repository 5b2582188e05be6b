"""Frozen dataclasses as plain notes and arrays, for files without pickle."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray


def known(kinds: Iterable[type]) -> dict[str, type]:
    """The classes by name, as ``describe`` and ``restore`` want them."""
    return {kind.__name__: kind for kind in kinds}


def describe(value: Any, arrays: dict[str, AnyArray], kinds: Mapping[str, type]) -> Any:
    """Notes that JSON can hold; arrays are added to ``arrays`` under names of their own.

    Parameters
    ----------
    value : None, bool, number, str, array, tuple of these, or dataclass of one of ``kinds`` with such fields
    arrays : dict
    kinds : mapping of name to class

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
    if isinstance(value, tuple):
        return {"tuple": [describe(part, arrays, kinds) for part in value]}
    kind = type(value)
    if kind is not kinds.get(kind.__name__):
        raise TypeError(kind.__name__)
    return {"name": kind.__name__} | {
        part.name: describe(getattr(value, part.name), arrays, kinds) for part in fields(value)
    }


def restore(notes: Any, arrays: Mapping[str, AnyArray], kinds: Mapping[str, type]) -> Any:
    """What ``describe`` took apart."""
    if not isinstance(notes, dict):
        return notes
    if "array" in notes:
        return arrays[notes["array"]]
    if "tuple" in notes:
        return tuple(restore(part, arrays, kinds) for part in notes["tuple"])
    given = {name: restore(part, arrays, kinds) for name, part in notes.items() if name != "name"}
    kind = kinds[notes["name"]]
    if not kind.__dataclass_params__.init:  # type: ignore[attr-defined]  # an Intersection(*regions)
        return kind(*next(iter(given.values())))
    return kind(**given)
