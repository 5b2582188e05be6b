"""Which class serves which method, and how settings become an attack."""

from dataclasses import fields
from typing import Any

from patom import attacks
from patom.results.methods import Method

CLASSES: dict[Method, type[Any]] = {
    Method.RANDOM: attacks.RandomAttack,
    Method.PATOM: attacks.PATOM,
    Method.ASCENT: attacks.ProjectedAscent,
    Method.FLIP: attacks.LabelFlip,
    Method.INFLUENCE: attacks.Influence,
    Method.BACK_GRADIENT: attacks.BackGradient,
    Method.SINGLE_TASK: attacks.SingleTask,
    Method.MODEL_TARGETED: attacks.ModelTargeted,
    Method.AT2FL: attacks.AT2FL,
}


def known_settings(method: Method, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that the method's class has.

    >>> known_settings(Method.RANDOM, {"features": "uniform", "step_size": 1.0})
    {'features': 'uniform'}
    """
    known = {field.name for field in fields(CLASSES[method])}
    return {name: value for name, value in settings.items() if name in known}
