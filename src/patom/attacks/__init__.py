"""Attacks: an attacker's aims and means, the bilevel program that follows from them, and ways to solve it.

``adversary`` is the threat model. ``program`` is the upper level of the program and ``lower_level`` the victim's fit
below it; ``gradients`` differentiates the two together. ``base`` has what all attacks share, from the signature to the
``result``, which can be saved; ``promises`` checks the rows on the way. ``patom`` is the paper's attack and ``random``
its baseline; ``ascent`` is ours; ``baselines`` are those of the literature. ``certified`` bounds what any attack can
reach.
"""

from patom.attacks.adversary.accounts import NewTasks
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
from patom.attacks.baselines.single_task import SingleTask
from patom.attacks.certified.flooding import flooding_bound
from patom.attacks.certified.loss_bound import LossBound, loss_bound
from patom.attacks.certified.points_needed import points_needed
from patom.attacks.chosen_accounts import ChosenAccounts, choose_accounts
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
    "ChosenAccounts",
    "ChosenAttackers",
    "GreyBox",
    "Hypergradient",
    "Influence",
    "LabelFlip",
    "LossBound",
    "ModelTargeted",
    "NewTasks",
    "OwnData",
    "ProjectedAscent",
    "RandomAttack",
    "SingleTask",
    "Sparing",
    "Targeted",
    "ThreatModel",
    "choose_accounts",
    "choose_attackers",
    "flooding_bound",
    "hypergradient",
    "loss_bound",
    "points_needed",
]
