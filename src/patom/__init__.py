"""PATOM: how badly could somebody hurt your multi-task model by feeding it data.

Multi-task relationship learning, data poisoning attacks on it, and an audit built from both.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from patom.attacks import (
        PATOM,
        AttackResult,
        Availability,
        ByTask,
        GreyBox,
        OwnData,
        ProjectedAscent,
        RandomAttack,
        Sparing,
        Targeted,
        ThreatModel,
    )
    from patom.core.covariances import (
        cluster_covariance,
        graph_covariance,
        independent_covariance,
        mean_regularised_covariance,
    )
    from patom.core.regions import (
        Ball,
        Box,
        Columns,
        Ellipsoid,
        Fixed,
        Intersection,
        Slab,
        ellipsoid_around,
        own_data,
        round_features,
        slab_between,
        sphere_around,
    )
    from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor, TaskColumn

__all__ = [
    "PATOM",
    "AttackResult",
    "Availability",
    "Ball",
    "Box",
    "ByTask",
    "Columns",
    "Ellipsoid",
    "Fixed",
    "GreyBox",
    "Intersection",
    "LambdaSearch",
    "MTRLClassifier",
    "MTRLRegressor",
    "OwnData",
    "ProjectedAscent",
    "RandomAttack",
    "Slab",
    "Sparing",
    "Targeted",
    "TaskColumn",
    "ThreatModel",
    "cluster_covariance",
    "ellipsoid_around",
    "graph_covariance",
    "independent_covariance",
    "mean_regularised_covariance",
    "own_data",
    "round_features",
    "slab_between",
    "sphere_around",
]

# Names load on first use: scikit-learn and numba take a second to import, `patom --help` should not.
_HOMES = {
    "patom.attacks": (
        "PATOM",
        "AttackResult",
        "Availability",
        "ByTask",
        "GreyBox",
        "OwnData",
        "ProjectedAscent",
        "RandomAttack",
        "Sparing",
        "Targeted",
        "ThreatModel",
    ),
    "patom.core.covariances": (
        "cluster_covariance",
        "graph_covariance",
        "independent_covariance",
        "mean_regularised_covariance",
    ),
    "patom.core.regions": (
        "Ball",
        "Box",
        "Columns",
        "Ellipsoid",
        "Fixed",
        "Intersection",
        "Slab",
        "ellipsoid_around",
        "own_data",
        "round_features",
        "slab_between",
        "sphere_around",
    ),
    "patom.models": ("LambdaSearch", "MTRLClassifier", "MTRLRegressor", "TaskColumn"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'patom' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
