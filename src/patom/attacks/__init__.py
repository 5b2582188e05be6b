"""The attacker: who she is (``adversary``), what program follows (``bilevel``), how she solves it, what comes of it.

``gradients`` differentiates the program; ``patom`` is the paper's attack, ``ascent`` ours, ``rivals`` the literature's;
``certified`` bounds what any attack can reach.
``recording`` is the one way from an attack's rows to its ``result``, past the ``promises`` that all of them keep;
``stored_result`` is the way to a file and back, past ``soundness``: what must be true of a result by itself.
"""

from patom.attacks.accounts import ChosenAttackers, choose_attackers
from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.objectives import Availability, Sparing, Targeted
from patom.attacks.adversary.places import ByTask, OwnData
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.ascent.projected_ascent import ProjectedAscent
from patom.attacks.certified.loss_bound import LossBound, loss_bound
from patom.attacks.gradients import Hypergradient, hypergradient
from patom.attacks.patom import PATOM
from patom.attacks.random_attack import RandomAttack
from patom.attacks.result import AttackResult, AttackStatus
from patom.attacks.rivals.at2fl import AT2FL
from patom.attacks.rivals.back_gradient import BackGradient
from patom.attacks.rivals.influence import Influence
from patom.attacks.rivals.label_flip import LabelFlip
from patom.attacks.rivals.model_targeted import ModelTargeted
from patom.attacks.rivals.points_needed import points_needed
from patom.attacks.rivals.single_task import SingleTask

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
    "LossBound",
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
    "loss_bound",
    "points_needed",
]
