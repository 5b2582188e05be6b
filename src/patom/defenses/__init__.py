"""Defenses: filters of rows, rules for Omega (``coupling``), ``learners`` that hold out, ``screening`` of tasks."""

from patom.defenses.certificates.certificate import Certificate
from patom.defenses.certificates.partition import PartitionMedian
from patom.defenses.chain import Chain
from patom.defenses.clip import Clip
from patom.defenses.coupling.capped import Capped
from patom.defenses.coupling.coupled import Coupled
from patom.defenses.coupling.held_out import HeldOut
from patom.defenses.coupling.influence import RelationshipInfluence, WithoutInfluential, influence_on_relationships
from patom.defenses.coupling.rule import CouplingRule
from patom.defenses.coupling.shrunken import Shrunken
from patom.defenses.coupling.trusted import TrustedMTRL
from patom.defenses.itrim import ITrim
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
from patom.defenses.reweighted import Reweighted
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
    "Capped",
    "Certificate",
    "Chain",
    "Clip",
    "Coupled",
    "CouplingRule",
    "HeldOut",
    "ITrim",
    "Kept",
    "Leverage",
    "LossWeightedClassifier",
    "LossWeightedRegressor",
    "Neighbours",
    "PartitionMedian",
    "RMTFLClassifier",
    "RMTFLRegressor",
    "RelationshipInfluence",
    "Reweighted",
    "Roni",
    "Sanitised",
    "Sanitiser",
    "Screening",
    "Shares",
    "Shrunken",
    "Slab",
    "Sphere",
    "Trim",
    "TrustedMTRL",
    "WithoutInfluential",
    "influence_on_relationships",
    "screen",
]
