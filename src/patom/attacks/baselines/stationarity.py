"""How far given weights are from optimal on clean and injected rows, and injected rows that bring them closer."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from patom.attacks.ascent.coordinates import Chart
from patom.attacks.ascent.spectral_steps import first_scales, next_scales, shortened
from patom.attacks.gradients import through_rows
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.kernels import row_products, weighted_sums
from patom.core.penalties.penalty import fenchel_gap
from patom.core.rows import append_constant

_MEMORY = 5  # steps, below the highest of which a step must fall (Grippo, Lampariello and Lucidi 1986)
_SHORTEST, _SUFFICIENT = 1e-4, 1e-4
_RIDGE = 1e-10  # of the lambdas: makes R* differentiable where lambda_1 = 0


@dataclass(frozen=True)
class Stationarity:
    """The duality gap of fixed weights as a function of the injected rows.

    Weights W are optimal for the victim where V = -grad f(W) is a subgradient of R at W. For a quadratic penalty there
    is one subgradient; for the spectral one V may differ from it off W's support, by singular values of up to
    lambda_2 ||W||_*. The gap R(W) + R*(V) - <W, V> allows for all that: it is 0 where W is optimal and only there, and
    bounds how far (1) at W is above its optimum. Its gradient in V is argmax_U {<U, V> - R(U)} - W.
    For independent tasks it is ||grad F(W)||^2 over twice the ridge, which is what Koh, Steinhardt and Liang minimise.

    Parameters
    ----------
    program : Bilevel
    W : array of shape (m, p)
    """

    program: Bilevel
    W: FloatArray
    clean: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        rows, loss = self.program.problem.rows, self.program.problem.loss
        slopes = loss.slope(row_products(rows.X, rows.offsets, self.W), rows.y)
        object.__setattr__(self, "clean", weighted_sums(rows.X, rows.offsets, slopes))

    def gradient(self, injection: Injection) -> FloatArray:
        """Grad f(W) on clean and injected rows, shape (m, p); one pass over the injected ones."""
        task, x = injection.task_index, append_constant(injection.X)
        slopes = self.program.problem.loss.slope(np.einsum("rp,rp->r", x, self.W[task]), injection.y)
        total = self.clean.copy()
        np.add.at(total, task, slopes[:, None] * x)
        n = self.program.problem.rows.counts + np.bincount(task, minlength=self.W.shape[0])
        return np.asarray(total / n[:, None])

    def gap(self, injection: Injection) -> float:
        """The duality gap."""
        return fenchel_gap(self.program.lower.penalty(injection), self.W, self.gradient(injection))

    def slopes(self, injection: Injection) -> FloatArray:
        """Its derivatives by the injected rows' features, shape (r, d)."""
        penalty, V = self.program.lower.penalty(injection), -self.gradient(injection)
        ridge = _RIDGE * sum(penalty.weights)
        response = penalty.prox(V / ridge, ridge)  # argmax <W, V> - R(W) - ridge/2 ||W||^2
        return through_rows(self.program, injection, self.W, response - self.W)[0]


def settle(merit: Stationarity, injection: Injection, chart: Chart, max_iter: int) -> Injection:
    """Rows from these on at which the weights are closer to optimal, by spectral projected steps on the gap.

    Costs a decomposition of an (m, p) matrix and a projection of the rows for each of ``max_iter`` trials; no solves.
    """
    best = here = injection
    value = lowest = merit.gap(here)
    memory, tried, slopes = deque([value], maxlen=_MEMORY), 0, -merit.slopes(here)
    scales = first_scales(slopes, chart.size, per_row=False)
    while tried < max_iter and slopes.any():
        Z = chart.coordinates(here)
        move, length = chart.project(here, Z + scales * slopes) - Z, 1.0
        slope = float(np.vdot(slopes, move))
        if slope <= np.finfo(float).eps * value:
            break
        while length >= _SHORTEST and tried < max_iter:
            ahead = chart.injection(here, Z + length * move)
            fallen, tried = merit.gap(ahead), tried + 1
            if fallen <= max(memory) - _SUFFICIENT * length * slope:
                break
            length = shortened(length, value - fallen, slope)
        else:
            break
        before, slopes = slopes, -merit.slopes(ahead)
        made = chart.coordinates(ahead) - Z
        scales = next_scales(scales, made, before - slopes, slopes, chart.size, per_row=False)
        here, value = ahead, fallen
        memory.append(value)
        if value < lowest:
            best, lowest = here, value
    return best
