"""Defenses: filters of rows (one file each), an estimator behind them, ``screening`` of tasks, rules for Omega."""

from patom.defenses.chain import Chain
from patom.defenses.coupling.capped import Capped
from patom.defenses.coupling.coupled import Coupled
from patom.defenses.coupling.held_out import HeldOut
from patom.defenses.coupling.influence import RelationshipInfluence, WithoutInfluential, influence_on_relationships
from patom.defenses.coupling.rule import CouplingRule
from patom.defenses.coupling.shrunken import Shrunken
from patom.defenses.coupling.trusted import TrustedMTRL
from patom.defenses.leverage import Leverage
from patom.defenses.neighbours import Neighbours
from patom.defenses.roni import Roni
from patom.defenses.sanitised import Sanitised
from patom.defenses.sanitiser import Kept, Sanitiser
from patom.defenses.screening import Screening, screen
from patom.defenses.slab import Slab
from patom.defenses.sphere import Sphere
from patom.defenses.trim import Trim

__all__ = [
    "Capped",
    "Chain",
    "Coupled",
    "CouplingRule",
    "HeldOut",
    "Kept",
    "Leverage",
    "Neighbours",
    "RelationshipInfluence",
    "Roni",
    "Sanitised",
    "Sanitiser",
    "Screening",
    "Shrunken",
    "Slab",
    "Sphere",
    "Trim",
    "TrustedMTRL",
    "WithoutInfluential",
    "influence_on_relationships",
    "screen",
]
