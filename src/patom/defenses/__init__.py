"""Defenses: ``filters`` of rows, rules for Omega (``coupling``), ``learners`` that resist poisoning.

``certificates`` bound what injected rows can change, ``screening`` ranks tasks for review, ``newcomers``
those that joined lately.
"""

from patom.defenses.certificates import Certificate, PartitionMedian
from patom.defenses.coupling.coupled import Coupled
from patom.defenses.coupling.held_out import HeldOut
from patom.defenses.coupling.influence import RelationshipInfluence, WithoutInfluential, influence_on_relationships
from patom.defenses.coupling.rule import Capped, CouplingRule, Shrunken
from patom.defenses.coupling.trusted import TrustedMTRL
from patom.defenses.filters.chain import Chain
from patom.defenses.filters.clip import Clip
from patom.defenses.filters.distances import Slab, Sphere
from patom.defenses.filters.itrim import ITrim
from patom.defenses.filters.leverage import Leverage
from patom.defenses.filters.neighbours import Neighbours
from patom.defenses.filters.roni import Roni
from patom.defenses.filters.sanitiser import Kept, Sanitised, Sanitiser
from patom.defenses.filters.shares import Shares
from patom.defenses.filters.trim import Trim
from patom.defenses.learners.armul import ARMULClassifier, ARMULRegressor
from patom.defenses.learners.loss_weighted import LossWeightedClassifier, LossWeightedRegressor
from patom.defenses.learners.reweighted import Reweighted
from patom.defenses.learners.rmtfl import RMTFLClassifier, RMTFLRegressor
from patom.defenses.learners.trusted_rows import TrustedRows
from patom.defenses.newcomers import NewTaskInfluence, rank_new_tasks
from patom.defenses.screening import Screening, screen

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
    "NewTaskInfluence",
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
    "TrustedRows",
    "WithoutInfluential",
    "influence_on_relationships",
    "rank_new_tasks",
    "screen",
]
