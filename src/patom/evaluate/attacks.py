"""Which class serves which method, and how settings become an attack."""

from dataclasses import fields
from typing import Any

from patom.attacks import (
    AT2FL,
    PATOM,
    BackGradient,
    Influence,
    LabelFlip,
    ModelTargeted,
    ProjectedAscent,
    RandomAttack,
    SingleTask,
)
from patom.results.methods import Method

CLASSES: dict[Method, type[Any]] = {
    Method.RANDOM: RandomAttack,
    Method.PATOM: PATOM,
    Method.ASCENT: ProjectedAscent,
    Method.FLIP: LabelFlip,
    Method.INFLUENCE: Influence,
    Method.BACK_GRADIENT: BackGradient,
    Method.SINGLE_TASK: SingleTask,
    Method.MODEL_TARGETED: ModelTargeted,
    Method.AT2FL: AT2FL,
}


def known_settings(method: Method, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that the method's class has.

    >>> known_settings(Method.RANDOM, {"features": "uniform", "step_size": 1.0})
    {'features': 'uniform'}
    """
    known = {field.name for field in fields(CLASSES[method])}
    return {name: value for name, value in settings.items() if name in known}
