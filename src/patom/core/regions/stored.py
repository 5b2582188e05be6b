"""Regions as plain notes and arrays, for files without pickle."""

from dataclasses import fields
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray
from patom.core.regions.ball import Ball
from patom.core.regions.box import Box, Fixed
from patom.core.regions.ellipsoid import Ellipsoid
from patom.core.regions.intersection import Intersection
from patom.core.regions.protocol import Region
from patom.core.regions.slab import Slab

_KNOWN: dict[str, type[Any]] = {kind.__name__: kind for kind in (Ball, Box, Ellipsoid, Fixed, Slab)}


def describe(region: Region, arrays: dict[str, AnyArray]) -> dict[str, Any]:
    """Notes that JSON can hold; the region's arrays are added to ``arrays`` under names of their own.

    Raises
    ------
    TypeError
        For a region that is not patom's.

    Examples
    --------
    >>> arrays = {}
    >>> describe(Ball(2.0, [1.0, 0.0]), arrays), arrays
    ({'name': 'Ball', 'radius': 2.0, 'centre': {'array': 'region_0'}}, {'region_0': array([1., 0.])})
    >>> restore(describe(Ball(2.0, [1.0, 0.0]), arrays), arrays)
    Ball(radius=2.0, centre=array([1., 0.]))
    """
    name = type(region).__name__
    if type(region) is Intersection:
        return {"name": name, "regions": [describe(part, arrays) for part in region.regions]}
    if type(region) is not _KNOWN.get(name):
        raise TypeError(f"region of ThreatModel is a {name}, which load would not know; only patom's can be saved.")
    notes: dict[str, Any] = {"name": name}
    for part in fields(region):  # type: ignore[arg-type]
        value = getattr(region, part.name)
        notes[part.name] = {"array": _add(value, arrays)} if isinstance(value, np.ndarray) else value
    return notes


def restore(notes: dict[str, Any], arrays: dict[str, AnyArray]) -> Region:
    """The region that ``describe`` took apart."""
    if notes["name"] == "Intersection":
        return Intersection(*(restore(part, arrays) for part in notes["regions"]))
    settings = {key: arrays[value["array"]] if isinstance(value, dict) else value for key, value in notes.items()}
    kind = _KNOWN[notes["name"]]
    region: Region = kind(**{key: value for key, value in settings.items() if key != "name"})
    return region


def _add(value: AnyArray, arrays: dict[str, AnyArray]) -> str:
    key = f"region_{sum(name.startswith('region_') for name in arrays)}"
    arrays[key] = value
    return key
