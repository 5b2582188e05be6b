"""The attacker: what she may do (``threat``), how she does it (one file an attack), what comes of it (``result``)."""

from patom.attacks.gradients import Hypergradient, hypergradient
from patom.attacks.patom import PATOM
from patom.attacks.projected_ascent import ProjectedAscent
from patom.attacks.random_attack import RandomAttack
from patom.attacks.result import AttackResult, AttackStatus
from patom.attacks.threat import ThreatModel

__all__ = [
    "PATOM",
    "AttackResult",
    "AttackStatus",
    "Hypergradient",
    "ProjectedAscent",
    "RandomAttack",
    "ThreatModel",
    "hypergradient",
]
