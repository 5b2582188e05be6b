"""The attacker: who she is (``adversary``), what program follows (``bilevel``), how she solves it, what comes of it.

``gradients`` differentiates the program; ``patom`` is the paper's attack, ``ascent`` ours, ``rivals`` the literature's;
``certified`` bounds what any attack can reach.
``recording`` is the one way from an attack's rows to its ``result``, past the ``promises`` that all of them keep;
``stored_result`` is the way to a file and back, past ``soundness``: what must be true of a result by itself.
"""

from patom.attacks.adversary.knowledge import GreyBox
from patom.attacks.adversary.objectives import Availability, Sparing, Targeted
from patom.attacks.adversary.places import ByTask, OwnData
from patom.attacks.adversary.threat import ThreatModel
from patom.attacks.ascent.projected_ascent import ProjectedAscent
from patom.attacks.baselines.at2fl import AT2FL
from patom.attacks.baselines.back_gradient import BackGradient
from patom.attacks.baselines.influence import Influence
from patom.attacks.baselines.label_flip import LabelFlip
from patom.attacks.baselines.model_targeted import ModelTargeted
from patom.attacks.baselines.points_needed import points_needed
from patom.attacks.baselines.single_task import SingleTask
from patom.attacks.certified.loss_bound import LossBound, loss_bound
from patom.attacks.chosen_attackers import ChosenAttackers, choose_attackers
from patom.attacks.gradients import Hypergradient, hypergradient
from patom.attacks.patom import PATOM
from patom.attacks.random import RandomAttack
from patom.attacks.result import AttackResult, AttackStatus

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
