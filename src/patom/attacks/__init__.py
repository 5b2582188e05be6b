"""The attacker: what she wants, knows and may do (``threat``), how she does it (one file an attack), what comes of it.

``threat`` is put together from ``objectives``, ``places`` (where rows may lie) and ``knowledge``; ``bilevel`` is the
program that follows, ``gradients`` its derivatives, ``recording`` the one way from an attack's rows to its ``result``.
"""

from patom.attacks.accounts import ChosenAttackers, choose_attackers
from patom.attacks.at2fl import AT2FL
from patom.attacks.back_gradient import BackGradient
from patom.attacks.gradients import Hypergradient, hypergradient
from patom.attacks.influence import Influence
from patom.attacks.knowledge import GreyBox
from patom.attacks.label_flip import LabelFlip
from patom.attacks.model_targeted import ModelTargeted
from patom.attacks.objectives import Availability, Sparing, Targeted
from patom.attacks.patom import PATOM
from patom.attacks.places import ByTask, OwnData
from patom.attacks.points_needed import points_needed
from patom.attacks.projected_ascent import ProjectedAscent
from patom.attacks.random_attack import RandomAttack
from patom.attacks.result import AttackResult, AttackStatus
from patom.attacks.single_task import SingleTask
from patom.attacks.threat import ThreatModel

__all__ = [
    "AT2FL",
    "PATOM",
    "AttackResult",
    "AttackStatus",
    "Availability",
    "BackGradient",
    "ByTask",
    "ChosenAttackers",
    "GreyBox",
    "Hypergradient",
    "Influence",
    "LabelFlip",
    "ModelTargeted",
    "OwnData",
    "ProjectedAscent",
    "RandomAttack",
    "SingleTask",
    "Sparing",
    "Targeted",
    "ThreatModel",
    "choose_attackers",
    "hypergradient",
    "points_needed",
]
