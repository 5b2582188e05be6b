"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """``rounds`` runs of each contestant; ``quick`` takes fewer settings, ``slow`` waits for whoever takes minutes."""

    rounds: int = 5
    quick: bool = False
    slow: bool = False
