"""The inner loop of Algorithm 1: every sampled target row moves every injected row, which is projected at once.

Injected rows do not depend on each other within a sweep and are handled in parallel; the order of the samples
matters and is kept.
"""

import numpy as np
from numba import prange

from patom.core.arrays import FloatArray, IntArray
from patom.core.compiled import compiled
from patom.core.regions import Ball, Region


def sweep(
    X: FloatArray, samples: FloatArray, pushes: FloatArray, sample_group: IntArray, gain: FloatArray, region: Region
) -> FloatArray:
    """Apply eq. 6 sample by sample: x_r <- Proj(x_r + push_q gain_r,g(q) x_q) for q in order, for every r.

    Parameters
    ----------
    X : array of shape (r, d)
        Injected rows' features; not changed.
    samples : array of shape (b, d)
        Sampled clean rows x_q of the target tasks.
    pushes : array of shape (b,)
        Step size times the loss slope l'(w_p'x_q, y_q).
    sample_group : array of shape (b,)
        Which task p each sample belongs to, as a column of ``gain``.
    gain : array of shape (r, t)
        Dual times coupling, a^_r Phi_ip.
    region : Region
        Compiled for a ball around 0; any other region runs through its ``project``.

    Returns
    -------
    array of shape (r, d)
        Costs O(r b d).
    """
    if isinstance(region, Ball) and region.around_zero:
        moved = np.array(X, order="C")
        run = _sweep_ball(X.shape[0] * samples.size)
        run(moved, np.ascontiguousarray(samples), pushes, sample_group, gain, region.radius)
        return moved
    for sample, push, group in zip(samples, pushes, sample_group, strict=True):
        X = region.project(X + push * gain[:, group, None] * sample)
    return X


@compiled
def _sweep_ball(
    X: FloatArray, samples: FloatArray, pushes: FloatArray, sample_group: IntArray, gain: FloatArray, radius: float
) -> None:
    for r in prange(X.shape[0]):
        for q in range(samples.shape[0]):
            step = pushes[q] * gain[r, sample_group[q]]
            square = 0.0
            for c in range(X.shape[1]):
                X[r, c] += step * samples[q, c]
                square += X[r, c] * X[r, c]
            if square > radius * radius:
                shrink = radius / np.sqrt(square)
                for c in range(X.shape[1]):
                    X[r, c] *= shrink
