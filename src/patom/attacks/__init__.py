"""The attacker: what she wants, knows and may do (``threat``), how she does it (one file an attack), what comes of it.

``threat`` is put together from ``objectives``, ``places`` (where rows may lie) and ``knowledge``; ``bilevel`` is the
program that follows, ``gradients`` its derivatives, ``recording`` the one way from an attack's rows to its ``result``.
"""

from patom.attacks.gradients import Hypergradient, hypergradient
from patom.attacks.knowledge import GreyBox
from patom.attacks.objectives import Availability, Sparing, Targeted
from patom.attacks.patom import PATOM
from patom.attacks.places import ByTask, OwnData
from patom.attacks.projected_ascent import ProjectedAscent
from patom.attacks.random_attack import RandomAttack
from patom.attacks.result import AttackResult, AttackStatus
from patom.attacks.threat import ThreatModel

__all__ = [
    "PATOM",
    "AttackResult",
    "AttackStatus",
    "Availability",
    "ByTask",
    "GreyBox",
    "Hypergradient",
    "OwnData",
    "ProjectedAscent",
    "RandomAttack",
    "Sparing",
    "Targeted",
    "ThreatModel",
    "hypergradient",
]
