"""Where injected rows may lie: feasible regions and their projections."""

from patom.core.regions.ball import Ball, Ellipsoid
from patom.core.regions.bounds import Box, Fixed, Slab
from patom.core.regions.intersection import Intersection
from patom.core.regions.rounding import Columns, Rounded, round_features
from patom.core.regions.sanitised import ellipsoid_around, own_data, slab_between, sphere_around
from patom.core.regions.values import Region

__all__ = [
    "Ball",
    "Box",
    "Columns",
    "Ellipsoid",
    "Fixed",
    "Intersection",
    "Region",
    "Rounded",
    "Slab",
    "ellipsoid_around",
    "own_data",
    "round_features",
    "slab_between",
    "sphere_around",
]
