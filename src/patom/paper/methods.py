"""The attacks that a grid can name, and what the page calls them."""

from dataclasses import dataclass, fields
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

KINDS = ("direct", "indirect", "hybrid")


@dataclass(frozen=True)
class Method:
    """An attack's class and its name on the page."""

    attack: type[Any]
    called: str

    def takes(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings that the attack has."""
        known = {field.name for field in fields(self.attack)}
        return {name: value for name, value in settings.items() if name in known}


METHODS: dict[str, Method] = {
    "random": Method(RandomAttack, "random"),
    "patom": Method(PATOM, "PATOM"),
    "ascent": Method(ProjectedAscent, "ascent"),
    "flip": Method(LabelFlip, "label flip"),
    "influence": Method(Influence, "one-shot influence"),
    "back-gradient": Method(BackGradient, "back-gradient"),
    "single-task": Method(SingleTask, "single-task"),
    "model-targeted": Method(ModelTargeted, "model-targeted"),
    "at2fl": Method(AT2FL, "AT2FL"),
}
LABELS: dict[str, str] = {
    f"{name}-{kind}": f"{method.called}, {kind}" for name, method in METHODS.items() for kind in KINDS
}
"""What the page calls an attack of a kind."""
