"""What a solver returns: the weights, a certificate, and a status that is a sentence."""

from dataclasses import dataclass
from enum import Enum

from patom.core.arrays import FloatArray


class Status(Enum):
    """How a solve ended. The value is a sentence."""

    CONVERGED = "Converged: the duality gap is at most the tolerance."
    PRECISION = "Converged as far as float64 allows: rounding keeps the duality gap above the tolerance."
    MAX_ITER = "Stopped at max_iter: the duality gap is still above the tolerance."
    ROUNDING = (
        "Stopped by rounding: float64 cannot tell how far the objective is above its optimum; scale the features."
    )
    STALLED = "Stalled: the alternation no longer moves, but the duality gap is still above the tolerance."


@dataclass(frozen=True)
class Solution:
    """Optimum of problem (1), or the best that was reached.

    ``W`` has one row a task (the transpose of the paper's W), the bias last. Where tasks are spread over the workers of
    a cluster it stays there, and ``W`` is the number of its slot in every shard.
    """

    W: FloatArray  # (m, p)
    objective: float
    duality_gap: float  # Fenchel's: the objective is at most this far above the optimum
    n_iter: int  # proximal-gradient and Newton steps, or sweeps
    status: Status
