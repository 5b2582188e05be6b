"""Learners of the literature that are robust to outlier tasks and to bad neighbours, one file each."""

from patom.defenses.learners.armul import ARMULClassifier, ARMULRegressor
from patom.defenses.learners.loss_weighted import LossWeightedClassifier, LossWeightedRegressor
from patom.defenses.learners.rmtfl import RMTFLClassifier, RMTFLRegressor

__all__ = [
    "ARMULClassifier",
    "ARMULRegressor",
    "LossWeightedClassifier",
    "LossWeightedRegressor",
    "RMTFLClassifier",
    "RMTFLRegressor",
]
