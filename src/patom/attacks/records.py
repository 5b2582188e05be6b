"""What attacks note: iteration by iteration, task by task, what they cost, and how they ended."""

from dataclasses import astuple, dataclass
from enum import Enum

import numpy as np

HISTORY = np.dtype([("iteration", "i8"), ("utility", "f8"), ("gap", "f8"), ("solver_steps", "i8"), ("seconds", "f8")])
TASK_LOSSES = np.dtype([("clean", "f8"), ("attacked", "f8"), ("target", "?"), ("attacker", "?")])


class AttackStatus(Enum):
    """How an attack ended. The value is a sentence."""

    COMPLETED = "All iterations were run, and every fit on the way met its tolerance."
    SETTLED = "The last 40 moves raised the utility by next to nothing; every fit met its tolerance."
    LOCAL_OPTIMUM = "No step along the gradient raises the utility any more; every fit on the way met its tolerance."
    UNCERTIFIED = "A fit on the way stopped above its tolerance: see history['gap'] and the model's status_."
    UNCOUPLED = "Attacking and target tasks do not influence each other in this model: the rows are as drawn."


@dataclass
class Tally:
    """What an attack has cost so far.

    Parameters
    ----------
    solves, solver_steps : int
        Solves of (1), and their steps.
    adjoint_solves, products : int
        Linear systems of gradients, and their products with the second derivative.
    """

    solves: int = 0
    solver_steps: int = 0
    adjoint_solves: int = 0
    products: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """What two attacks cost together: ``sum(tallies, Tally())`` is the cost of several.

        >>> Tally(solves=3, products=5) + Tally(solves=1, solver_steps=20)
        Tally(solves=4, solver_steps=20, adjoint_solves=0, products=5)
        """
        return Tally(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))
