"""Defenses: filters of rows (a file each), an estimator behind them, ``learners`` that hold out, ``screening``."""

from patom.defenses.chain import Chain
from patom.defenses.clip import Clip
from patom.defenses.learners import (
    ARMULClassifier,
    ARMULRegressor,
    LossWeightedClassifier,
    LossWeightedRegressor,
    RMTFLClassifier,
    RMTFLRegressor,
)
from patom.defenses.leverage import Leverage
from patom.defenses.neighbours import Neighbours
from patom.defenses.roni import Roni
from patom.defenses.sanitised import Sanitised
from patom.defenses.sanitiser import Kept, Sanitiser
from patom.defenses.screening import Screening, screen
from patom.defenses.shares import Shares
from patom.defenses.slab import Slab
from patom.defenses.sphere import Sphere
from patom.defenses.trim import Trim

__all__ = [
    "ARMULClassifier",
    "ARMULRegressor",
    "Chain",
    "Clip",
    "Kept",
    "Leverage",
    "LossWeightedClassifier",
    "LossWeightedRegressor",
    "Neighbours",
    "RMTFLClassifier",
    "RMTFLRegressor",
    "Roni",
    "Sanitised",
    "Sanitiser",
    "Screening",
    "Shares",
    "Slab",
    "Sphere",
    "Trim",
    "screen",
]
