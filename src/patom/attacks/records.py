"""What attacks note: iteration by iteration, task by task, and how they ended."""

from enum import Enum

import numpy as np

HISTORY = np.dtype([("iteration", "i8"), ("utility", "f8"), ("gap", "f8"), ("solver_steps", "i8"), ("seconds", "f8")])
TASK_LOSSES = np.dtype([("clean", "f8"), ("attacked", "f8"), ("target", "?"), ("attacker", "?")])


class AttackStatus(Enum):
    """How an attack ended. The value is a sentence."""

    COMPLETED = "All iterations were run, and every fit on the way met its tolerance."
    LOCAL_OPTIMUM = "No step along the gradient raises the utility any more; every fit on the way met its tolerance."
    UNCERTIFIED = "A fit on the way stopped above its tolerance: see history['gap'] and the model's status_."
    UNCOUPLED = "Attacking and target tasks do not influence each other in this model: the rows are as drawn."
