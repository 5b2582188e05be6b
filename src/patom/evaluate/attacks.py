"""Which class serves which method, and how settings become an attack."""

from dataclasses import fields
from typing import Any

from patom import attacks
from patom.results.methods import Method

ATTACKS = (
    attacks.RandomAttack, attacks.PATOM, attacks.ProjectedAscent, attacks.LabelFlip, attacks.Influence,
    attacks.BackGradient, attacks.SingleTask, attacks.ModelTargeted, attacks.AT2FL,
)  # fmt: skip
CLASSES: dict[Method, type[Any]] = {attack.name: attack for attack in ATTACKS}


def known_settings(method: Method, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that the method's class has.

    >>> known_settings(Method.RANDOM, {"features": "uniform", "step_size": 1.0})
    {'features': 'uniform'}
    """
    known = {field.name for field in fields(CLASSES[method])}
    return {name: value for name, value in settings.items() if name in known}
